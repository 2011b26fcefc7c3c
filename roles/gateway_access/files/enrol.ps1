# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes this PC one that the playbooks reach: looks first, then sets up tunnel, account, certificate, WinRM, firewall rule and a task,
# and sends the hub a report. Run again it mends what is not as it should be; with -Remove it takes all of it back (decision 0047).
# Ends with 0 when the hub has the report, 2 when only that is missing, and 1 when something stands in the way.

[CmdletBinding()]
param(
    # Folder of the stick.
    [Parameter(Mandatory = $true)][string]$Stick,
    # Undo everything.
    [switch]$Remove
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$accountName = 'mediverse'
# By this an account is known as ours, also after a crash. Windows takes 48 letters.
$accountNote = 'Mediverse PACS: remote set-up of this gateway'
$certificateName = 'Mediverse WinRM'
$ruleName = 'MediverseWinRM'
$taskName = 'MediverseAccess'
$taskPath = '\'
$winrmPort = 5986
$administrators = 'S-1-5-32-544'
$closed = 'SY', 'BA'
$deniedRights = 'SeDenyInteractiveLogonRight', 'SeDenyRemoteInteractiveLogonRight'
$policies = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$installed = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall'
$listenerUri = 'winrm/config/listener'
$system32 = Join-Path $env:SystemRoot 'System32'
$history = New-Object -TypeName System.Collections.ArrayList
$notes = New-Object -TypeName System.Collections.ArrayList

$unlogged = New-Object -TypeName System.Collections.Queue

# What is shown is logged as well. Until the folder is closed to others the lines wait, as nothing may be written there.
function Write-Step([string]$Text, [string]$Color = 'Gray') {
    Write-Host $Text -ForegroundColor $Color
    $null = $history.Add(('{0:yyyy-MM-ddTHH:mm:ssZ} {1}' -f [DateTime]::UtcNow, $Text))
    $unlogged.Enqueue($Text)
    if (-not $accessFolder -or -not (Test-Path -LiteralPath $accessFolder) -or -not (Test-Closed $accessFolder)) { return }
    while ($unlogged.Count) { Write-Log $unlogged.Dequeue() }
}

#--- The stick ---------------------------------------------------------------------------------------------------------

# The files that manifest.sha256 names, with their sums. A sentence is thrown when one of them, or of those needed, is not as it was made.
function Read-Manifest([string]$Folder, [string[]]$Needed) {
    $manifest = Join-Path $Folder 'manifest.sha256'
    if (-not (Test-Path -LiteralPath $manifest)) { throw "There is no manifest.sha256 in $Folder; start enrol.cmd from the stick itself." }
    $sums = @{}
    foreach ($line in [IO.File]::ReadAllLines($manifest)) {
        if (-not $line.Trim()) { continue }
        if ($line -notmatch '^([0-9a-f]{64}) [ *]([^\\:]+)$' -or $Matches[2] -match '(^|/)\.\.?(/|$)|^/') { throw 'The manifest of the stick is damaged; let the stick be made again.' }
        $sums[$Matches[2]] = $Matches[1]
    }
    foreach ($name in @($Needed) + @($sums.Keys | Sort-Object)) {
        $file = Join-Path $Folder $name
        if (-not $sums.ContainsKey($name)) { throw "The manifest of the stick does not know $name; let the stick be made again." }
        if (-not (Test-Path -LiteralPath $file -PathType Leaf)) { throw "The stick has no $name; let the stick be made again." }
        if ((Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash -ne $sums[$name]) {
            throw "The file $name of the stick is not as it was made; let the stick be made again, and take another one if that happens twice."
        }
    }
    return $sums
}

function Test-Text($Value, [string]$Pattern) { return $Value -is [string] -and $Value -cmatch "^(?:$Pattern)\z" }

function Test-Address($Value) {
    $parsed = $null
    return (Test-Text $Value '\d{1,3}(\.\d{1,3}){3}') -and [Net.IPAddress]::TryParse($Value, [ref]$parsed) -and $parsed.ToString() -eq $Value
}

function Test-Network($Value) {
    return (Test-Text $Value '[\d.]+/([89]|[12]\d|3[0-2])') -and (Test-Address ($Value -split '/')[0])
}

function Test-Port($Value) { return ($Value -is [int] -or $Value -is [long]) -and $Value -ge 1 -and $Value -le 65535 }

# Everything of it may come to a command line, so each value has exactly the form that it should have.
function Read-Stick([string]$Path) {
    try { $read = Read-Json $Path } catch { throw 'The file stick.json is no JSON; let the stick be made again.' }
    $key = '[A-Za-z0-9+/]{43}='
    $name = '[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*'
    $tunnel = $read.way -ceq 'tunnel'
    $rules = [ordered]@{
        format        = { $read.format -eq 1 }
        site          = { Test-Text $read.site '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?' }
        token         = { Test-Text $read.token '[A-Za-z0-9_-]{8,64}' }
        made          = { $null -ne (ConvertTo-Utc $read.made) }
        ends          = { (ConvertTo-Utc $read.ends) -gt (ConvertTo-Utc $read.made) }
        way           = { $tunnel -or $read.way -ceq 'own' }
        address       = { Test-Address $read.address }
        network       = { -not $tunnel -or (Test-Network $read.network) }
        host          = { Test-Text $read.hub.host $name }
        ssh_port      = { Test-Port $read.hub.ssh_port }
        hub           = { -not $tunnel -or ((Test-Address $read.hub.address) -and (Test-Port $read.hub.wireguard_port) -and (Test-Text $read.hub.wireguard_key $key)) }
        winrm_from    = { $read.winrm_from -and -not @($read.winrm_from | Where-Object { -not ((Test-Address $_) -or (Test-Network $_)) }) }
        enrolment_key = { [Convert]::FromBase64String($read.enrolment_key.modulus).Length -ge 256 -and [Convert]::FromBase64String($read.enrolment_key.exponent).Length -ge 1 }
        ports         = { -not @($read.ports | Where-Object { -not (Test-Port $_) }) }
        installers    = { -not $tunnel -or (Test-Text $read.installers.wireguard 'installers/[A-Za-z0-9._-]+\.msi') }
    }
    foreach ($rule in $rules.Keys) {
        $right = $false
        try { $right = [bool](& $rules[$rule]) } catch { $right = $false }
        if (-not $right) { throw "The file stick.json has a wrong $rule; let the stick be made again with the version of the hub." }
    }
    return $read
}

#--- Looks: facts, and the sentences about them ----------------------------------------------------------------------------

function Get-RegistryValue([string]$Key, [string]$Name) {
    $values = Get-ItemProperty -LiteralPath $Key -ErrorAction SilentlyContinue
    if ($values) { return $values.$Name }
}

# Who has a right: as SIDs, but secedit writes accounts of the PC itself by their names.
function Get-Right([string]$Name) {
    # A file that is there already would keep its encoding, and lose letters of names.
    $file = Join-Path ([IO.Path]::GetTempPath()) "$([Guid]::NewGuid()).inf"
    try {
        $said = Invoke-Program (Join-Path $system32 'secedit.exe') @('/export', '/cfg', $file, '/areas', 'USER_RIGHTS', '/quiet')
        if ($said.Code -ne 0) { throw "Windows does not tell who may log on: secedit ended with $($said.Code); restart the PC and try again." }
        foreach ($line in [IO.File]::ReadAllLines($file)) {
            if ($line -match "^$Name\s*=\s*(.*)$") { return @($Matches[1] -split ',' | ForEach-Object { $_.Trim().TrimStart('*') } | Where-Object { $_ }) }
        }
        return @()
    }
    finally { Remove-Item -LiteralPath $file -Force -ErrorAction SilentlyContinue }
}

function Set-Right([hashtable]$Rights) {
    $lines = @('[Unicode]', 'Unicode=yes', '[Version]', 'signature="$CHICAGO$"', 'Revision=1', '[Privilege Rights]')
    foreach ($name in @($Rights.Keys | Sort-Object)) {
        $lines += "$name = " + (@($Rights[$name] | ForEach-Object { if ($_ -like 'S-1-*') { "*$_" } else { $_ } }) -join ',')
    }
    $file = Get-AccessFile 'rights.inf'
    $database = Get-AccessFile 'rights.sdb'
    try {
        [IO.File]::WriteAllText($file, ($lines -join "`r`n") + "`r`n", [Text.Encoding]::Unicode)
        # Whether it held is read back; the code is 3 as soon as anybody else in the list is not known any more.
        $null = Invoke-Program (Join-Path $system32 'secedit.exe') @('/configure', '/db', $database, '/cfg', $file, '/areas', 'USER_RIGHTS', '/quiet')
    }
    finally { Remove-Item -LiteralPath $file, $database, (Get-AccessFile 'rights.jfm') -Force -ErrorAction SilentlyContinue }
}

# First and last number of a network.
function Get-Range([string]$Network) {
    $address, $length = $Network -split '/'
    $number = [int64]0
    foreach ($byte in [Net.IPAddress]::Parse($address).GetAddressBytes()) { $number = $number * 256 + $byte }
    $size = [int64][Math]::Pow(2, 32 - [int]$length)
    $first = $number - ($number % $size)
    return @($first, ($first + $size - 1))
}

function Test-Overlap([string]$One, [string]$Other) {
    $a = Get-Range $One
    $b = Get-Range $Other
    return $a[0] -le $b[1] -and $b[0] -le $a[1]
}

# Ranges of TCP ports that Windows gives to nobody. Its words are in its language; lines of two numbers are not. Those with an
# asterisk, which an administrator set apart, are given to whoever asks by number.
function Get-ExcludedRange {
    $said = Invoke-Program (Join-Path $system32 'netsh.exe') @('interface', 'ipv4', 'show', 'excludedportrange', 'protocol=tcp')
    foreach ($line in $said.Output -split '\r?\n') {
        if ($line -match '^\s*(\d+)\s+(\d+)\s*$') { @{ first = [int]$Matches[1]; last = [int]$Matches[2] } }
    }
}

function Get-Listening([int[]]$Ports) {
    foreach ($listener in @(Get-NetTCPConnection -State Listen -ErrorAction SilentlyContinue)) {
        if ($Ports -notcontains $listener.LocalPort) { continue }
        $process = Get-Process -Id $listener.OwningProcess -ErrorAction SilentlyContinue
        @{ port = [int]$listener.LocalPort; process = [int]$listener.OwningProcess; program = [string]$process.ProcessName }
    }
}

# Networks that this PC reaches other than through our tunnel. Networks as wide as half of the Internet are other people's ways to everything.
function Get-KnownNetwork {
    foreach ($item in @(Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue)) {
        if ($item.InterfaceAlias -ne $tunnelName -and $item.IPAddress -notlike '127.*') {
            @{ adapter = [string]$item.InterfaceAlias; network = "$($item.IPAddress)/$($item.PrefixLength)" }
        }
    }
    foreach ($item in @(Get-NetRoute -AddressFamily IPv4 -ErrorAction SilentlyContinue)) {
        $first, $length = ([string]$item.DestinationPrefix) -split '/'
        if ($item.InterfaceAlias -ne $tunnelName -and [int]$length -ge 8 -and $first -notmatch '^(127|22[4-9]|23\d|255)\.') {
            @{ adapter = [string]$item.InterfaceAlias; network = [string]$item.DestinationPrefix }
        }
    }
}

function Get-OurCertificate {
    return @(Get-ChildItem -Path 'Cert:\LocalMachine\My' | Where-Object { $_.FriendlyName -eq $certificateName } | Sort-Object -Property NotAfter -Descending)
}

function Get-Listener { return @(Get-WSManInstance -ResourceURI $listenerUri -Enumerate) }

# By HTTPS with a certificate that is somebody else's. One whose certificate is gone serves nobody, and may have been ours.
function Get-ForeignListener {
    $others = @(Get-ChildItem -Path 'Cert:\LocalMachine\My' | Where-Object { $_.FriendlyName -ne $certificateName } | ForEach-Object { $_.Thumbprint })
    return @(Get-Listener | Where-Object { $_.Transport -eq 'HTTPS' -and $others -contains $_.CertificateThumbprint })
}

# An account of our name: '' without one, else ours or other.
function Get-AccountOwner {
    $user = Get-LocalUser -Name $accountName -ErrorAction SilentlyContinue
    if (-not $user) { return '' }
    if ($user.Description -eq $accountNote) { return 'ours' }
    return 'other'
}

# All that the sentences are about, read and not judged.
function Get-Fact($Settings) {
    $winrm = Get-Service -Name WinRM
    $system = Get-CimInstance -ClassName Win32_OperatingSystem
    $policy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WinRM\Service'
    $set = foreach ($key in $policy, "$policy\WinRS") {
        foreach ($name in 'AllowAutoConfig', 'IPv4Filter', 'IPv6Filter', 'AllowUnencryptedTraffic', 'HttpCompatibilityListener', 'HttpsCompatibilityListener', 'AllowRemoteShellAccess') {
            if ($null -ne (Get-RegistryValue $key $name)) { $name }
        }
    }
    return @{
        build          = [int](Get-RegistryValue 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' 'CurrentBuildNumber')
        architecture   = [string](Get-RegistryValue 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment' 'PROCESSOR_ARCHITECTURE')
        process64      = [Environment]::Is64BitProcess
        elevated       = (Invoke-Program (Join-Path $system32 'whoami.exe') @('/groups', '/fo', 'csv', '/nh')).Output -match 'S-1-16-(12288|16384)\b'
        product        = [int]$system.ProductType
        app_control    = [int](Get-RegistryValue 'HKLM:\SYSTEM\CurrentControlSet\Control\CI\Policy' 'VerifiedAndReputablePolicyState')
        winrm_policy   = @($set)
        winrm_disabled = [string]$winrm.StartType -eq 'Disabled'
        firewall_runs  = [string](Get-Service -Name MpsSvc -ErrorAction SilentlyContinue).Status -eq 'Running'
        firewall       = @(Get-NetFirewallProfile -PolicyStore ActiveStore -ErrorAction SilentlyContinue | ForEach-Object {
                @{ profile = [string]$_.Name; enabled = [string]$_.Enabled; inbound = [string]$_.AllowInboundRules; local = [string]$_.AllowLocalFirewallRules }
            })
        ntlm           = [int](Get-RegistryValue 'HKLM:\SYSTEM\CurrentControlSet\Control\Lsa\MSV1_0' 'RestrictReceivingNTLMTraffic')
        denied         = @(Get-Right 'SeDenyNetworkLogonRight')
        now            = [DateTime]::UtcNow
        free           = [int64](Get-CimInstance -ClassName Win32_LogicalDisk -Filter "DeviceID = '$env:SystemDrive'").FreeSpace
        orthanc        = [string](Get-RegistryValue 'HKLM:\SOFTWARE\WOW6432Node\Orthanc\Orthanc Server' 'InstallDir')
        listening      = @(Get-Listening (@($winrmPort) + @($Settings.ports)))
        excluded       = @(Get-ExcludedRange)
        foreign_https  = [string]$winrm.Status -eq 'Running' -and [bool]@(Get-ForeignListener)
        networks       = @(Get-KnownNetwork)
        account        = Get-AccountOwner
        adapters       = @(Get-Adapter).Count
        ssh            = Test-Path -LiteralPath (Join-Path $sshFolder 'ssh.exe')
        taken          = Test-Taken (Read-Json (Get-AccessFile 'report.json'))
        folder_problem = Get-FolderProblem
    }
}

# What stands in the way: one sentence each, with the way out. Nothing is read here and nothing is changed.
function Get-Obstacle($Fact, $Settings) {
    $span = 'The clock of this PC says {0:yyyy-MM-dd HH:mm} UTC' -f $Fact.now
    if (-not $Fact.elevated) { 'This window has no rights of an administrator; close it and start enrol.cmd again with an administrator''s account.' }
    if ($Fact.build -lt 14393) { "This Windows (build $($Fact.build)) is too old; a gateway needs Windows 10 of 1607, Server 2016 or newer: update it or take another PC." }
    if ($Fact.architecture -ne 'AMD64') { "This Windows is of the kind $($Fact.architecture), and Orthanc is made for 64 bit of Intel and AMD; take another PC." }
    elseif (-not $Fact.process64) { 'This is the 32 bit PowerShell; start enrol.cmd from the Explorer, not from another program.' }
    if ($Fact.product -eq 2) { 'This PC is a domain controller, which has no local accounts; take another PC.' }
    if ($Fact.app_control -eq 1) { 'Smart App Control is on and would block Orthanc; switch it off in Windows Security, App and browser control (Windows cannot switch it on again).' }
    if ($Fact.winrm_policy) { "A group policy sets WinRM ($(@($Fact.winrm_policy | Sort-Object -Unique) -join ', ')); ask the IT of the hospital to take this PC out of that policy." }
    if ($Fact.winrm_disabled -and $Fact.account -ne 'ours') { 'The service WinRM is disabled on this PC; ask its IT whether it may run, and set it to manual in services.msc.' }
    if (-not $Fact.firewall_runs) { 'The service of Windows'' firewall (MpsSvc) does not run, and without it WinRM would be open to the whole network; start it, or ask the IT who stopped it.' }
    foreach ($item in @($Fact.firewall)) {
        if ($item.enabled -eq 'False') { "Windows' firewall is off for networks of the kind $($item.profile), and WinRM would be open to all of them; switch it on." }
        elseif ($item.inbound -eq 'False') { "Windows' firewall blocks everything that comes in on networks of the kind $($item.profile); take away the tick 'Block all incoming connections', or the policy that sets it." }
        elseif ($item.local -eq 'False') { "A group policy makes Windows' firewall ignore this PC's own rules on networks of the kind $($item.profile); ask the IT to allow local rules, or to add TCP $winrmPort from $(@($Settings.winrm_from) -join ', ')." }
    }
    if ($Fact.ntlm -eq 2) { 'A policy forbids logons by NTLM from outside (RestrictReceivingNTLMTraffic), and the playbooks log on so; ask the IT to allow it for this PC.' }
    foreach ($sid in @($Fact.denied)) {
        $who = switch ($sid) { 'S-1-5-114' { 'local administrators' } 'S-1-5-113' { 'local accounts' } $administrators { 'administrators' } 'S-1-1-0' { 'everybody' } default { '' } }
        if ($who) { "A policy denies $who ($sid) the logon from the network (SeDenyNetworkLogonRight); ask the IT to take this entry away for this PC." }
    }
    if ($Fact.now -lt (ConvertTo-Utc $Settings.made).AddHours(-1)) {
        '{0}, and the stick was made later, at {1:yyyy-MM-dd HH:mm} UTC; set date, time and time zone.' -f $span, (ConvertTo-Utc $Settings.made)
    }
    if (-not $Fact.taken -and $Fact.now -gt (ConvertTo-Utc $Settings.ends)) {
        '{0}, and the stick ended at {1:yyyy-MM-dd HH:mm} UTC; if the clock is right ask the operator for a new stick, else set it.' -f $span, (ConvertTo-Utc $Settings.ends)
    }
    if ($Fact.free -lt 2GB) { "The disk of Windows has $([Math]::Floor($Fact.free / 1MB)) MB left; make room for at least 2 GB, and for the images that will wait here." }
    foreach ($item in @($Fact.listening)) {
        if ($item.port -eq $winrmPort -and $item.process -ne 4) { "The program $($item.program) holds TCP port $winrmPort, which WinRM needs; stop it or move it to another port." }
    }
    if ($Fact.foreign_https) { 'WinRM already listens by HTTPS with somebody else''s certificate; ask the IT who uses it, and remove that listener if nobody does.' }
    $range = Get-RangeOf $Fact $winrmPort
    if ($range) { "Windows keeps the TCP ports $($range.first) to $($range.last) from everybody, and WinRM needs $winrmPort; restart the PC, or ask the IT which of Hyper-V, WSL or Docker took them." }
    if ($Settings.way -eq 'tunnel') {
        $seen = @{}
        foreach ($item in @($Fact.networks)) {
            if ((Test-Overlap $item.network $Settings.network) -and -not $seen[$item.adapter]) {
                $seen[$item.adapter] = $true
                "The network $($item.network) of the adapter '$($item.adapter)' overlaps the tunnel's $($Settings.network); tell the operator, who gives the tunnel another network."
            }
        }
    }
    if ($Fact.account -eq 'other') { "There is an account $accountName that this script did not make; ask the IT whose it is, and let it be renamed or removed." }
    if ($Fact.adapters -eq 0) { 'Windows knows no network adapter of this PC; plug one in or install its driver.' }
    # The report goes by it, whatever the way is.
    if (-not $Fact.ssh) { 'This Windows has no SSH client, by which the PC reports to the hub; let somebody who installs programs here add the optional feature OpenSSH Client (Settings, Apps, Optional features), and start enrol.cmd again.' }
    if ($Fact.folder_problem) { $Fact.folder_problem }
}

# What does not stop the enrolment, but the gateway later.
function Get-Advice($Fact, $Settings) {
    if ($Fact.app_control -eq 2) { 'Smart App Control is trying out whether to switch itself on, and would then block Orthanc; switch it off in Windows Security, App and browser control.' }
    if ($Fact.free -ge 2GB -and $Fact.free -lt 20GB) { "The disk of Windows has only $([Math]::Floor($Fact.free / 1GB)) GB left; images wait here while the line is down, so make room." }
    if ($Fact.orthanc) { "An Orthanc is installed in $($Fact.orthanc); tell the operator, the gateway's own may take its place." }
    foreach ($item in @($Fact.listening)) {
        if ($item.port -ne $winrmPort -and $item.program -ne 'Orthanc') { "The program $($item.program) holds TCP port $($item.port), which the gateway needs; tell the operator." }
    }
    foreach ($port in @($Settings.ports)) {
        $range = Get-RangeOf $Fact $port
        if ($range) { "Windows keeps the TCP ports $($range.first) to $($range.last) from everybody, and the gateway needs $port; tell the operator." }
    }
    if ($Settings.way -eq 'own' -and -not @($Fact.networks | Where-Object { ($_.network -split '/')[0] -eq $Settings.address })) {
        "No adapter has the address $($Settings.address) now, by which the operator's machine will come; see that the site's own VPN is up."
    }
}

# The range that keeps a port from everybody. Who listens at it had it before.
function Get-RangeOf($Fact, [int]$Port) {
    if (@($Fact.listening | Where-Object { $_.port -eq $Port })) { return $null }
    return @($Fact.excluded | Where-Object { $Port -ge $_.first -and $Port -le $_.last })[0]
}

#--- What is remembered ------------------------------------------------------------------------------------------------

function Read-State {
    try { $read = Read-Json (Get-AccessFile 'state.json') }
    catch { throw 'The file state.json of an earlier run cannot be read; run enrol.cmd -Remove, then enrol.cmd again.' }
    if ($read) { return $read }
    return [PSCustomObject]@{ format = 1 }
}

function Set-State([string]$Name, $Value) {
    $state | Add-Member -NotePropertyName $Name -NotePropertyValue $Value -Force
    Write-Json (Get-AccessFile 'state.json') $state
}

# How something was before the first change of it, for -Remove. Written before the change.
function Save-Before([string]$Name, $Value) {
    if ($null -eq $state.PSObject.Properties["before_$Name"]) { Set-State "before_$Name" $Value }
}

#--- Steps: each looks, sets, and looks again -----------------------------------------------------------------------------

# Only SYSTEM and Administrators, from nobody above, owned by one of them.
function Test-Closed([string]$Path) {
    $sddl = [string](Get-Acl -LiteralPath $Path -ErrorAction SilentlyContinue).Sddl
    if ($sddl -notmatch '^O:(\w+)G:\S*?D:(\w*)((?:\([^)]*\))*)') { return $false }
    $owner = $Matches[1]
    $flags = $Matches[2]
    $entries = @([regex]::Matches($Matches[3], '\(([^)]*)\)') | ForEach-Object { $_.Groups[1].Value })
    $own = (Test-Path -LiteralPath $Path -PathType Leaf) -or $flags -cmatch 'P'
    $others = @($entries | Where-Object { ($_ -split ';')[0] -ne 'A' -or $closed -notcontains ($_ -split ';')[5] })
    return $own -and $entries.Count -ge 2 -and $others.Count -eq 0 -and $closed -contains $owner
}

function Invoke-Icacls([string[]]$Arguments) {
    $said = Invoke-Program (Join-Path $system32 'icacls.exe') (@($Arguments) + '/q')
    if ($said.Code -ne 0) { throw "The rights of $($Arguments[0]) cannot be set: icacls ended with $($said.Code)." }
}

# A folder that a user of this PC prepared could lead elsewhere, or keep that user's rights.
function Get-FolderProblem {
    foreach ($path in @((Split-Path -Path $accessFolder -Parent), $accessFolder)) {
        $item = Get-Item -LiteralPath $path -Force -ErrorAction SilentlyContinue
        if ($item -and ($item.Attributes -band [IO.FileAttributes]::ReparsePoint)) { return "The folder $path is a link to another place; remove it." }
    }
    if (-not (Test-Path -LiteralPath $accessFolder) -or (Test-Closed $accessFolder)) { return '' }
    if (@(Get-ChildItem -LiteralPath $accessFolder -Force)) { return "The folder $accessFolder is open to others than administrators, so what lies in it may be anybody's; remove it." }
    return ''
}

function Close-Folder {
    if (-not (Test-Path -LiteralPath $accessFolder)) { $null = New-Item -ItemType Directory -Path $accessFolder -Force }
    Invoke-Icacls @($accessFolder, '/setowner', "*$administrators")
    Invoke-Icacls @($accessFolder, '/reset')
    Invoke-Icacls @($accessFolder, '/inheritance:r', '/grant:r', '*S-1-5-18:(OI)(CI)F', "*${administrators}:(OI)(CI)F")
}

# A file in the closed folder that has the folder's rights and nothing of whoever made it: OpenSSH refuses keys that another account may read.
function Close-File([string]$Path) {
    Invoke-Icacls @($Path, '/setowner', "*$administrators")
    Invoke-Icacls @($Path, '/reset')
}

# The hub's host key under the one name by which it is asked for, whatever address stands in the stick's file.
function Get-KnownHost {
    $lines = foreach ($line in [IO.File]::ReadAllLines((Join-Path $Stick 'known_hosts'))) {
        if ($line -match '^[^#@\s]\S*\s+((?:ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/=]+)') { "$hubAlias $($Matches[1])" }
    }
    if (-not $lines) { throw 'The file known_hosts of the stick has no host key; let the stick be made again.' }
    return (@($lines) -join "`n") + "`n"
}

# What the PC keeps of the stick: name and content. OpenSSH reads keys with line feeds alone, too.
function Get-Kept {
    $kept = [ordered]@{}
    foreach ($name in 'stick.json', 'enrol.ps1', 'watch.ps1', 'report-key') { $kept[$name] = [IO.File]::ReadAllBytes((Join-Path $Stick $name)) }
    $kept['known_hosts'] = [Text.Encoding]::ASCII.GetBytes((Get-KnownHost))
    return $kept
}

function Test-Kept {
    $kept = Get-Kept
    foreach ($name in $kept.Keys) {
        $file = Get-AccessFile $name
        if (-not (Test-Path -LiteralPath $file) -or -not (Test-Closed $file)) { return $false }
        if ([Convert]::ToBase64String([IO.File]::ReadAllBytes($file)) -ne [Convert]::ToBase64String($kept[$name])) { return $false }
    }
    return $true
}

function Set-Kept {
    $kept = Get-Kept
    foreach ($name in $kept.Keys) {
        Write-Whole (Get-AccessFile $name) $kept[$name]
        Close-File (Get-AccessFile $name)
    }
    # A client of before speaks for the old stick; the task starts it anew.
    Stop-Carrier (Get-Carrier)
}

function Test-WireGuard {
    return (Test-Path -LiteralPath (Join-Path $wireguardFolder 'wg.exe')) -and (Test-Path -LiteralPath (Join-Path $wireguardFolder 'wireguard.exe'))
}

# From the closed folder, where nobody changes the file between the look at its sum and the installation.
function Install-WireGuard {
    Save-Before 'wireguard' $false
    $name = $settings.installers.wireguard
    $file = Get-AccessFile 'wireguard.msi'
    try {
        Copy-Item -LiteralPath (Join-Path $Stick $name) -Destination $file -Force
        if ((Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash -ne $sums[$name]) { throw "The file $name of the stick is not as it was made; let the stick be made again." }
        $said = Invoke-Program (Join-Path $system32 'msiexec.exe') @('/i', $file, 'DO_NOT_LAUNCH=1', '/qn', '/norestart') -Seconds 600
    }
    finally { Remove-Item -LiteralPath $file -Force -ErrorAction SilentlyContinue }
    if ($said.Code -eq 1618) { throw (New-Object -TypeName System.TimeoutException -ArgumentList 'Another installation is running on this PC; wait until it has ended and start enrol.cmd again.') }
    if ($said.Code -notin @(0, 1641, 3010)) { throw "WireGuard cannot be installed: msiexec ended with $($said.Code)." }
}

function Get-ConfiguredKey {
    $file = Get-AccessFile "$tunnelName.conf"
    if ((Test-Path -LiteralPath $file) -and [IO.File]::ReadAllText($file) -match '(?m)^PrivateKey = ([A-Za-z0-9+/]{43}=)\s*$') { return $Matches[1] }
    return ''
}

function Get-TunnelConfiguration([string]$Key) {
    $hub = $settings.hub
    # WireGuard reads an address of IPv6 in brackets alone.
    $endpoint = if ($hub.host -like '*:*') { "[$($hub.host)]" } else { $hub.host }
    return @(
        '[Interface]', "PrivateKey = $Key", "Address = $($settings.address)/32", ''
        '[Peer]', "PublicKey = $($hub.wireguard_key)", "Endpoint = ${endpoint}:$($hub.wireguard_port)", "AllowedIPs = $($hub.address)/32", 'PersistentKeepalive = 25', ''
    ) -join "`r`n"
}

function Test-TunnelConfiguration {
    $key = Get-ConfiguredKey
    $file = Get-AccessFile "$tunnelName.conf"
    return $key -and [IO.File]::ReadAllText($file) -ceq (Get-TunnelConfiguration $key) -and (Test-Closed $file)
}

function Invoke-Wg([string[]]$Arguments, [string]$Text = '') {
    $said = Invoke-Program (Join-Path $wireguardFolder 'wg.exe') $Arguments -Standard ([Text.Encoding]::ASCII.GetBytes($Text)) -Seconds 15
    if ($said.Code -ne 0) { throw "WireGuard makes no key: wg $($Arguments[0]) ended with $($said.Code)." }
    return $said.Output.Trim()
}

function Set-TunnelConfiguration {
    $key = Get-ConfiguredKey
    if (-not $key) { $key = Invoke-Wg @('genkey') }
    $file = Get-AccessFile "$tunnelName.conf"
    Write-Whole $file ([Text.Encoding]::ASCII.GetBytes((Get-TunnelConfiguration $key)))
    Close-File $file
}

function Get-TunnelSum { return (Get-FileHash -LiteralPath (Get-AccessFile "$tunnelName.conf") -Algorithm SHA256).Hash }

function Test-TunnelService {
    $service = Get-Service -Name $tunnelService -ErrorAction SilentlyContinue
    return $service -and [string]$service.Status -eq 'Running' -and [string]$service.StartType -eq 'Automatic' -and $state.tunnel -eq (Get-TunnelSum)
}

function Remove-TunnelService {
    if (-not (Get-Service -Name $tunnelService -ErrorAction SilentlyContinue)) { return }
    $said = Invoke-Program (Join-Path $wireguardFolder 'wireguard.exe') @('/uninstalltunnelservice', $tunnelName)
    # It only asks for the end of the service, which may come later.
    $waited = [Diagnostics.Stopwatch]::StartNew()
    while (Get-Service -Name $tunnelService -ErrorAction SilentlyContinue) {
        if ($waited.Elapsed.TotalSeconds -gt 30) { throw "The service of the tunnel does not go away: wireguard /uninstalltunnelservice ended with $($said.Code); restart the PC and try again." }
        Start-Sleep -Milliseconds 200
    }
}

function Set-TunnelService {
    Remove-TunnelService
    $said = Invoke-Program (Join-Path $wireguardFolder 'wireguard.exe') @('/installtunnelservice', (Get-AccessFile "$tunnelName.conf"))
    if ($said.Code -ne 0) { throw "The tunnel cannot be set up: wireguard /installtunnelservice ended with $($said.Code)." }
    $waited = [Diagnostics.Stopwatch]::StartNew()
    while ([string](Get-Service -Name $tunnelService -ErrorAction SilentlyContinue).Status -ne 'Running' -and $waited.Elapsed.TotalSeconds -lt 30) { Start-Sleep -Milliseconds 200 }
    Set-State 'tunnel' (Get-TunnelSum)
}

# The public half, by the private one: a crash may have left only that, or half of it.
function Get-SshKey {
    $file = Get-AccessFile 'ssh-key'
    if (-not (Test-Path -LiteralPath $file) -or -not (Test-Closed $file)) { return '' }
    $said = Invoke-Program (Join-Path $sshFolder 'ssh-keygen.exe') @('-y', '-P', '', '-f', $file.Replace('\', '/')) -Seconds 30
    if ($said.Code -eq 0 -and $said.Output -match '^(ssh-ed25519 [A-Za-z0-9+/=]{68})(\s|$)') { return $Matches[1] }
    return ''
}

function Set-SshKey {
    $file = Get-AccessFile 'ssh-key'
    # A whole key whose rights are wrong is mended; anything else is made anew.
    if (Test-Path -LiteralPath $file) {
        Remove-Item -LiteralPath "$file.pub" -Force -ErrorAction SilentlyContinue
        Close-File $file
        if (Get-SshKey) { return }
    }
    Remove-Item -LiteralPath $file, "$file.pub" -Force -ErrorAction SilentlyContinue
    $said = Invoke-Program (Join-Path $sshFolder 'ssh-keygen.exe') @('-q', '-t', 'ed25519', '-N', '', '-C', $tunnelName, '-f', $file.Replace('\', '/')) -Seconds 30
    if ($said.Code -ne 0) { throw "OpenSSH makes no key: ssh-keygen ended with $($said.Code)." }
    Remove-Item -LiteralPath "$file.pub" -Force -ErrorAction SilentlyContinue
    Close-File $file
}

# Ours, with this address, for two months at least.
# Its own address, and that of the forward by which an operator comes through the hub: nobody trusts this certificate for
# anything but this PC.
function Get-CertificateAddress { return @($settings.address, '127.0.0.1') }

function Get-GoodCertificate {
    $wanted = @(Get-CertificateAddress | ForEach-Object {
            '8704' + (([Net.IPAddress]::Parse($_).GetAddressBytes() | ForEach-Object { $_.ToString('X2') }) -join '')
        })
    return @(Get-OurCertificate | Where-Object {
            $names = @($_.Extensions | Where-Object { $_.Oid.Value -eq '2.5.29.17' })[0]
            $has = if ($names) { [BitConverter]::ToString($names.RawData).Replace('-', '') } else { '' }
            $_.HasPrivateKey -and $_.NotAfter -gt (Get-Date).AddDays(60) -and @($wanted | Where-Object { -not $has.Contains($_) }).Count -eq 0
        })[0]
}

# Those that do not fit go away once WinRM has the new one.
function New-Certificate {
    $names = @(Get-CertificateAddress | ForEach-Object { "IPAddress=$_" }) -join '&'
    $null = New-SelfSignedCertificate -Subject "CN=$env:COMPUTERNAME" -FriendlyName $certificateName -CertStoreLocation 'Cert:\LocalMachine\My' -KeyLength 3072 `
        -KeyExportPolicy NonExportable -NotAfter (Get-Date).AddYears(5) -TextExtension @("2.5.29.17={text}$names", '2.5.29.37={text}1.3.6.1.5.5.7.3.1')
}

function Remove-Certificate($Certificates) {
    foreach ($certificate in @($Certificates | Where-Object { $_ })) { Remove-Item -LiteralPath "Cert:\LocalMachine\My\$($certificate.Thumbprint)" -DeleteKey }
}

# 192 random bits, of every kind of letter that a policy may ask for.
function New-Password {
    $alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-'
    $source = [Security.Cryptography.RandomNumberGenerator]::Create()
    $bytes = New-Object -TypeName 'byte[]' -ArgumentList 32
    do {
        $source.GetBytes($bytes)
        $text = -join ($bytes | ForEach-Object { $alphabet[$_ % 64] })
    } until ($text -cmatch '[A-Z]' -and $text -cmatch '[a-z]' -and $text -match '\d' -and $text -match '[_-]')
    return $text
}

# For the site alone. SHA-1 is what every .NET Framework has here; OAEP does not rest on collisions of it.
function Protect-Password([string]$Text) {
    $parameters = New-Object -TypeName System.Security.Cryptography.RSAParameters
    $parameters.Modulus = [Convert]::FromBase64String($settings.enrolment_key.modulus)
    $parameters.Exponent = [Convert]::FromBase64String($settings.enrolment_key.exponent)
    $rsa = New-Object -TypeName System.Security.Cryptography.RSACryptoServiceProvider
    try {
        $rsa.ImportParameters($parameters)
        return [Convert]::ToBase64String($rsa.Encrypt([Text.Encoding]::UTF8.GetBytes($Text), $true))
    }
    finally { $rsa.Dispose() }
}

# The password counts as set once its ciphertext stands in the state together with the account that has it.
function Test-Account {
    $user = Get-LocalUser -Name $accountName -ErrorAction SilentlyContinue
    return $user -and $user.Enabled -and $null -eq $user.PasswordExpires -and $state.password -and
    $state.password_of -eq [string]$user.SID -and $state.password_for -eq $settings.enrolment_key.modulus
}

# Made, set and written down in one go. A crash in between leaves an account whose password nobody knows and no report ever
# named, and the next run sets another one.
function Set-Account {
    $user = Get-LocalUser -Name $accountName -ErrorAction SilentlyContinue
    $known = $user -and $state.password -and $state.password_of -eq [string]$user.SID -and $state.password_for -eq $settings.enrolment_key.modulus
    if (-not $known) {
        $text = New-Password
        $cipher = Protect-Password $text
        $secret = New-Object -TypeName System.Security.SecureString
        foreach ($letter in $text.ToCharArray()) { $secret.AppendChar($letter) }
        $text = $null
        if ($user) { Set-LocalUser -Name $accountName -Password $secret }
        else { $user = New-LocalUser -Name $accountName -Password $secret -Description $accountNote -AccountNeverExpires -PasswordNeverExpires }
        $state | Add-Member -NotePropertyName 'password_of' -NotePropertyValue ([string]$user.SID) -Force
        $state | Add-Member -NotePropertyName 'password_for' -NotePropertyValue $settings.enrolment_key.modulus -Force
        Set-State 'password' $cipher
    }
    Set-LocalUser -Name $accountName -PasswordNeverExpires $true
    Enable-LocalUser -Name $accountName
}

# Asking who is in the group fails on PCs where one of them is no longer known; being in it twice is refused by a name that is not translated.
function Set-Membership {
    try { Add-LocalGroupMember -SID $administrators -Member $accountName }
    catch { if ($_.FullyQualifiedErrorId -notlike 'MemberExists*') { throw } }
}

# The others of a list that has our account in it.
function Select-Other($Who, [string]$Sid) { return @(@($Who) | Where-Object { $_ -and $_ -ne $Sid -and $_ -ne $accountName }) }

function Test-Rights {
    $sid = [string](Get-LocalUser -Name $accountName).SID
    foreach ($right in $deniedRights) {
        $who = @(Get-Right $right)
        if (@(Select-Other $who $sid).Count -eq $who.Count) { return $false }
    }
    return $true
}

function Set-Rights {
    $sid = [string](Get-LocalUser -Name $accountName).SID
    $rights = @{}
    foreach ($right in $deniedRights) { $rights[$right] = @(Select-Other (Get-Right $right) $sid) + $sid }
    Set-Right $rights
}

function Test-TokenFilter { return (Get-RegistryValue $policies 'LocalAccountTokenFilterPolicy') -eq 1 }

# Without it Windows takes the rights of an administrator from a local account that comes from the network.
function Set-TokenFilter {
    Save-Before 'token_filter' ([string](Get-RegistryValue $policies 'LocalAccountTokenFilterPolicy'))
    Set-ItemProperty -LiteralPath $policies -Name 'LocalAccountTokenFilterPolicy' -Value 1 -Type DWord
}

function Test-WinRm {
    $service = Get-Service -Name WinRM
    return [string]$service.Status -eq 'Running' -and [string]$service.StartType -eq 'Automatic'
}

function Set-WinRm {
    $service = Get-Service -Name WinRM
    Save-Before 'winrm' @{ start = [string]$service.StartType; status = [string]$service.Status }
    Set-Service -Name WinRM -StartupType Automatic
    Start-Service -Name WinRM
}

# HTTPS with our certificate, and nothing beside it.
function Test-Listener {
    $listeners = @(Get-Listener)
    return $listeners.Count -eq 1 -and $listeners[0].Transport -eq 'HTTPS' -and $listeners[0].Address -eq '*' -and
    [string]$listeners[0].Enabled -eq 'true' -and $listeners[0].Port -eq $winrmPort -and $listeners[0].CertificateThumbprint -eq (Get-GoodCertificate).Thumbprint
}

function Remove-Listener($Listeners) {
    foreach ($listener in @($Listeners | Where-Object { $_ })) {
        Remove-WSManInstance -ResourceURI $listenerUri -SelectorSet @{ Address = $listener.Address; Transport = $listener.Transport }
    }
}


function Set-Listener {
    $all = @(Get-Listener)
    Save-Before 'listeners' @(@($all | Where-Object { $_.Transport -ne 'HTTPS' }) + @(Get-ForeignListener) | ForEach-Object {
            @{ address = $_.Address; transport = $_.Transport; port = [string]$_.Port; enabled = [string]$_.Enabled; hostname = [string]$_.Hostname; thumbprint = [string]$_.CertificateThumbprint }
        })
    Remove-Listener $all
    $null = New-WSManInstance -ResourceURI $listenerUri -SelectorSet @{ Address = '*'; Transport = 'HTTPS' } -ValueSet @{ CertificateThumbprint = (Get-GoodCertificate).Thumbprint }
}

# 10.0.0.0/24 is read back as 10.0.0.0/255.255.255.0.
function ConvertTo-Plain([string]$Address) {
    if ($Address -notmatch '^([\d.]+)/([\d.]+\.[\d.]+)$') { return $Address -replace '/32$', '' }
    $bits = @([Net.IPAddress]::Parse($Matches[2]).GetAddressBytes() | ForEach-Object { [Convert]::ToString($_, 2) }) -join ''
    return "$($Matches[1])/$($bits.Replace('0', '').Length)" -replace '/32$', ''
}

function Test-FirewallRule {
    $rule = Get-NetFirewallRule -Name $ruleName -ErrorAction SilentlyContinue
    if (-not $rule -or [string]$rule.Enabled -ne 'True' -or [string]$rule.Direction -ne 'Inbound' -or [string]$rule.Action -ne 'Allow' -or [string]$rule.Profile -ne 'Any') { return $false }
    $ports = $rule | Get-NetFirewallPortFilter
    $from = @(($rule | Get-NetFirewallAddressFilter).RemoteAddress | ForEach-Object { ConvertTo-Plain $_ } | Sort-Object)
    $wanted = @($settings.winrm_from | ForEach-Object { ConvertTo-Plain $_ } | Sort-Object)
    return [string]$ports.Protocol -eq 'TCP' -and [string]$ports.LocalPort -eq [string]$winrmPort -and ($from -join ',') -eq ($wanted -join ',')
}

# All profiles: the tunnel's adapter and that of a scanner are networks that Windows does not know.
function Set-FirewallRule {
    Remove-NetFirewallRule -Name $ruleName -ErrorAction SilentlyContinue
    $null = New-NetFirewallRule -Name $ruleName -DisplayName 'Mediverse: WinRM for the operator' -Direction Inbound -Action Allow -Profile Any -Protocol TCP -LocalPort $winrmPort -RemoteAddress @($settings.winrm_from)
}

# Windows' own rules let WinRM in from everywhere on some networks.
function Get-OpenRule { return @(Get-NetFirewallRule -Name 'WINRM-HTTP*' -ErrorAction SilentlyContinue | Where-Object { [string]$_.Enabled -eq 'True' }) }

function Set-OwnRules {
    $names = @(Get-OpenRule | ForEach-Object { $_.Name })
    Save-Before 'rules' $names
    foreach ($name in $names) { Disable-NetFirewallRule -Name $name }
}

# The text goes round the policy that asks for signed scripts, which holds for files.
function Get-TaskArgument {
    return '-NoProfile -NonInteractive -Command "& ([scriptblock]::Create([IO.File]::ReadAllText(''' + (Get-AccessFile 'watch.ps1') + ''')))"'
}

# Old enough that no clock set back is before it; on batteries, too; one at a time.
function Get-TaskXml {
    $program = Join-Path $system32 'WindowsPowerShell\v1.0\powershell.exe'
    $argument = [Security.SecurityElement]::Escape((Get-TaskArgument))
    $repeat = '<Repetition><Interval>PT1M</Interval><StopAtDurationEnd>false</StopAtDurationEnd></Repetition>'
    return @"
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Keeps the way of this gateway to its hub.</Description></RegistrationInfo>
  <Triggers>
    <BootTrigger>$repeat<Enabled>true</Enabled></BootTrigger>
    <TimeTrigger>$repeat<StartBoundary>2000-01-01T00:00:00</StartBoundary><Enabled>true</Enabled></TimeTrigger>
  </Triggers>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT10M</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author"><Exec><Command>$program</Command><Arguments>$argument</Arguments></Exec></Actions>
</Task>
"@
}

function Get-Task { return Get-ScheduledTask -TaskName $taskName -TaskPath $taskPath -ErrorAction SilentlyContinue }

# By its XML, which alone names SYSTEM in no language.
function Test-Task {
    $task = Get-Task
    if (-not $task -or [string]$task.State -eq 'Disabled') { return $false }
    $there = ([xml](Export-ScheduledTask -TaskName $taskName -TaskPath $taskPath)).Task
    return $there.Principals.Principal.UserId -eq 'S-1-5-18' -and $there.Triggers.BootTrigger -and $there.Triggers.TimeTrigger -and
    $there.Actions.Exec.Arguments -ceq (Get-TaskArgument)
}

function Set-Task { $null = Register-ScheduledTask -TaskName $taskName -TaskPath $taskPath -Xml (Get-TaskXml) -Force }

# What: for the log. Every step holds for the whole time after it, so all of them are looked at in every run.
function Get-Step {
    $tunnel = $settings.way -eq 'tunnel'
    @{ What = 'A folder for administrators only'; Test = { (Test-Path -LiteralPath $accessFolder) -and (Test-Closed $accessFolder) }; Set = { Close-Folder } }
    @{ What = 'The files of the stick that the PC keeps'; Test = { Test-Kept }; Set = { Set-Kept } }
    if ($tunnel) {
        @{ What = 'The program WireGuard'; Test = { Test-WireGuard }; Set = { Install-WireGuard }; Way = 'wireguard' }
        @{ What = 'Keys and settings of WireGuard'; Test = { Test-TunnelConfiguration }; Set = { Set-TunnelConfiguration }; Way = 'wireguard' }
        @{ What = 'The service of the tunnel'; Test = { Test-TunnelService }; Set = { Set-TunnelService }; Way = 'wireguard' }
        @{ What = 'The key of the second way'; Test = { [bool](Get-SshKey) }; Set = { Set-SshKey } }
    }
    @{ What = 'The certificate'; Test = { [bool](Get-GoodCertificate) }; Set = { New-Certificate } }
    @{ What = 'The account'; Test = { Test-Account }; Set = { Set-Account } }
    @{ What = 'The account is an administrator'; Set = { Set-Membership } }
    @{ What = 'The account logs on from the network alone'; Test = { Test-Rights }; Set = { Set-Rights } }
    @{ What = 'Local administrators keep their rights over the network'; Test = { Test-TokenFilter }; Set = { Set-TokenFilter } }
    @{ What = 'The service WinRM'; Test = { Test-WinRm }; Set = { Set-WinRm } }
    @{ What = 'WinRM listens by HTTPS alone'; Test = { Test-Listener }; Set = { Set-Listener } }
    @{ What = 'One certificate'; Test = { @(Get-OurCertificate).Count -eq 1 }; Set = { $good = Get-GoodCertificate; Remove-Certificate (Get-OurCertificate | Where-Object { $_.Thumbprint -ne $good.Thumbprint }) } }
    @{ What = 'The firewall lets in the hub'; Test = { Test-FirewallRule }; Set = { Set-FirewallRule } }
    @{ What = 'The firewall lets in nobody else'; Test = { @(Get-OpenRule).Count -eq 0 }; Set = { Set-OwnRules } }
    @{ What = 'The report'; Test = { Test-Report }; Set = { New-Report } }
    @{ What = 'The task that keeps the way to the hub'; Test = { Test-Task }; Set = { Set-Task } }
}

# One step. A PC that forbids WireGuard still has the other way; then the rest of its steps is left out.
function Invoke-Step($Step, $Without) {
    if ($Step.Way -and $Without.Contains($Step.Way)) { return }
    try {
        if ($Step.Test -and (& $Step.Test)) { Write-Step "  is so  $($Step.What)"; return }
        & $Step.Set
        if ($Step.Test -and -not (& $Step.Test)) { throw 'Windows does not keep what was set; a policy of the hospital may be against it, ask its IT.' }
        if ($Step.Test) { Write-Step "  set    $($Step.What)" 'White' } else { Write-Step "  is so  $($Step.What)" }
    }
    catch {
        $problem = $_.Exception.GetBaseException()
        if (-not $Step.Way -or $problem -is [TimeoutException]) { throw "$($Step.What): $($problem.Message)" }
        $null = $Without.Add($Step.Way)
        $null = $notes.Add("WireGuard does not work on this PC, so the second way by SSH is used: $($problem.Message)")
        Write-Step "  not    $($Step.What): $($problem.Message)" 'Yellow'
    }
}

#--- The report --------------------------------------------------------------------------------------------------------

# Adapters with a hardware address, for the operator to choose the scanner's from.
function Get-Adapter {
    $routes = @(Get-NetRoute -DestinationPrefix '0.0.0.0/0' -ErrorAction SilentlyContinue | ForEach-Object { $_.InterfaceIndex })
    $addresses = @(Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue)
    foreach ($adapter in @(Get-NetAdapter | Where-Object { $_.MacAddress } | Sort-Object -Property InterfaceIndex | Select-Object -First 32)) {
        $name = ([string]$adapter.Name -replace '[\x00-\x1f\x7f-\x9f]', '').Trim()
        @{
            name          = $name.Substring(0, [Math]::Min(256, $name.Length))
            mac           = ([string]$adapter.MacAddress).ToUpperInvariant().Replace('-', ':')
            link          = [string]$adapter.Status -eq 'Up'
            addresses     = @($addresses | Where-Object { $_.InterfaceIndex -eq $adapter.InterfaceIndex } | Select-Object -First 16 | ForEach-Object { "$($_.IPAddress)/$($_.PrefixLength)" })
            default_route = $routes -contains $adapter.InterfaceIndex
        }
    }
}

# What makes this PC this one; the report is made again only when one of them is another. The token goes with the stick.
function Get-Identity {
    $key = if ($without.Contains('wireguard')) { '' } else { Get-ConfiguredKey }
    $identity = [ordered]@{
        site        = $settings.site
        token       = $settings.token
        machine     = ([string](Get-RegistryValue 'HKLM:\SOFTWARE\Microsoft\Cryptography' 'MachineGuid')).ToLowerInvariant()
        wireguard   = if ($settings.way -eq 'tunnel' -and $key) { Invoke-Wg @('pubkey') "$key`n" } else { '' }
        ssh         = if ($settings.way -eq 'tunnel') { Get-SshKey } else { '' }
        certificate = [Convert]::ToBase64String((Get-GoodCertificate).RawData)
        password    = [string]$state.password
    }
    return $identity
}

function Test-Report {
    $report = Read-Json (Get-AccessFile 'report.json')
    if (-not $report) { return $false }
    $identity = Get-Identity
    foreach ($name in $identity.Keys) { if ($report.$name -cne $identity[$name]) { return $false } }
    return $true
}

function New-Report {
    $report = Get-Identity
    $report['format'] = 1
    $report['computer'] = $env:COMPUTERNAME
    $report['windows'] = "10.0.$($fact.build)"
    $report['made'] = [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ')
    $report['user'] = $accountName
    $report['adapters'] = @(Get-Adapter)
    Write-Json (Get-AccessFile 'report.json') $report
}

function ConvertTo-Base32([byte[]]$Bytes) {
    $alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
    $bits = -join ($Bytes | ForEach-Object { [Convert]::ToString($_, 2).PadLeft(8, '0') })
    return -join (0..($bits.Length / 5 - 1) | ForEach-Object { $alphabet[[Convert]::ToInt32($bits.Substring($_ * 5, 5), 2)] })
}

# The report in 16 groups of five letters, for a telephone. A PC without WireGuard has none, as the hub could not use it.
function Get-ShortText($Report) {
    if (-not $Report.wireguard) { return '' }
    $sum = Get-Fingerprint $Report
    $body = @([Convert]::FromBase64String($Report.wireguard)) + @(0..11 | ForEach-Object { [Convert]::ToByte($sum.Substring($_ * 2, 2), 16) })
    $check = [Security.Cryptography.SHA256]::Create().ComputeHash([byte[]](@([Text.Encoding]::UTF8.GetBytes("MV1 $($Report.site)`n")) + $body))
    $letters = ConvertTo-Base32 ([byte[]]($body + $check[0..5]))
    return (@('MV1') + @(0..15 | ForEach-Object { $letters.Substring($_ * 5, 5) })) -join '-'
}

function Get-ShownFingerprint($Report) {
    return @(0..5 | ForEach-Object { (Get-Fingerprint $Report).Substring($_ * 4, 4) }) -join '-'
}

#--- The whole ---------------------------------------------------------------------------------------------------------

# Beside the scripts, where a technician finds it; a stick that takes no files is none of our troubles.
function Copy-History {
    $file = Join-Path $Stick 'enrol.log'
    try { [IO.File]::AppendAllText($file, (@($history) -join "`r`n") + "`r`n") } catch { Write-Verbose 'The stick cannot be written.' }
}

function Show-End([bool]$Sent, [string]$Problem) {
    $report = Read-Json (Get-AccessFile 'report.json')
    foreach ($note in $notes) { Write-Step "  note   $note" 'Yellow' }
    Write-Step ''
    Write-Step "Fingerprint of this PC: $(Get-ShownFingerprint $report)" 'White'
    if ($Sent) {
        Write-Step 'DONE. The hub has the report. Read the fingerprint to the operator by telephone.' 'Green'
        return
    }
    Write-Step "The PC is ready, but the hub has no report yet: $Problem" 'Yellow'
    $short = Get-ShortText $report
    if ($short) {
        Write-Step 'Read or send this text to the operator (nothing in it is secret):' 'White'
        Write-Step $short 'White'
    }
    else { Write-Step 'There is no short text for this PC; let the network''s IT open the way to the hub.' 'White' }
    Write-Step 'Leave the PC on: it tries again every minute.' 'Yellow'
}

function Invoke-Enrolment {
    $script:settings = Read-Stick (Join-Path $Stick 'stick.json')
    Write-Step "Enrolment of this PC ($env:COMPUTERNAME) for $($settings.site), stick made at $('{0:yyyy-MM-dd HH:mm}' -f (ConvertTo-Utc $settings.made)) UTC"
    if ($settings.way -eq 'tunnel' -and -not $sums.ContainsKey($settings.installers.wireguard)) { throw "The manifest of the stick does not know $($settings.installers.wireguard); let the stick be made again." }
    $script:fact = Get-Fact $settings
    $obstacles = @(Get-Obstacle $fact $settings | Where-Object { $_ })
    foreach ($sentence in $obstacles) { Write-Step "  STOP   $sentence" 'Red' }
    foreach ($sentence in @(Get-Advice $fact $settings)) { $null = $notes.Add($sentence) }
    if ($obstacles) { throw "Nothing was changed. Mend what stands above ($($obstacles.Count)) and start enrol.cmd again." }
    $script:state = Read-State
    $script:without = New-Object -TypeName System.Collections.ArrayList
    # What a run that was cut off was working with.
    Remove-Item -LiteralPath @('wireguard.msi', 'rights.inf', 'rights.sdb', 'rights.jfm' | ForEach-Object { Get-AccessFile $_ }) -Force -ErrorAction SilentlyContinue
    foreach ($step in @(Get-Step)) { Invoke-Step $step $without }
    $problem = ''
    if (-not (Test-Taken (Read-Json (Get-AccessFile 'report.json')))) {
        Write-Step '  sending the report to the hub ...'
        $problem = Send-Report $settings
    }
    Show-End (-not $problem) $problem
    if ($problem) { return 2 }
    return 0
}

# Each is tried, and what is not there is no error. The folder goes last, and only when all else has: it knows how things were before.
function Get-Removal {
    @{ What = 'The task'; Do = { if (Get-Task) { Unregister-ScheduledTask -TaskName $taskName -TaskPath $taskPath -Confirm:$false } } }
    @{ What = 'The second way'; Do = { Stop-Carrier (Get-Carrier) } }
    @{ What = 'The tunnel'; Do = { Remove-TunnelService } }
    @{ What = 'WireGuard'; Do = { if ($state.before_wireguard -eq $false) { Uninstall-WireGuard } } }
    @{ What = 'The firewall rule'; Do = { Remove-NetFirewallRule -Name $ruleName -ErrorAction SilentlyContinue } }
    @{ What = 'The listener'; Do = { Restore-Listener } }
    @{ What = 'Windows'' own firewall rules'; Do = { foreach ($name in @($state.before_rules | Where-Object { $_ })) { Enable-NetFirewallRule -Name $name } } }
    @{ What = 'The service WinRM'; Do = { Restore-WinRm } }
    @{ What = 'The certificate'; Do = { Remove-Certificate (Get-OurCertificate) } }
    @{ What = 'The policy about local administrators'; Do = { Restore-TokenFilter } }
    @{ What = 'The account'; Do = { Remove-Account } }
}

function Uninstall-WireGuard {
    foreach ($key in @(Get-ChildItem -LiteralPath $installed -ErrorAction SilentlyContinue)) {
        if ($key.PSChildName -notmatch '^\{[0-9A-F-]{36}\}$' -or (Get-RegistryValue "$installed\$($key.PSChildName)" 'DisplayName') -ne 'WireGuard') { continue }
        $said = Invoke-Program (Join-Path $system32 'msiexec.exe') @('/x', $key.PSChildName, '/qn', '/norestart') -Seconds 600
        if ($said.Code -notin @(0, 1605, 1641, 3010)) { throw "WireGuard cannot be removed: msiexec ended with $($said.Code)." }
    }
}

function Restore-Listener {
    if ([string](Get-Service -Name WinRM).Status -ne 'Running') {
        # A service that does not run has no listeners to ask for, and its settings are only to be had from it.
        if (-not @(Get-OurCertificate)) { return }
        Set-Service -Name WinRM -StartupType Manual
        Start-Service -Name WinRM
    }
    $foreign = @(Get-ForeignListener | ForEach-Object { $_.Address })
    Remove-Listener (Get-Listener | Where-Object { $_.Transport -eq 'HTTPS' -and $foreign -notcontains $_.Address })
    $there = @(Get-Listener | ForEach-Object { "$($_.Address) $($_.Transport)" })
    foreach ($listener in @($state.before_listeners | Where-Object { $_ })) {
        if ($there -contains "$($listener.address) $($listener.transport)") { continue }
        $values = @{ Port = $listener.port; Enabled = $listener.enabled; Hostname = $listener.hostname }
        if ($listener.thumbprint) { $values.CertificateThumbprint = $listener.thumbprint }
        $null = New-WSManInstance -ResourceURI $listenerUri -SelectorSet @{ Address = $listener.address; Transport = $listener.transport } -ValueSet $values
    }
}

function Restore-WinRm {
    if (-not $state.before_winrm) { return }
    Set-Service -Name WinRM -StartupType $state.before_winrm.start
    if ($state.before_winrm.status -eq 'Stopped') { Stop-Service -Name WinRM -Force }
}

function Restore-TokenFilter {
    if ($null -eq $state.before_token_filter -or -not (Test-TokenFilter)) { return }
    if ($state.before_token_filter -eq '') { Remove-ItemProperty -LiteralPath $policies -Name 'LocalAccountTokenFilterPolicy' }
    else { Set-ItemProperty -LiteralPath $policies -Name 'LocalAccountTokenFilterPolicy' -Value ([int]$state.before_token_filter) -Type DWord }
}

# The rights first, while Windows knows whose they are; then the profile that logons made, then the account.
function Remove-Account {
    if ((Get-AccountOwner) -ne 'ours') { return }
    $sid = [string](Get-LocalUser -Name $accountName).SID
    $rights = @{}
    foreach ($right in $deniedRights) {
        $who = @(Get-Right $right)
        $others = @(Select-Other $who $sid)
        if ($others.Count -lt $who.Count) { $rights[$right] = $others }
    }
    if ($rights.Count -gt 0) { Set-Right $rights }
    Get-CimInstance -ClassName Win32_UserProfile -Filter "SID = '$sid'" | Remove-CimInstance
    Remove-LocalUser -Name $accountName
}

function Remove-AccessFolder {
    if (Test-Path -LiteralPath $accessFolder) { Remove-Item -LiteralPath $accessFolder -Recurse -Force }
    $parent = Split-Path -Path $accessFolder -Parent
    if ((Test-Path -LiteralPath $parent) -and -not @(Get-ChildItem -LiteralPath $parent -Force)) { Remove-Item -LiteralPath $parent -Force }
}

function Invoke-Removal {
    Write-Step "All that the enrolment made on this PC ($env:COMPUTERNAME) is removed"
    $script:state = [PSCustomObject]@{}
    try { $script:state = Read-State } catch { $null = $notes.Add('What an earlier run remembered cannot be read, so WinRM''s own settings and WireGuard stay as they are.') }
    $left = 0
    foreach ($part in @(Get-Removal)) {
        try { & $part.Do; Write-Step "  gone   $($part.What)" }
        catch { $left++; Write-Step "  STOP   $($part.What): $($_.Exception.GetBaseException().Message)" 'Red' }
    }
    foreach ($note in $notes) { Write-Step "  note   $note" 'Yellow' }
    if ($left) { throw "$left things could not be removed. Mend what stands above and start enrol.cmd -Remove again." }
    Remove-AccessFolder
    Write-Step 'DONE. Nothing of the enrolment is left on this PC.' 'Green'
    return 0
}

$code = 1
try {
    $needed = if ($Remove) { @() } else { @('enrol.ps1', 'watch.ps1', 'stick.json', 'report-key', 'known_hosts') }
    $sums = if ($Remove) { @{} } else { Read-Manifest $Stick $needed }
    # What the task and this script share.
    . ([scriptblock]::Create([IO.File]::ReadAllText((Join-Path $Stick 'watch.ps1')))) -Library
    $code = if ($Remove) { Invoke-Removal } else { Invoke-Enrolment }
}
catch { Write-Step "STOPPED. $($_.Exception.GetBaseException().Message)" 'Red' }
finally { Copy-History }
exit $code
