# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Says what on this computer undoes what the role configured: what keeps scanners out, what lets others in, and whether the
# task that wakes the forwarder can run. It is run once when its last run failed or there was none, and nothing else changes.
# Result: {blocked, open, wake}: lists of sentences, and one sentence or an empty text.

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
    [int]$Patience = 40
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

function Get-Categories {
    if ($Address) {
        $own = @(Get-NetIPAddress -IPAddress ($Address -split '/')[0] -ErrorAction SilentlyContinue)
        if (-not $own) { return 'Public' }
        return Get-Category $own[0].InterfaceIndex
    }
    foreach ($one in $Scanner) {
        $way = @(Find-NetRoute -RemoteIPAddress $one -ErrorAction SilentlyContinue)
        if ($way) { Get-Category $way[0].InterfaceIndex } else { 'Public' }
    }
}

function Test-Port([string[]]$Ports) {
    foreach ($text in $Ports) {
        if ($text -eq 'Any' -or $text -eq [string]$Port) { return $true }
        if ($text -match '^(\d+)-(\d+)$' -and $Port -ge [int]$Matches[1] -and $Port -le [int]$Matches[2]) { return $true }
    }
    return $false
}

# A rule that blocks wins over each that admits.
function Get-Blocker([string[]]$Categories) {
    foreach ($found in @(Get-NetFirewallRule -PolicyStore ActiveStore -Direction Inbound -Action Block -Enabled True -ErrorAction SilentlyContinue)) {
        $where = [string]$found.Profile
        if ($where -ne 'Any' -and -not ($Categories | Where-Object { $where -match $_ })) { continue }
        $application = [Environment]::ExpandEnvironmentVariables([string]($found | Get-NetFirewallApplicationFilter).Program)
        if ($application -ne 'Any' -and $application -ne $Program) { continue }
        $filter = $found | Get-NetFirewallPortFilter
        if ([string]$filter.Protocol -notin @('Any', 'TCP', '6') -or -not (Test-Port @($filter.LocalPort))) { continue }
        $from = @(($found | Get-NetFirewallAddressFilter).RemoteAddress) -join ', '
        $whom = if ($from -eq 'Any') { 'everybody' } else { $from }
        "The firewall rule '$($found.DisplayName)' keeps $whom from port $Port of Orthanc, and a rule that blocks wins over one that admits; delete it, or change the policy that brings it."
    }
}

$blocked = @()
$open = @()
if ($Scanner.Count -gt 0) {
    $state = [string](Get-Service -Name mpssvc -ErrorAction SilentlyContinue).Status
    if ($state -ne 'Running') {
        $open += "The service of Windows' firewall (mpssvc) does not run, so the rule '$Rule' has no effect and not only scanners reach port $Port; start it."
    }
    else {
        $categories = @(Get-Categories | Sort-Object -Unique)
        foreach ($one in @(Get-NetFirewallProfile -PolicyStore ActiveStore | Where-Object { $categories -contains [string]$_.Name })) {
            $name = [string]$one.Name
            if ([string]$one.Enabled -eq 'False' -or [string]$one.DefaultInboundAction -eq 'Allow') {
                $open += "Windows' firewall lets everything in from networks of the profile '$name', where the scanners are, so not only they reach port $Port; switch it on."
                if ([string]$one.Enabled -eq 'False') { continue }
            }
            if ([string]$one.AllowInboundRules -eq 'False') {
                $blocked += "Windows' firewall takes no connection at all from networks of the profile '$name', where the scanners are ('Block all incoming connections'); untick that, or change the policy that sets it."
            }
            elseif ([string]$one.AllowLocalFirewallRules -eq 'False') {
                $blocked += "A policy lets no rule of this computer's own count for networks of the profile '$name', where the scanners are, so '$Rule' admits nobody; have TCP port $Port admitted from $($Scanner -join ', ') by that policy."
            }
        }
        $blocked += @(Get-Blocker $categories)
    }
}

# 0: it went well. 0x41301: it runs. 0x41303: it has not run yet. 0x41325: it waits for its turn.
$fine = @(0, 0x41301, 0x41303, 0x41325)
$wake = ''
if ($Task) {
    $info = Get-ScheduledTaskInfo -TaskName $Task -TaskPath '\' -ErrorAction SilentlyContinue
    $again = $null -ne $info -and $info.LastTaskResult -notin @(0, 0x41301)
    # The last run may be one that met Orthanc while it was restarted.
    if ($again -and $PSCmdlet.ShouldProcess($Task, 'run once')) {
        Start-ScheduledTask -TaskName $Task -TaskPath '\'
        $waited = [System.Diagnostics.Stopwatch]::StartNew()
        do {
            Start-Sleep -Milliseconds 500
            $state = [string](Get-ScheduledTask -TaskName $Task -TaskPath '\').State
            $info = Get-ScheduledTaskInfo -TaskName $Task -TaskPath '\'
        } while (($state -in @('Running', 'Queued') -or $info.LastTaskResult -in @(0x41301, 0x41325)) -and $waited.Elapsed.TotalSeconds -lt $Patience)
    }
    if ($null -eq $info) {
        # Check mode has not made it.
        if (-not $WhatIfPreference) { $wake = "The task '$Task', which wakes the forwarder, is not there although it was just made; look who removes scheduled tasks of this computer." }
    }
    elseif ($info.LastTaskResult -notin $fine) {
        $wake = "The task '$Task', which keeps images going after the clock was set back, ends with 0x{0:X}; " -f [uint32]$info.LastTaskResult
        $wake += 'run it in the Task Scheduler of the PC and see what stops it: a policy about PowerShell and an antivirus program are the usual reasons.'
    }
}

$Ansible.Changed = $false
$Ansible.Result = @{ blocked = @($blocked); open = @($open); wake = $wake }
