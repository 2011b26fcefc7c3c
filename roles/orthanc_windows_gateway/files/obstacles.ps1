# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Says what on this computer undoes what the role configured: what keeps scanners out, among it that no rule in force admits
# one, what lets others in, and whether the task that wakes the forwarder can run. It is run once when its last run failed or there was none, and nothing else changes.
# Result: {blocked, open, wake, listens}: lists of sentences, one sentence or an empty text, and whether somebody takes connections at the
# DICOM port of the loopback address, which is asked only with a time to wait for it.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # The DICOM port, and the program that listens on it.
    [Parameter(Mandatory = $true)][int]$Port,
    [Parameter(Mandatory = $true)][string]$Program,
    # Addresses of the scanners. Without any there is no rule, and nothing to look at.
    [string[]]$Scanner = @(),
    # Address, with its prefix length, of an adapter that is wired to the scanner; empty where the scanners are in another network.
    [string]$Address = '',
    # Name of the rule that admits the scanners, for the sentences.
    [string]$Rule = '',
    # The task that wakes the forwarder, in the root folder. Empty leaves it out.
    [string]$Task = '',
    # Seconds that the task may take.
    [int]$Patience = 40,
    # Seconds within which somebody must take connections at the port. 0 leaves that out.
    [int]$Listening = 0
)

$ErrorActionPreference = 'Stop'

# Windows judges a connection by the network of the adapter through which it comes. One without a link or a gateway
# is public for it.
function Get-Category([int]$Index) {
    $found = @(Get-NetConnectionProfile -InterfaceIndex $Index -ErrorAction SilentlyContinue)
    if (-not $found) { return 'Public' }
    if ([string]$found[0].NetworkCategory -like 'Domain*') { return 'Domain' }
    return [string]$found[0].NetworkCategory
}

# How a scanner comes: the adapter with its addresses and its profile. An adapter that is not found meets no condition about adapters.
function Get-Way([string]$From) {
    $way = @{ scanner = $From; category = 'Public'; alias = ''; addresses = @() }
    if ($Address) { $found = @(Get-NetIPAddress -IPAddress ($Address -split '/')[0] -ErrorAction SilentlyContinue) }
    else { $found = @(Find-NetRoute -RemoteIPAddress $From -ErrorAction SilentlyContinue) }
    if ($found) {
        $way.category = Get-Category $found[0].InterfaceIndex
        $way.alias = [string]$found[0].InterfaceAlias
        $way.addresses = @(Get-NetIPAddress -InterfaceIndex $found[0].InterfaceIndex -ErrorAction SilentlyContinue)
    }
    return $way
}

# The bits of an address as a text, by which addresses of one family are compared. Nothing for what is none.
function Get-Bits([string]$Ip) {
    $parsed = $null
    if (-not [Net.IPAddress]::TryParse($Ip, [ref]$parsed)) { return $null }
    return -join @($parsed.GetAddressBytes() | ForEach-Object { [Convert]::ToString($_, 2).PadLeft(8, '0') })
}

function Test-Network([string]$One, [string]$Other, [string]$Length) {
    $first, $second = (Get-Bits $One), (Get-Bits $Other)
    if ($null -eq $first -or $null -eq $second -or $first.Length -ne $second.Length) { return $false }
    $bits = 0
    # A mask instead of a length.
    if (-not [int]::TryParse($Length, [ref]$bits)) { $bits = ([string](Get-Bits $Length)).IndexOf('0') }
    if ($bits -lt 0 -or $bits -gt $first.Length) { $bits = $first.Length }
    return $first.Substring(0, $bits) -eq $second.Substring(0, $bits)
}

# Whether one of a rule's addresses (one, a range, a network, a keyword) is this one. Of other keywords, such as DNS, nobody here knows
# whom they mean.
function Test-Address([string[]]$Texts, [string]$Ip, [object[]]$Near) {
    $own = Get-Bits $Ip
    foreach ($text in $Texts) {
        if ($text -in @('Any', '*', $Ip)) { return $true }
        if ($text -like 'LocalSubnet*') {
            foreach ($one in $Near) { if (Test-Network $Ip $one.IPAddress $one.PrefixLength) { return $true } }
        }
        elseif ($text -match '^([^/]+)/([^/]+)$') { if (Test-Network $Ip $Matches[1] $Matches[2]) { return $true } }
        elseif ($text -match '^([^-]+)-([^-]+)$') {
            $first, $last = (Get-Bits $Matches[1]), (Get-Bits $Matches[2])
            if ($null -eq $first -or $null -eq $last -or $null -eq $own -or $first.Length -ne $own.Length) { continue }
            if ([string]::CompareOrdinal($first, $own) -le 0 -and [string]::CompareOrdinal($own, $last) -le 0) { return $true }
        }
        elseif ($null -ne $own -and (Get-Bits $text) -eq $own) { return $true }
    }
    return $false
}

function Test-Port([string[]]$Ports) {
    foreach ($text in $Ports) {
        if ($text -eq 'Any' -or $text -eq [string]$Port) { return $true }
        if ($text -match '^(\d+)-(\d+)$' -and $Port -ge [int]$Matches[1] -and $Port -le [int]$Matches[2]) { return $true }
    }
    return $false
}

function Test-Any($Value) { return [string]$Value -in @('', 'Any', '*') }

# Whether a rule is about the program, its port and its way of running, whoever calls. Orthanc is a service of SYSTEM and no packaged
# app, and a scanner calls without IPsec. Each look at a rule takes its time, so the one that rules most of them out comes first.
function Test-Rule($Found) {
    if (-not (Test-Any $Found.Owner)) { return $false }
    $filter = $Found | Get-NetFirewallPortFilter
    if ([string]$filter.Protocol -notin @('Any', 'TCP', '6') -or -not (Test-Port @($filter.LocalPort)) -or -not (Test-Any $filter.RemotePort)) { return $false }
    $filter = $Found | Get-NetFirewallApplicationFilter
    $application = [Environment]::ExpandEnvironmentVariables([string]$filter.Program)
    if (-not (Test-Any $application) -and $application -ne $Program -or -not (Test-Any $filter.Package)) { return $false }
    if (-not (Test-Any ($Found | Get-NetFirewallServiceFilter).Service)) { return $false }
    $filter = $Found | Get-NetFirewallSecurityFilter
    if (-not (Test-Any $filter.LocalUser) -or -not (Test-Any $filter.RemoteUser) -or -not (Test-Any $filter.RemoteMachine)) { return $false }
    return [string]$filter.Authentication -in @('', 'NotRequired')
}

# Whether a rule that fits the program is about a way: profile, adapter and both addresses. Scanners are not asked to come by radio or
# by telephone, so a rule about such adapters is not about them.
function Test-Way($Found, $Way) {
    $where = [string]$Found.Profile
    if ($where -ne 'Any' -and @($where -split ',\s*') -notcontains $Way.category) { return $false }
    if ([string]$Found.PolicyStoreSourceType -eq 'Local' -and $deaf -contains $Way.category) { return $false }
    $adapters = @(($Found | Get-NetFirewallInterfaceFilter).InterfaceAlias)
    if (-not (Test-Any $adapters[0]) -and $adapters -notcontains $Way.alias) { return $false }
    if ([string]($Found | Get-NetFirewallInterfaceTypeFilter).InterfaceType -notin @('', 'Any', 'Wired')) { return $false }
    $filter = $Found | Get-NetFirewallAddressFilter
    if (-not (Test-Address @($filter.RemoteAddress) $Way.scanner $Way.addresses)) { return $false }
    if (Test-Any @($filter.LocalAddress)[0]) { return $true }
    foreach ($own in $Way.addresses) { if (Test-Address @($filter.LocalAddress) $own.IPAddress $Way.addresses) { return $true } }
    return $false
}

# The firewall of another vendor that is switched on. Only clients have this list.
function Get-Vendor {
    foreach ($product in @(Get-CimInstance -Namespace 'root/SecurityCenter2' -ClassName FirewallProduct -ErrorAction SilentlyContinue)) {
        if (([int64]$product.productState -band 0xF000) -eq 0x1000) { "'$($product.displayName)'" }
    }
}

function Test-Listener {
    $client = New-Object -TypeName System.Net.Sockets.TcpClient
    try { return $client.ConnectAsync('127.0.0.1', $Port).Wait(1000) -and $client.Connected } catch { return $false } finally { $client.Close() }
}

$listens = $false
$waited = [System.Diagnostics.Stopwatch]::StartNew()
while ($Listening) {
    $listens = Test-Listener
    if ($listens -or $waited.Elapsed.TotalSeconds -ge $Listening) { break }
    Start-Sleep -Milliseconds 500
}

$blocked = @()
$open = @()
if ($Scanner.Count -gt 0) {
    $state = [string](Get-Service -Name mpssvc -ErrorAction SilentlyContinue).Status
    if ($state -ne 'Running') {
        $open += "The service of Windows' firewall (mpssvc) does not run, so the rule '$Rule' has no effect and not only scanners reach port $Port; start it."
    }
    else {
        $ways = @($Scanner | ForEach-Object { Get-Way $_ })
        # Profiles that let everything in, that take nothing at all, and in which no rule of this computer's own counts.
        $free, $shut, $deaf = @(), @(), @()
        foreach ($one in @(Get-NetFirewallProfile -PolicyStore ActiveStore | Where-Object { @($ways.category) -contains [string]$_.Name })) {
            $name = [string]$one.Name
            $off = [string]$one.Enabled -eq 'False'
            if ($off -or [string]$one.DefaultInboundAction -eq 'Allow') {
                $free += $name
                $vendors = @(Get-Vendor) -join ', '
                if ($off -and $vendors) {
                    $open += "$vendors has the place of Windows' firewall for networks of the profile '$name', where the scanners are, and nobody can look into it from here; have it admit $($Scanner -join ', ') to TCP port $Port and nobody else."
                }
                else {
                    $open += "Windows' firewall lets everything in from networks of the profile '$name', where the scanners are, so not only they reach port $Port; switch it on."
                }
            }
            if ($off) { $shut += $name }
            elseif ([string]$one.AllowInboundRules -eq 'False') {
                $shut += $name
                $blocked += "Windows' firewall takes no connection at all from networks of the profile '$name', where the scanners are ('Block all incoming connections'); untick that, or change the policy that sets it."
            }
            elseif ([string]$one.AllowLocalFirewallRules -eq 'False') { $deaf += $name }
        }
        # Rules neither open nor close a profile that is off or takes nothing.
        $ways = @($ways | Where-Object { $shut -notcontains $_.category })
        $rules = @()
        if ($ways) { $rules = @(Get-NetFirewallRule -PolicyStore ActiveStore -Direction Inbound -Enabled True -ErrorAction SilentlyContinue) }
        # A rule that blocks wins over each that admits.
        foreach ($found in @($rules | Where-Object { [string]$_.Action -eq 'Block' } | Where-Object { Test-Rule $_ })) {
            $kept = @($ways | Where-Object { Test-Way $found $_ } | ForEach-Object { $_.scanner })
            if ($kept) { $blocked += "The firewall rule '$($found.DisplayName)' keeps scanner $($kept -join ', ') from port $Port of Orthanc, and a rule that blocks wins over one that admits; take the scanner out of it, or change the policy that brings it." }
        }
        # The role's own rule first: as a rule no other has to be looked at.
        $missing = @($ways | Where-Object { $free -notcontains $_.category })
        foreach ($found in @($rules | Where-Object { [string]$_.Action -eq 'Allow' } | Sort-Object -Property @{ Expression = { [string]$_.DisplayName -ne $Rule } })) {
            if ($missing.Count -eq 0) { break }
            if (Test-Rule $found) { $missing = @($missing | Where-Object { -not (Test-Way $found $_) }) }
        }
        $silenced = @($missing | Where-Object { $deaf -contains $_.category })
        foreach ($name in @($silenced | ForEach-Object { $_.category } | Sort-Object -Unique)) {
            $whom = @($silenced | Where-Object { $_.category -eq $name } | ForEach-Object { $_.scanner }) -join ', '
            $blocked += "A policy lets no rule of this computer's own count for networks of the profile '$name', where the scanners are, so '$Rule' admits nobody; have TCP port $Port admitted from $whom by that policy."
        }
        $missing = @($missing | Where-Object { $deaf -notcontains $_.category } | ForEach-Object { $_.scanner })
        if ($missing) {
            $blocked += "No firewall rule in force admits scanner $($missing -join ', ') to port $Port of Orthanc, as '$Rule' should; run the gateway's role again, and when this comes back see who changes or removes that rule."
        }
    }
}

# 0: it went well. 0x41301: it runs. 0x41303: it has not run yet. 0x41325: it waits for its turn.
$fine = @(0, 0x41301, 0x41303, 0x41325)
$wake = ''
if ($Task) {
    $sentence = "The task '$Task', which keeps images going after the clock was set back, "
    $info = Get-ScheduledTaskInfo -TaskName $Task -TaskPath '\' -ErrorAction SilentlyContinue
    $again = $null -ne $info -and $info.LastTaskResult -notin @(0, 0x41301)
    $stuck = $false
    # The last run may be one that met Orthanc while it was restarted.
    if ($again -and $PSCmdlet.ShouldProcess($Task, 'run once')) {
        # The clock may have been set back, so that a new run is not a later one.
        $before = $info.LastRunTime
        Start-ScheduledTask -TaskName $Task -TaskPath '\'
        $waited = [System.Diagnostics.Stopwatch]::StartNew()
        do {
            Start-Sleep -Milliseconds 500
            $state = [string](Get-ScheduledTask -TaskName $Task -TaskPath '\').State
            $info = Get-ScheduledTaskInfo -TaskName $Task -TaskPath '\'
            $stuck = $info.LastRunTime -eq $before
        } while (($stuck -or $state -in @('Running', 'Queued') -or $info.LastTaskResult -in @(0x41301, 0x41325)) -and $waited.Elapsed.TotalSeconds -lt $Patience)
    }
    if ($null -eq $info) {
        # Check mode has not made it.
        if (-not $WhatIfPreference) { $wake = "The task '$Task', which wakes the forwarder, is not there although it was just made; look who removes scheduled tasks of this computer." }
    }
    elseif ($stuck) { $wake = "${sentence}was started and does not begin within $Patience s; run it in the Task Scheduler of the PC and see what it waits for." }
    elseif ($info.LastTaskResult -notin $fine) {
        $wake = "${sentence}ends with 0x{0:X}; " -f [uint32]$info.LastTaskResult
        $wake += 'run it in the Task Scheduler of the PC and see what stops it: a policy about PowerShell and an antivirus program are the usual reasons.'
    }
}

$Ansible.Changed = $false
$Ansible.Result = @{ blocked = @($blocked); open = @($open); wake = $wake; listens = [bool]$listens }
