# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes HTTP requests on this computer, one after the other, and tells every answer; it ends at the first request without one.
# Each request is a line of fields in base64, so that no text needs quoting: method, URL, seconds, 1 with the proxy of the computer, 1 with
# a check of the certificate, 1 with a body, body, pattern, 1 when the body of the answer shall match it, seconds for which the request is
# repeated until then, seconds between two of them, the number of an answer before (from 0; -1 for none), a pattern with one group by which
# a piece of that answer comes into the place of {} in the URL, 1 for the smallest number among all such pieces, and then names and values
# of headers.
# Result: {answers: [{status, headers, body, seconds, kind, reason}]}; the body is gzip in base64. Without an answer the status is 0, and
# kind is timeout, tls or unreachable: Windows' own words are in the language of Windows. The status is -1 for a request that was not made,
# because its piece was not in the answer before.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # The lines. They hold logins, so no cmdlet gets any of them: a policy of Windows can log what cmdlets are given.
    [Parameter(Mandatory = $true)][string]$Lines
)

$ErrorActionPreference = 'Stop'

# No script block, because it is asked on a thread that has no PowerShell.
function Get-Trust {
    $kinds = [object], [System.Security.Cryptography.X509Certificates.X509Certificate], [System.Security.Cryptography.X509Certificates.X509Chain],
    [System.Net.Security.SslPolicyErrors]
    $names = [System.Linq.Expressions.ParameterExpression[]]@($kinds | ForEach-Object { [System.Linq.Expressions.Expression]::Parameter($_) })
    $yes = [System.Linq.Expressions.Expression]::Constant($true)
    return [System.Linq.Expressions.Expression]::Lambda([System.Net.Security.RemoteCertificateValidationCallback], $yes, $names).Compile()
}

function New-Request($Asked) {
    $request = [System.Net.WebRequest]::Create($Asked.Url)
    $request.Method = $Asked.Method
    $request.Timeout = $request.ReadWriteTimeout = 1000 * $Asked.Seconds
    $request.AllowAutoRedirect = $false
    $request.UserAgent = 'mediverse.pacs'
    # Otherwise .NET first asks whether the body is welcome, and waits for an answer that few servers give.
    $request.ServicePoint.Expect100Continue = $false
    if (-not $Asked.Proxy) { $request.Proxy = $null }
    if (-not $Asked.Verified) { $request.ServerCertificateValidationCallback = Get-Trust }
    foreach ($name in $Asked.Headers.Keys) {
        switch ($name) {
            'Accept' { $request.Accept = $Asked.Headers[$name] }
            'Content-Type' { $request.ContentType = $Asked.Headers[$name] }
            default { $request.Headers.Add($name, $Asked.Headers[$name]) }
        }
    }
    return $request
}

function Read-Answer($Response) {
    # An answer that was closed tells no status any more.
    $status = [int]$Response.StatusCode
    $headers = @{}
    foreach ($name in $Response.Headers.AllKeys) { $headers[$name.ToLowerInvariant()] = [string]$Response.Headers[$name] }
    $memory = New-Object -TypeName System.IO.MemoryStream
    try {
        $stream = $Response.GetResponseStream()
        if ($stream) { $stream.CopyTo($memory) }
    }
    finally { $Response.Close() }
    return @{ status = $status; headers = $headers; bytes = $memory.ToArray() }
}

function Get-Failure($Thrown) {
    $kind = 'unreachable'
    for ($one = $Thrown; $one; $one = $one.InnerException) {
        if ($one -is [System.Security.Authentication.AuthenticationException]) { $kind = 'tls' }
        if ($one -is [System.TimeoutException]) { $kind = 'timeout' }
        if ($one -isnot [System.Net.WebException]) { continue }
        if ([string]$one.Status -eq 'Timeout') { $kind = 'timeout' }
        if ([string]$one.Status -in @('TrustFailure', 'SecureChannelFailure')) { $kind = 'tls' }
    }
    return @{ status = 0; headers = @{}; bytes = [byte[]]@(); kind = $kind; reason = $Thrown.GetBaseException().Message }
}

function Invoke-Once($Asked) {
    try {
        $request = New-Request $Asked
        if ($Asked.HasBody) {
            $request.ContentLength = $Asked.Body.Length
            $stream = $request.GetRequestStream()
            try { $stream.Write($Asked.Body, 0, $Asked.Body.Length) } finally { $stream.Dispose() }
        }
        elseif ($Asked.Method -in @('POST', 'PUT', 'PATCH')) { $request.ContentLength = 0 }
        return Read-Answer $request.GetResponse()
    }
    catch {
        for ($one = $_.Exception; $one; $one = $one.InnerException) {
            # Any status is an answer, and .NET throws those from 400 on.
            if ($one -is [System.Net.WebException] -and $one.Response) {
                try { return Read-Answer $one.Response } catch { return Get-Failure $_.Exception }
            }
        }
        return Get-Failure $_.Exception
    }
}

function Read-Line([string]$Line) {
    $fields = New-Object -TypeName 'System.Collections.Generic.List[byte[]]'
    foreach ($field in $Line.Split(' ')) { $fields.Add([Convert]::FromBase64String($field)) }
    $texts = New-Object -TypeName 'System.Collections.Generic.List[string]'
    foreach ($field in $fields) { $texts.Add([System.Text.Encoding]::UTF8.GetString($field)) }
    $headers = @{}
    for ($index = 14; $index + 1 -lt $texts.Count; $index += 2) { $headers[$texts[$index]] = $texts[$index + 1] }
    return @{
        Method = $texts[0]; Url = $texts[1]; Seconds = [int]$texts[2]; Proxy = $texts[3] -eq '1'; Verified = $texts[4] -eq '1'
        HasBody = $texts[5] -eq '1'; Body = $fields[6]; Headers = $headers
        Pattern = $texts[7]; Matches = $texts[8] -eq '1'; For = [double]::Parse($texts[9], [cultureinfo]::InvariantCulture)
        Pause = [double]::Parse($texts[10], [cultureinfo]::InvariantCulture)
        Source = [int]$texts[11]; Piece = $texts[12]; Least = $texts[13] -eq '1'
    }
}

function Test-Awaited($Asked, $Answer) {
    if (-not $Asked.Pattern -or $Answer.status -lt 200 -or $Answer.status -ge 300) { return $true }
    return [regex]::IsMatch([System.Text.Encoding]::UTF8.GetString($Answer.bytes), $Asked.Pattern) -eq $Asked.Matches
}

# The piece of an answer that stands in the URL of a later request; null when it is not there.
function Find-Piece($Asked, $Answer) {
    $piece = $null
    foreach ($match in [regex]::Matches([System.Text.Encoding]::UTF8.GetString($Answer.bytes), $Asked.Piece)) {
        $one = $match.Groups[1].Value
        if (-not $Asked.Least) { return $one }
        if ($null -eq $piece -or [long]$one -lt [long]$piece) { $piece = $one }
    }
    return $piece
}

function Get-Packed([byte[]]$Bytes) {
    $memory = New-Object -TypeName System.IO.MemoryStream
    $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $memory, ([System.IO.Compression.CompressionMode]::Compress)
    if ($Bytes) { $gzip.Write($Bytes, 0, $Bytes.Length) }
    $gzip.Dispose()
    return [Convert]::ToBase64String($memory.ToArray())
}

# Windows PowerShell on an older Windows begins with what is out of use.
$offered = [System.Net.ServicePointManager]::SecurityProtocol
if ($offered -ne 0) { [System.Net.ServicePointManager]::SecurityProtocol = $offered -bor [System.Net.SecurityProtocolType]::Tls12 }

$answers = New-Object -TypeName 'System.Collections.Generic.List[object]'
$read = New-Object -TypeName 'System.Collections.Generic.List[object]'
foreach ($line in $Lines.Split("`n")) {
    $asked = Read-Line $line
    if ($asked.Source -ge 0) {
        $piece = Find-Piece $asked $read[$asked.Source]
        if ($null -eq $piece) {
            $read.Add(@{ bytes = [byte[]]@() })
            $answers.Add(@{ status = -1; headers = @{}; body = ''; seconds = 0; kind = ''; reason = '' })
            continue
        }
        $asked.Url = $asked.Url.Replace('{}', $piece)
    }
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $answer = Invoke-Once $asked
        $took = $watch.Elapsed.TotalSeconds
        if ((Test-Awaited $asked $answer) -or $took -ge $asked.For) { break }
        Start-Sleep -Milliseconds ([int](1000 * $asked.Pause))
    }
    $read.Add($answer)
    $answers.Add(@{
            status = $answer.status; headers = $answer.headers; body = Get-Packed $answer.bytes; seconds = [Math]::Round($took, 3)
            kind = [string]$answer.kind; reason = [string]$answer.reason
        })
    if ($answer.status -eq 0) { break }
}

$Ansible.Changed = $false
$Ansible.Result = @{ answers = $answers.ToArray() }
