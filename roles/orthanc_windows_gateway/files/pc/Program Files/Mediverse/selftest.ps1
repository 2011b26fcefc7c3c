# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Looks at this PC as a gateway, in lines that are green, yellow or red, and changes nothing. Started by selftest.cmd.
# Exit code: the number of red lines; 255 when a part of the test itself failed, whose line is red too and not the last one. It asks for no password: Orthanc's own files have it, which administrators may read.
# It goes by names that Windows has in every language, of states, classes and errors, and by no text.

[CmdletBinding()]
param(
    # One object of JSON for machines: {computer, time, red, untested, lines: [{check, colour, text, advice}]}.
    [switch]$AsJson,
    # Where Orthanc is installed.
    [string]$Program = 'C:\Program Files\Orthanc Server',
    # WireGuard's own program, which knows when its other end was last heard of.
    [string]$WireGuard = 'C:\Program Files\WireGuard\wg.exe',
    # The service of the tunnel to the hub, where there is one.
    [string]$Tunnel = 'WireGuardTunnel$mediverse',
    # Bytes free on the drive of the images below which the line is yellow, and red.
    [long]$DiskLow = 10GB,
    [long]$DiskFull = 2GB,
    # Seconds that the cloud may take.
    [int]$Patience = 20
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
# Windows PowerShell 5.1 offers no more than TLS 1.0 by itself on an old Windows 10.
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

# What ends a script elsewhere: a part that fails costs its own line and no other.
$script:untested = 0
$lines = New-Object -TypeName System.Collections.ArrayList
$invariant = [Globalization.CultureInfo]::InvariantCulture
$universal = [Globalization.DateTimeStyles]'AssumeUniversal, AdjustToUniversal'

function Add-Line([string]$Check, [string]$Colour, [string]$Text, [string]$Advice) {
    $null = $lines.Add([ordered]@{ check = $Check; colour = $Colour; text = $Text; advice = $Advice })
}

# Kind and place alone: the text of an error may quote what it was about, and that may be a password.
function Add-Failure([string]$Check, $Failure) {
    $script:untested++
    $what = '{0} in line {1}' -f $Failure.Exception.GetBaseException().GetType().Name, $Failure.InvocationInfo.ScriptLineNumber
    Add-Line $Check 'red' "This could not be tested ($what)." 'Run this test again; then read this line to the operator.'
}

# The status of an answer and the moment at which it came; without one, what kind of failure it was, by the names of .NET's own errors.
function Get-Answer([string]$Url, [string]$Login, [int]$Seconds, $Proxy = $null) {
    $answer = @{ status = 0; text = ''; date = ''; came = $null; failure = '' }
    $response = $null
    try {
        $request = [Net.WebRequest]::Create($Url)
        $request.Timeout = $Seconds * 1000
        $request.ReadWriteTimeout = $Seconds * 1000
        $request.AllowAutoRedirect = $false
        # As Orthanc does: through its own proxy or none, whatever Windows has set up.
        $request.Proxy = $Proxy
        if ($Login) { $request.Headers['Authorization'] = $Login }
        $response = $request.GetResponse()
    }
    catch {
        $kinds = @()
        for ($cause = $_.Exception; $null -ne $cause; $cause = $cause.InnerException) {
            if ($cause -is [Net.WebException]) {
                $kinds += [string]$cause.Status
                $response = $cause.Response
            }
            # What a proxy answers is an error of this class in newer .NETs, and a response in that of Windows.
            if ($cause.GetType().Name -eq 'HttpRequestException' -and $cause.StatusCode) { $answer.status = [int]$cause.StatusCode }
            if ($cause -is [Security.Authentication.AuthenticationException]) { $kinds += 'TrustFailure' }
            if ($cause -is [Net.Sockets.SocketException]) { $kinds += [string]$cause.SocketErrorCode }
        }
        $answer.failure = $kinds -join ' '
    }
    $answer.came = [DateTime]::UtcNow
    if ($null -ne $response) {
        $answer.failure = ''
        $answer.status = [int]$response.StatusCode
        $answer.date = [string]$response.Headers['Date']
        try { $answer.text = (New-Object -TypeName IO.StreamReader -ArgumentList $response.GetResponseStream(), ([Text.Encoding]::UTF8)).ReadToEnd() }
        catch { $answer.failure = 'ReceiveFailure' }
        $response.Close()
    }
    return $answer
}

# Where nobody can tell it is left to what the files say.
function Test-Administrator {
    try {
        $me = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList ([Security.Principal.WindowsIdentity]::GetCurrent())
        return $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
    }
    catch { return $true }
}

# What Orthanc answers to a question, or nothing.
function Get-Orthanc([string]$Path) {
    if (-not $script:login) { return $null }
    $answer = Get-Answer "$api$Path" $script:login 20
    $script:status = $answer.status
    if ($answer.status -ne 200 -or $answer.failure) { return $null }
    return $answer.text
}

# The same as an object, which is nothing as well where the answer is no JSON. Windows PowerShell 5.1 reads two million characters of it.
function Get-OrthancObject([string]$Path) {
    $text = Get-Orthanc $Path
    if (-not $text) { return $null }
    try { return ConvertFrom-Json -InputObject $text }
    catch { return $null }
}

# What Orthanc has to tell and does not. Where it cannot be asked at all, the line Orthanc says why.
function Add-Untold([string]$Check, [string]$What) {
    if ($system) { Add-Line $Check 'red' "Orthanc does not say $What." 'Wait two minutes and run this test again; then call the operator.' }
    else { Add-Line $Check 'yellow' "It is not known $What." $unknown }
}

# Newer PowerShells make a time of some texts by themselves when they read JSON.
function Get-Time($Text, [string]$Format) {
    if ($Text -is [DateTime]) { return $Text.ToUniversalTime() }
    $time = [DateTime]::MinValue
    if ([DateTime]::TryParseExact([string]$Text, $Format, $invariant, $universal, [ref]$time)) { return $time }
    return $null
}

# A proxy as Orthanc has it: perhaps without http:// in front, perhaps with a login.
function New-Proxy([string]$Text) {
    if (-not $Text) { return $null }
    if ($Text -notmatch '://') { $Text = "http://$Text" }
    $address = New-Object -TypeName Uri -ArgumentList $Text
    $proxy = New-Object -TypeName Net.WebProxy -ArgumentList $address
    if ($address.UserInfo) {
        $user, $password = $address.UserInfo -split ':', 2 | ForEach-Object { [Uri]::UnescapeDataString($_) }
        $proxy.Credentials = New-Object -TypeName Net.NetworkCredential -ArgumentList $user, $password
    }
    return $proxy
}

# How long ago, in the largest unit of which there are two.
function Format-Age([TimeSpan]$Age) {
    if ($Age.TotalMinutes -lt 2) { return 'less than two minutes' }
    if ($Age.TotalHours -lt 2) { return '{0} minutes' -f [Math]::Floor($Age.TotalMinutes) }
    if ($Age.TotalDays -lt 2) { return '{0} hours' -f [Math]::Floor($Age.TotalHours) }
    return '{0} days' -f [Math]::Floor($Age.TotalDays)
}

function Format-Size([long]$Bytes) { return [string]::Format($invariant, '{0:0.0} GB', $Bytes / 1GB) }

function Test-Service([string]$Name, [string]$Check, [string]$What, [string]$Missing) {
    $service = @(Get-Service -Name $Name -ErrorAction SilentlyContinue)
    if ($service.Count -eq 0) {
        Add-Line $Check 'red' "$What is not installed on this PC." $Missing
        return $false
    }
    $state = [string]$service[0].Status
    if ($state -eq 'Running') { return $true }
    if ($state -in @('StartPending', 'ContinuePending')) {
        Add-Line $Check 'yellow' "$What is just starting." 'Wait a minute and run this test again.'
    }
    else {
        Add-Line $Check 'red' "$What does not run, it is $state." 'Restart the PC when the scanner is idle, and run this test again; then call the operator.'
    }
    return $false
}

# A number of an address, to compare the network of two.
function Get-Number([string]$Ip) {
    $parsed = $null
    if (-not [Net.IPAddress]::TryParse($Ip, [ref]$parsed) -or $parsed.AddressFamily -ne 'InterNetwork') { return $null }
    $number = [long]0
    foreach ($byte in $parsed.GetAddressBytes()) { $number = $number * 256 + $byte }
    return $number
}

# Size: the number of addresses in the network.
function Test-SameNetwork([string]$One, [string]$Other, [double]$Size) {
    $first, $second = (Get-Number $One), (Get-Number $Other)
    if ($null -eq $first -or $null -eq $second) { return $false }
    return [Math]::Floor($first / $Size) -eq [Math]::Floor($second / $Size)
}

# Windows uses no address of an adapter without a link. What is stored for it comes into use with the next plug.
function Test-Stored([string]$Guid, [string]$Other) {
    $registry = Get-ItemProperty -LiteralPath "HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\$Guid" -ErrorAction SilentlyContinue
    $stored, $masks = @($registry.IPAddress), @($registry.SubnetMask)
    for ($i = 0; $i -lt $stored.Count; $i++) {
        $mask = Get-Number $masks[$i]
        if ($mask -and (Test-SameNetwork $stored[$i] $Other ([Math]::Pow(2, 32) - $mask))) { return $true }
    }
    return $false
}

# --- Orthanc -----------------------------------------------------------------------------------------------------------

$configuration = $null
$secrets = $null
$script:login = ''
$script:status = 0
$folder = Join-Path $Program 'Configuration'
$denied = $false
try {
    $configuration = Get-Content -LiteralPath (Join-Path $folder 'orthanc.json') -Raw -Encoding UTF8 | ConvertFrom-Json
    $secrets = Get-Content -LiteralPath (Join-Path $folder 'credentials.json') -Raw -Encoding UTF8 | ConvertFrom-Json
    $user = @($secrets.RegisteredUsers.PSObject.Properties)[0]
    $script:login = 'Basic ' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("$($user.Name):$($user.Value)"))
}
catch { $denied = $_.Exception.GetBaseException() -is [UnauthorizedAccessException] -or -not (Test-Administrator) }
$rest_port = 8042
$storage = 'C:\Orthanc'
if ($configuration) {
    if ($configuration.HttpPort) { $rest_port = [int]$configuration.HttpPort }
    if ($configuration.StorageDirectory) { $storage = [string]$configuration.StorageDirectory }
}
$api = "http://127.0.0.1:$rest_port"
$system = $null
$now = $null
$unknown = 'Mend the line Orthanc first.'
try {
    if (Test-Service 'Orthanc' 'Orthanc' 'Orthanc' 'Call the operator: the installation was never finished.') {
        $system = Get-OrthancObject '/system'
        if ($system) {
            Add-Line 'Orthanc' 'green' "Orthanc $($system.Version) runs as $($system.DicomAet) on port $($system.DicomPort)." ''
            $now = Get-Time ([string](Get-Orthanc '/tools/now')) "yyyyMMdd'T'HHmmss"
        }
        elseif ($denied) {
            Add-Line 'Orthanc' 'yellow' 'Orthanc runs, and only an administrator may ask it more.' 'Run this test again and answer Yes when Windows asks.'
            $unknown = 'Run this test again as an administrator.'
        }
        elseif (-not $script:login) {
            Add-Line 'Orthanc' 'red' 'Orthanc runs without the settings of a gateway.' 'Call the operator: the site has to be built again.'
        }
        elseif ($script:status -eq 401) {
            Add-Line 'Orthanc' 'red' 'Orthanc refuses the password of its own configuration.' 'Restart the PC when the scanner is idle; then call the operator.'
        }
        else {
            Add-Line 'Orthanc' 'red' "The service of Orthanc runs, but nobody answers on port $rest_port." 'Wait two minutes and run this test again; then call the operator.'
        }
    }
}
catch { Add-Failure 'Orthanc' $_ }
try {
    if (Test-Service 'syncthing' 'Worklist link' 'Syncthing, which brings the worklists,' 'Call the operator: the installation was never finished.') {
        Add-Line 'Worklist link' 'green' 'Syncthing, which brings the worklists, runs.' ''
    }
}
catch { Add-Failure 'Worklist link' $_ }

# --- Disk --------------------------------------------------------------------------------------------------------------

try {
    $drive = New-Object -TypeName IO.DriveInfo -ArgumentList ([IO.Path]::GetPathRoot($storage))
    $free = $drive.AvailableFreeSpace
    $text = "$(Format-Size $free) of $(Format-Size $drive.TotalSize) are free on drive $($drive.Name)."
    if ($free -lt $DiskFull) { Add-Line 'Disk' 'red' $text 'Make room at once: Orthanc refuses images when the drive is full. Touch no file of Orthanc.' }
    elseif ($free -lt $DiskLow) { Add-Line 'Disk' 'yellow' $text 'Make room soon. Touch no file of Orthanc.' }
    else { Add-Line 'Disk' 'green' $text '' }
}
catch { Add-Line 'Disk' 'red' "The drive of the images ($storage) is not there." 'Plug it in, or call the operator.' }

# --- Adapters ----------------------------------------------------------------------------------------------------------

try {
    $adapters = @(Get-NetAdapter)
    $addresses = @(Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue | Sort-Object -Property PrefixLength -Descending)
    $idle = @($adapters | Where-Object { $_.HardwareInterface -and [string]$_.Status -eq 'Disconnected' })
    $modalities = $null
    if ($system) { $modalities = Get-OrthancObject '/modalities?expand' }
    if ($modalities) {
        foreach ($entry in @($modalities.PSObject.Properties | Where-Object { $_.Name -ne 'self-test' } | Sort-Object -Property Name)) {
            $scanner = $entry.Name
            $address = [string]$entry.Value.Host
            $near = @($addresses | Where-Object { Test-SameNetwork $_.IPAddress $address ([Math]::Pow(2, 32 - $_.PrefixLength)) })
            if ($near.Count -eq 0) {
                $waiting = @($idle | Where-Object { Test-Stored $_.InterfaceGuid $address } | ForEach-Object { "'$($_.Name)'" })
                if ($waiting.Count -gt 0) {
                    Add-Line 'Adapter' 'red' "No adapter is in the network of scanner $scanner ($address), and $($waiting -join ', ') has no link." 'Plug in the cable and switch the scanner on.'
                }
                else {
                    $advice = 'If there is none, the address of the PC or of the scanner is wrong: compare with the sheet.'
                    if ($idle.Count -gt 0) {
                        $advice = "If the scanner belongs to $(@($idle | ForEach-Object { "'$($_.Name)'" }) -join ', '), which has no link, plug in the cable. $advice"
                    }
                    Add-Line 'Adapter' 'yellow' "No adapter is in the network of scanner $scanner ($address), so a router must be in between." $advice
                }
                continue
            }
            $adapter = @($adapters | Where-Object { $_.InterfaceIndex -eq $near[0].InterfaceIndex })[0]
            $text = "Adapter '$($near[0].InterfaceAlias)' has $($near[0].IPAddress) for scanner $scanner ($address)"
            $state = [string]$near[0].AddressState
            if ($null -eq $adapter -or [string]$adapter.Status -ne 'Up') { Add-Line 'Adapter' 'red' "$text and no link." 'Plug in the cable and switch the scanner on.' }
            elseif ($state -eq 'Duplicate') { Add-Line 'Adapter' 'red' "$text, and another device has the same address." 'Give the other device another address, pull the cable and plug it in again.' }
            else { Add-Line 'Adapter' 'green' "$text and a link." '' }
        }
        if (@($lines | Where-Object { $_.check -eq 'Adapter' }).Count -eq 0) {
            Add-Line 'Adapter' 'yellow' 'Orthanc knows no scanner.' 'Call the operator: no scanner is set up for this site.'
        }
    }
    elseif (@($adapters | Where-Object { $_.HardwareInterface -and [string]$_.Status -eq 'Up' }).Count -eq 0) { Add-Line 'Adapter' 'red' 'No network adapter has a link.' 'Plug in the cables.' }
    else { Add-Untold 'Adapter' 'which scanners it knows' }
}
catch { Add-Failure 'Adapter' $_ }

# --- Tunnel ------------------------------------------------------------------------------------------------------------

# What the program says on its standard error is an error to Windows PowerShell, which would end the script.
function Get-Handshake {
    $ErrorActionPreference = 'Continue'
    $said = @(& $WireGuard show ($Tunnel -replace '^.*\$', '') latest-handshakes 2> $null)
    if ($LASTEXITCODE -ne 0) { return $null }
    # The number of seconds since 1970 stands behind the key of each end.
    $times = @($said | ForEach-Object { ([string]$_).Trim() -split '\s+' | Select-Object -Last 1 } | Where-Object { $_ -match '^\d{1,12}\z' } | ForEach-Object { [long]$_ })
    if ($times.Count -eq 0) { return $null }
    return ($times | Measure-Object -Maximum).Maximum
}

try {
    if (@(Get-Service -Name $Tunnel -ErrorAction SilentlyContinue).Count -eq 0) {
        Add-Line 'Tunnel' 'green' 'This PC has no tunnel of its own, so the hospital has another way for the operator.' ''
    }
    elseif (Test-Service $Tunnel 'Tunnel' 'The tunnel to the operator' '') {
        $heard = $null
        if (Test-Path -LiteralPath $WireGuard) { $heard = Get-Handshake }
        $ago = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds() - [long]$heard
        if ($null -eq $heard) {
            Add-Line 'Tunnel' 'yellow' 'The tunnel to the operator is switched on; whether the hub answers is not known.' 'Run this test again as an administrator.'
        }
        elseif ($heard -le 0) { Add-Line 'Tunnel' 'red' 'The hub has never answered through the tunnel.' 'Is UDP allowed to the Internet here? Call the operator. Images go another way.' }
        elseif ($ago -gt 300) {
            Add-Line 'Tunnel' 'yellow' "The hub was last heard of $(Format-Age ([TimeSpan]::FromSeconds($ago))) ago." 'The operator cannot reach this PC by the tunnel now. Images go another way.'
        }
        else { Add-Line 'Tunnel' 'green' 'The tunnel to the operator is up.' '' }
    }
}
catch { Add-Failure 'Tunnel' $_ }

# --- Cloud and clock ---------------------------------------------------------------------------------------------------

# A destination has an entry with its state beside it, which the forwarder keeps. Orthanc must not be asked to look for itself: it holds
# its configuration until the other end answers, and the scanner waits with it.
$destinations = @()
$peers = $null
$clock = "This PC's clock says {0:yyyy-MM-dd HH:mm} UTC" -f [DateTime]::UtcNow
$off = $null
$stay = 'Images wait here.'

# Why nobody is there who could take images: text and advice; nothing where somebody is, who wants a login.
function Get-Reason($Answer, [string]$Url, [string]$Proxy) {
    $through = ''
    $out = 'does the firewall let this PC out to port 443'
    if ($Proxy) {
        $through = " through the proxy $Proxy"
        $out = "is the proxy $Proxy there"
    }
    if ($Answer.status -in @(200, 401)) { return }
    if ($Answer.status -eq 407) { return "The proxy $Proxy refuses the login that Orthanc has for it.", "Call the operator, with the proxy's new login. $stay" }
    if ($Answer.status -ge 500) { return "$Url answers with $($Answer.status)$($through): something is down there.", "Nothing is lost, images wait here. Call the operator." }
    if ($Answer.status -gt 0) { return "$Url answers with $($Answer.status)$through and not as a cloud PACS does.", "Call the operator: somebody in between, or over there, refuses this PC. $stay" }
    if ($Answer.failure -match 'TrustFailure|SecureChannelFailure') {
        return "The certificate of $Url is not trusted here.", "Is the clock right? $clock. If it is, a firewall looks into the connection: ask the hospital's IT to except this address."
    }
    if ($Answer.failure -match 'ProxyNameResolutionFailure') { return "The name of the proxy $Proxy is not found.", "Ask the hospital's IT about it. $stay" }
    if ($Answer.failure -match 'NameResolutionFailure|HostNotFound|TryAgain|NoData') { return "The name in $Url is not found$through.", "Is the Internet there? Ask the hospital's IT about DNS. $stay" }
    return "$Url does not answer$through ($($Answer.failure)).", "Is the Internet there, and $($out)? $stay"
}

try {
    if ($system) { $peers = Get-OrthancObject '/peers?expand' }
    if ($peers) {
        $names = @($peers.PSObject.Properties | ForEach-Object { $_.Name })
        $destinations = @($names | Where-Object { $names -contains "$_-status" } | ForEach-Object { @{ name = $_; url = [string]$peers.$_.Url; state = $peers."$_-status" } })
    }
    $proxy = New-Proxy ([string]$secrets.HttpProxy)
    $proxy_name = ''
    # Without the login.
    if ($proxy) { $proxy_name = $proxy.Address.Authority }
    foreach ($one in $destinations) {
        $direct = Get-Answer ($one.url.TrimEnd('/') + '/system') '' $Patience $proxy
        $right = Get-Time $direct.date 'r'
        if ($right -and $one.url -like 'https:*' -and $null -eq $off) { $off = [Math]::Round(($direct.came - $right).TotalSeconds) }
        $told = Get-Time $one.state.Updated "yyyy-MM-dd'T'HH:mm:ss'Z'"
        $one.alive = $null -ne $now -and $null -ne $told -and [Math]::Abs(($now - $told).TotalSeconds) -le 120
        $passed = ''
        $success = Get-Time $one.state.LastSuccess "yyyy-MM-dd'T'HH:mm:ss'Z'"
        if ($one.alive -and $success) { $passed = "$(Format-Age ($now - $success)) ago" }
        # It has tried several times since anything got through.
        $stuck = $one.alive -and $one.state.State -in @('paused', 'probing')
        $text, $advice = Get-Reason $direct $one.url $proxy_name
        if ($text -and $passed -and -not $stuck -and $direct.failure -match 'TrustFailure') {
            $text = "Windows does not trust the certificate of $($one.url), and Orthanc, which has its own list of authorities, got an image through $passed."
            Add-Line 'Cloud' 'yellow' $text 'Where a firewall of the hospital looks into connections there is nothing to do. Otherwise call the operator.'
        }
        elseif ($text) { Add-Line 'Cloud' 'red' $text $advice }
        elseif ($stuck) {
            $why = ([string]$one.state.LastError -replace '\s+', ' ').Trim()
            if (-not $why) { $why = 'for a reason that is not known' }
            Add-Line 'Cloud' 'red' "$($one.url) answers this PC, and images do not get through ($why)." "Call the operator: the login, the proxy or the list of authorities is out of date. $stay"
        }
        else {
            $text = "$($one.url) answers"
            if ($proxy_name) { $text += " through the proxy $proxy_name" }
            if ($one.url -like 'https:*') { $text += ', its certificate is good' }
            if ($passed) { $text += ", and the last image got through $passed" }
            Add-Line 'Cloud' 'green' "$text." ''
        }
    }
    if ($destinations.Count -eq 0 -and $peers) { Add-Line 'Cloud' 'yellow' 'No destination has a state.' 'Mend the line Backlog first.' }
    elseif ($destinations.Count -eq 0) { Add-Untold 'Cloud' 'where images are sent' }
}
catch { Add-Failure 'Cloud' $_ }

if ($null -eq $off) { Add-Line 'Clock' 'yellow' "$clock; nothing to compare it with answered." 'Compare it with a telephone; mind that UTC is meant.' }
else {
    $way = 'fast'
    if ($off -lt 0) { $way = 'slow' }
    $text = "$clock, which is $([Math]::Abs($off)) s $way."
    if ([Math]::Abs($off) -gt 300) { Add-Line 'Clock' 'red' $text 'Set the clock, and switch on that Windows sets it by itself.' }
    elseif ([Math]::Abs($off) -gt 60) { Add-Line 'Clock' 'yellow' $text 'Switch on that Windows sets the clock by itself.' }
    else { Add-Line 'Clock' 'green' "$clock, which is right." '' }
}

# --- Images ------------------------------------------------------------------------------------------------------------

try {
    # The newest row of the change log that is about an image: the one before a number that no row has.
    $last = $null
    if ($null -ne $now) { $last = Get-OrthancObject '/changes?type=NewInstance&limit=1&to=9000000000000000' }
    if ($null -eq $last) { Add-Untold 'Last image' 'when the last image came' }
    elseif (@($last.Changes).Count -eq 0) { Add-Line 'Last image' 'yellow' 'No image is stored here.' 'Send one from the scanner, unless it has been quiet for long.' }
    else {
        $came = Get-Time ([string]@($last.Changes)[0].Date) "yyyyMMdd'T'HHmmss"
        $age = $now - $came
        $text = "The last image came {0:yyyy-MM-dd HH:mm} UTC, $(Format-Age $age) ago." -f $came
        if ($age.TotalDays -gt 3) { Add-Line 'Last image' 'yellow' $text 'If the scanner was used since, it does not send: compare it with the sheet.' }
        else { Add-Line 'Last image' 'green' $text '' }
    }
}
catch { Add-Failure 'Last image' $_ }

try {
    foreach ($one in $destinations) {
        $state = $one.state
        if (-not $one.alive) {
            if ($null -eq $now) { Add-Untold 'Backlog' "how many images wait for $($one.name)" }
            else { Add-Line 'Backlog' 'red' "The forwarder to $($one.name) does not run." "Restart the PC when the scanner is idle; then call the operator. $stay" }
            continue
        }
        # What the forwarder has read and not sent, and what came after that. A thousand are as bad as more.
        $waiting = [long]$state.Pending
        $since = Get-Time $state.OldestPending "yyyyMMdd'T'HHmmss"
        $rest = Get-OrthancObject "/changes?type=NewInstance&limit=1000&since=$($state.Read)"
        if ($null -eq $rest) {
            Add-Untold 'Backlog' "how many images wait for $($one.name)"
            continue
        }
        $unread = @($rest.Changes)
        $waiting += $unread.Count
        if ($null -eq $since -and $unread.Count -gt 0) { $since = Get-Time ([string]$unread[0].Date) "yyyyMMdd'T'HHmmss" }
        $text = "No image waits for $($one.name)."
        $age = [TimeSpan]::Zero
        if ($waiting -gt 0) {
            if ($null -ne $since) { $age = $now - $since }
            $more = ''
            if (-not $rest.Done -and $unread.Count -gt 0) { $more = 'at least ' }
            $text = "$more$waiting image(s) wait for $($one.name), the oldest for $(Format-Age $age)."
        }
        $patient = 'Nothing is lost. Mend the line Cloud first; if it is green, wait.'
        if ($state.State -eq 'limited') { $patient = 'Nothing is lost: the line is kept slow at this hour of the day.' }
        if ($age.TotalHours -gt 4) { Add-Line 'Backlog' 'red' $text "$patient Then call the operator." }
        elseif ($age.TotalMinutes -gt 15) { Add-Line 'Backlog' 'yellow' $text $patient }
        else { Add-Line 'Backlog' 'green' $text '' }
        if ([int]$state.Parked -gt 0) { Add-Line 'Set aside' 'yellow' "$($state.Parked) image(s) were set aside, because $($one.name) does not take them." 'Call the operator: the proof of the site names them.' }
    }
    if ($destinations.Count -eq 0 -and $peers) {
        Add-Line 'Backlog' 'red' 'The forwarder has not begun: no destination has a state.' "Wait two minutes and run this test again; then call the operator. $stay"
    }
    elseif ($destinations.Count -eq 0) { Add-Untold 'Backlog' 'where images are sent' }
}
catch { Add-Failure 'Backlog' $_ }

# --- What is shown -----------------------------------------------------------------------------------------------------

$red = @($lines | Where-Object { $_.colour -eq 'red' }).Count
if ($AsJson) {
    [ordered]@{ computer = [Environment]::MachineName; time = [DateTime]::UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", $invariant); red = $red; untested = $script:untested; lines = @($lines) } |
        ConvertTo-Json -Depth 4
}
else {
    $words = @{ green = '[  OK   ]'; yellow = '[ LOOK  ]'; red = '[ FAULT ]' }
    $colours = @{ green = 'Green'; yellow = 'Yellow'; red = 'Red' }
    Write-Host ''
    Write-Host "  Self-test of $([Environment]::MachineName), $([DateTime]::UtcNow.ToString('yyyy-MM-dd HH:mm', $invariant)) UTC"
    Write-Host ''
    foreach ($line in $lines) {
        Write-Host -NoNewline '  '
        Write-Host -NoNewline -ForegroundColor $colours[$line.colour] $words[$line.colour]
        Write-Host -NoNewline ('  {0,-14}' -f $line.check)
        Write-Host -ForegroundColor $colours[$line.colour] $line.text
        if ($line.advice) { Write-Host (' ' * 26) $line.advice }
    }
    Write-Host ''
    if ($red -gt 0) { Write-Host -ForegroundColor Red "  $red line(s) are red. Begin with the topmost." }
    elseif (@($lines | Where-Object { $_.colour -eq 'yellow' }).Count -gt 0) { Write-Host -ForegroundColor Yellow '  Nothing is broken. Look at the yellow lines.' }
    else { Write-Host -ForegroundColor Green '  All is well.' }
    Write-Host ''
}
if ($script:untested -gt 0) { exit 255 }
exit $red
