# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Looks at this PC as a gateway, in lines that are green, yellow or red, and changes nothing. Started by selftest.cmd.
# Exit code: the number of red lines. It asks for no password: Orthanc's own files have it, which administrators may read.
# It goes by names that Windows has in every language, of states, classes and errors, and by no text.

[CmdletBinding()]
param(
    # One object of JSON for machines: {computer, time, red, lines: [{check, colour, text, advice}]}.
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

$lines = New-Object -TypeName System.Collections.ArrayList
$invariant = [Globalization.CultureInfo]::InvariantCulture
$universal = [Globalization.DateTimeStyles]'AssumeUniversal, AdjustToUniversal'

function Add-Line([string]$Check, [string]$Colour, [string]$Text, [string]$Advice) {
    $null = $lines.Add([ordered]@{ check = $Check; colour = $Colour; text = $Text; advice = $Advice })
}

# The status of an answer; without one, what kind of failure it was, by the names of .NET's own errors.
function Get-Answer([string]$Url, [string]$Login, [int]$Seconds, $Proxy = $null) {
    $answer = @{ status = 0; text = ''; date = ''; failure = '' }
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
            if ($cause -is [Security.Authentication.AuthenticationException]) { $kinds += 'TrustFailure' }
            if ($cause -is [Net.Sockets.SocketException]) { $kinds += [string]$cause.SocketErrorCode }
        }
        $answer.failure = $kinds -join ' '
    }
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
function Get-Orthanc([string]$Path, [int]$Seconds = 20) {
    if (-not $script:login) { return $null }
    $answer = Get-Answer "$api$Path" $script:login $Seconds
    $script:status = $answer.status
    if ($answer.status -ne 200 -or $answer.failure) { return $null }
    return $answer.text
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

function Test-SameNetwork([string]$One, [string]$Other, [int]$Length) {
    $first, $second = (Get-Number $One), (Get-Number $Other)
    if ($null -eq $first -or $null -eq $second) { return $false }
    $size = [long][Math]::Pow(2, 32 - $Length)
    return [Math]::Floor($first / $size) -eq [Math]::Floor($second / $size)
}

# --- Orthanc -----------------------------------------------------------------------------------------------------------

$configuration = $null
$script:login = ''
$script:status = 0
$folder = Join-Path $Program 'Configuration'
$denied = $false
$proxy = $null
try {
    $configuration = Get-Content -LiteralPath (Join-Path $folder 'orthanc.json') -Raw -Encoding UTF8 | ConvertFrom-Json
    $secrets = Get-Content -LiteralPath (Join-Path $folder 'credentials.json') -Raw -Encoding UTF8 | ConvertFrom-Json
    $user = @($secrets.RegisteredUsers.PSObject.Properties)[0]
    $proxy = New-Proxy ([string]$secrets.HttpProxy)
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
$unknown = 'Mend the line Orthanc first.'
if (Test-Service 'Orthanc' 'Orthanc' 'Orthanc' 'Call the operator: the installation was never finished.') {
    $system = Get-Orthanc '/system'
    if ($system) {
        $told = $system | ConvertFrom-Json
        Add-Line 'Orthanc' 'green' "Orthanc $($told.Version) runs as $($told.DicomAet) on port $($told.DicomPort)." ''
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
if (Test-Service 'syncthing' 'Worklist link' 'Syncthing, which brings the worklists,' 'Call the operator: the installation was never finished.') {
    Add-Line 'Worklist link' 'green' 'Syncthing, which brings the worklists, runs.' ''
}

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

$adapters = @(Get-NetAdapter)
$addresses = @(Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue)
$modalities = $null
if ($system) { $modalities = Get-Orthanc '/modalities?expand' }
if ($modalities) {
    foreach ($entry in @(($modalities | ConvertFrom-Json).PSObject.Properties | Where-Object { $_.Name -ne 'self-test' } | Sort-Object -Property Name)) {
        $scanner = $entry.Name
        $address = [string]$entry.Value.Host
        $near = @($addresses | Where-Object { Test-SameNetwork $_.IPAddress $address $_.PrefixLength })
        if ($near.Count -eq 0) {
            # An adapter without a link uses no address, so it may well be the one.
            $idle = @($adapters | Where-Object { $_.HardwareInterface -and [string]$_.Status -eq 'Disconnected' } | ForEach-Object { "'$($_.Name)'" })
            if ($idle.Count -gt 0) {
                Add-Line 'Adapter' 'red' "No adapter is in the network of scanner $scanner ($address), and $($idle -join ', ') has no link." 'Plug in the cable and switch the scanner on.'
            }
            else {
                Add-Line 'Adapter' 'yellow' "No adapter is in the network of scanner $scanner ($address), so a router must be in between." 'If there is none, the address of the PC or of the scanner is wrong: compare with the sheet.'
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
else {
    $up = @($adapters | Where-Object { $_.HardwareInterface -and [string]$_.Status -eq 'Up' })
    if ($up.Count -eq 0) { Add-Line 'Adapter' 'red' 'No network adapter has a link.' 'Plug in the cables.' }
    else { Add-Line 'Adapter' 'yellow' "A link has $(@($up | ForEach-Object { "'$($_.Name)'" }) -join ', '); which scanner is there is not known." $unknown }
}

# --- Tunnel ------------------------------------------------------------------------------------------------------------

if (@(Get-Service -Name $Tunnel -ErrorAction SilentlyContinue).Count -eq 0) {
    Add-Line 'Tunnel' 'green' 'This PC has no tunnel of its own, so the hospital has another way for the operator.' ''
}
elseif (Test-Service $Tunnel 'Tunnel' 'The tunnel to the operator' '') {
    # The number of seconds since 1970 stands behind the key of each end.
    $heard = $null
    if (Test-Path -LiteralPath $WireGuard) {
        $said = @(& $WireGuard show ($Tunnel -replace '^.*\$', '') latest-handshakes 2> $null)
        $times = @($said | ForEach-Object { [long](([string]$_).Trim() -split '\s+')[-1] } | Sort-Object -Descending)
        if ($times.Count -gt 0) { $heard = $times[0] }
    }
    $now = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
    if ($null -eq $heard) { Add-Line 'Tunnel' 'green' 'The tunnel to the operator is switched on.' '' }
    elseif ($heard -le 0) { Add-Line 'Tunnel' 'red' 'The hub has never answered through the tunnel.' 'Is UDP allowed to the Internet here? Call the operator. Images go another way.' }
    elseif ($now - $heard -gt 300) {
        Add-Line 'Tunnel' 'yellow' "The hub was last heard of $(Format-Age ([TimeSpan]::FromSeconds($now - $heard))) ago." 'The operator cannot reach this PC by the tunnel now. Images go another way.'
    }
    else { Add-Line 'Tunnel' 'green' 'The tunnel to the operator is up.' '' }
}

# --- Cloud and clock ---------------------------------------------------------------------------------------------------

# A destination has an entry with its state beside it.
$destinations = @()
$peers = $null
if ($system) { $peers = Get-Orthanc '/peers?expand' }
if ($peers) {
    $all = $peers | ConvertFrom-Json
    $names = @($all.PSObject.Properties | ForEach-Object { $_.Name })
    $destinations = @($names | Where-Object { $names -contains "$_-status" } | ForEach-Object { @{ name = $_; url = [string]$all.$_.Url; state = $all."$_-status" } })
}
$served = ''
$clock = "This PC's clock says {0:yyyy-MM-dd HH:mm} UTC" -f [DateTime]::UtcNow
foreach ($one in $destinations) {
    $direct = Get-Answer ($one.url.TrimEnd('/') + '/system') '' $Patience $proxy
    if ($direct.date -and $one.url -like 'https:*' -and -not $served) { $served = $direct.date }
    # Orthanc's own way: with its login, and with the authorities that it trusts.
    $reached = $null -ne (Get-Orthanc "/peers/$($one.name)/system" $Patience)
    if ($reached) { Add-Line 'Cloud' 'green' "$($one.url) answers, its certificate is good, and it knows this gateway." '' }
    elseif ($direct.status -ge 500) { Add-Line 'Cloud' 'red' "$($one.url) answers with $($direct.status): something is down there." 'Nothing is lost, images wait here. Call the operator.' }
    elseif ($direct.status -gt 0) { Add-Line 'Cloud' 'red' "$($one.url) answers this PC, and Orthanc cannot use it." 'Call the operator: the login or the list of authorities is out of date. Images wait here.' }
    elseif ($direct.failure -match 'TrustFailure|SecureChannelFailure') {
        Add-Line 'Cloud' 'red' "The certificate of $($one.url) is not trusted here." "Is the clock right? $clock. If it is, a firewall looks into the connection: ask the hospital's IT to except this address."
    }
    elseif ($direct.failure -match 'NameResolutionFailure|HostNotFound|TryAgain|NoData') { Add-Line 'Cloud' 'red' "The name in $($one.url) is not found." 'Is the Internet there? Ask the hospital''s IT about DNS. Images wait here.' }
    else { Add-Line 'Cloud' 'red' "$($one.url) does not answer ($($direct.failure))." 'Is the Internet there, and does the firewall let this PC out to port 443? Images wait here.' }
}
if ($destinations.Count -eq 0) { Add-Line 'Cloud' 'yellow' 'Where images are sent is not known.' $unknown }

$right = Get-Time $served 'r'
if ($null -eq $right) { Add-Line 'Clock' 'yellow' "$clock; nothing to compare it with answered." 'Compare it with a telephone; mind that UTC is meant.' }
else {
    $off = [Math]::Round(([DateTime]::UtcNow - $right).TotalSeconds)
    $way = 'fast'
    if ($off -lt 0) { $way = 'slow' }
    $text = "$clock, which is $([Math]::Abs($off)) s $way."
    if ([Math]::Abs($off) -gt 300) { Add-Line 'Clock' 'red' $text 'Set the clock, and switch on that Windows sets it by itself.' }
    elseif ([Math]::Abs($off) -gt 60) { Add-Line 'Clock' 'yellow' $text 'Switch on that Windows sets the clock by itself.' }
    else { Add-Line 'Clock' 'green' "$clock, which is right." '' }
}

# --- Images ------------------------------------------------------------------------------------------------------------

$now = $null
if ($system) { $now = Get-Time ([string](Get-Orthanc '/tools/now')) "yyyyMMdd'T'HHmmss" }
if ($null -eq $now) { Add-Line 'Last image' 'yellow' 'When the last image came is not known.' $unknown }
else {
    # The newest row of the change log that is about an image: the one before a number that no row has.
    $newest = @((Get-Orthanc '/changes?type=NewInstance&limit=1&to=9000000000000000' | ConvertFrom-Json).Changes)
    if ($newest.Count -eq 0) { Add-Line 'Last image' 'yellow' 'No image is stored here.' 'Send one from the scanner, unless it has been quiet for long.' }
    else {
        $came = Get-Time ([string]$newest[0].Date) "yyyyMMdd'T'HHmmss"
        $age = $now - $came
        $text = "The last image came {0:yyyy-MM-dd HH:mm} UTC, $(Format-Age $age) ago." -f $came
        if ($age.TotalDays -gt 3) { Add-Line 'Last image' 'yellow' $text 'If the scanner was used since, it does not send: compare it with the sheet.' }
        else { Add-Line 'Last image' 'green' $text '' }
    }
}

foreach ($one in $destinations) {
    $state = $one.state
    $told = Get-Time $state.Updated "yyyy-MM-dd'T'HH:mm:ss'Z'"
    if ($null -eq $now -or $null -eq $told -or [Math]::Abs(($now - $told).TotalSeconds) -gt 120) {
        Add-Line 'Backlog' 'red' "The forwarder to $($one.name) does not run." 'Restart the PC when the scanner is idle; then call the operator. Images wait here.'
        continue
    }
    # What the forwarder has read and not sent, and what came after that. Ten thousand are as bad as more.
    $waiting = [long]$state.Pending
    $since = Get-Time $state.OldestPending "yyyyMMdd'T'HHmmss"
    $rest = (Get-Orthanc "/changes?type=NewInstance&limit=10000&since=$($state.Read)" | ConvertFrom-Json)
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
if ($destinations.Count -eq 0) { Add-Line 'Backlog' 'yellow' 'How many images wait is not known.' $unknown }

# --- What is shown -----------------------------------------------------------------------------------------------------

$red = @($lines | Where-Object { $_.colour -eq 'red' }).Count
if ($AsJson) {
    [ordered]@{ computer = [Environment]::MachineName; time = [DateTime]::UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", $invariant); red = $red; lines = @($lines) } |
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
exit $red
