# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs one script of the role with stand-ins for the cmdlets that exist on Windows only, over a small state in JSON.
# Prints {changed, result, diff, calls, interfaces} as JSON.

[CmdletBinding()]
param([string]$Script, [string]$StateFile)

$global:State = Get-Content -Raw -LiteralPath $StateFile | ConvertFrom-Json
$global:Calls = New-Object -TypeName System.Collections.ArrayList
$global:Ansible = [PSCustomObject]@{ Changed = $true; Result = $null; Diff = @{}; CheckMode = [bool]$State.check }

function Add-Call([string]$Text) { $null = $global:Calls.Add($Text) }

function Get-NetTCPConnection([string]$State, [string]$ErrorAction) {
    $global:State.connections | Where-Object { $_ -and $_.State -eq $State }
}

function Get-Process([int]$Id, [string]$ErrorAction) { $global:State.processes | Where-Object { $_ -and $_.Id -eq $Id } }

# Adapters and netsh are those of the lab, over the state's "interfaces" and "excluded_ports", as strict as there.
# They write, so they need tables.
function ConvertTo-Table($Value) {
    if ($Value -is [array]) { return , @($Value | ForEach-Object { ConvertTo-Table $_ }) }
    if ($Value -isnot [System.Management.Automation.PSCustomObject]) { return $Value }
    $table = @{}
    foreach ($entry in $Value.PSObject.Properties) { $table[$entry.Name] = ConvertTo-Table $entry.Value }
    return $table
}

$global:SimulatedWindows = ConvertTo-Table $State
$lab = Join-Path $PSScriptRoot '../../lab/winrm/ps/Windows.psm1'
Import-Module -Name $lab -DisableNameChecking -Function Get-NetAdapter, Get-NetAdapterBinding, *-NetIP*, *-NetRoute, *-DnsClient, Get-ItemProperty, netsh.exe

function powercfg.exe {
    if ($args[0] -eq '/query') {
        "    Mindestwert: 0x00000000"
        "    Index der aktuellen Wechselstromeinstellung: 0x{0:x8}" -f [int]$global:State.power.($args[3])
        "    Index der aktuellen Gleichstromeinstellung: 0x00000384"
    } else {
        Add-Call "powercfg $args"
        # A scheme that a policy sets stays as it is.
        $name = @{ 'standby-timeout-ac' = 'STANDBYIDLE'; 'hibernate-timeout-ac' = 'HIBERNATEIDLE' }[$args[1]]
        if (-not $global:State.policy) { $global:State.power.$name = [int]$args[2] }
    }
}

# A service that stops takes its time: "pending" is how many looks see it stopping while its Orthanc runs, "refusals" how
# many attempts to start it come before it has stopped at last. Each call says whether the file "watch", if there is one,
# holds the row of statistics by then.
function Add-ServiceCall([string]$Text) {
    if (-not $global:State.watch) { Add-Call $Text; return }
    $row = [IO.File]::ReadAllText($global:State.watch).Contains('1000000 250000')
    Add-Call "$Text, row $row"
}

function Get-Service([string]$Name, [string]$ErrorAction) {
    foreach ($service in @($global:State.services | Where-Object { $_ -and $_.Name -eq $Name })) {
        if ($service.Status -eq 'StopPending' -and $service.pending-- -le 0) {
            $service.Status = 'Stopped'
            Add-ServiceCall "stopped $Name"
        }
        elseif ($service.Status -eq 'StartPending' -and $service.pending-- -le 0) { $service.Status = 'Running' }
        [PSCustomObject]@{ Name = $Name; Status = $service.Status }
    }
}

function Stop-Service([string]$Name, [switch]$NoWait) {
    if (-not $NoWait) { throw "Stop-Service waits for ever without -NoWait." }
    $service = @($global:State.services | Where-Object { $_.Name -eq $Name })[0]
    if ($service.Status -notin @('Running', 'Paused')) { throw "Cannot stop service '$Name' in the state $($service.Status)." }
    Add-ServiceCall "stop $Name"
    @($global:State.services | Where-Object { $_.Name -eq $Name })[0].Status = 'StopPending'
}

function Get-CimInstance([string]$ClassName, [string]$Filter, [string]$Namespace, [string]$ErrorAction) {
    if ($ClassName -eq 'Win32_DeviceGuard') { return $global:State.device_guard }
    if ($ClassName -eq 'Win32_Service' -and $Filter -match "^Name = '(.+)'$") {
        $global:State.services | Where-Object { $_ -and $_.Name -eq $Matches[1] } | ForEach-Object { [PSCustomObject]@{ ProcessId = $_.process } }
    }
    elseif ($ClassName -eq 'Win32_Process' -and $Filter -match "^ParentProcessId = (\d+) AND Name = '(.+)'$") {
        $global:State.processes | Where-Object { $_ -and $_.parent -eq [int]$Matches[1] -and $_.name -eq $Matches[2] } |
            ForEach-Object { [PSCustomObject]@{ ProcessId = $_.id } }
    }
    else { throw "The harness has no answer for $ClassName with the filter $Filter." }
}

# An "immortal" process stays. The service of a child that ends has stopped at the second look after that.
function Stop-Process([int]$Id, [switch]$Force, [string]$ErrorAction) {
    Add-ServiceCall "end process $Id"
    $process = @($global:State.processes | Where-Object { $_.id -eq $Id })[0]
    if ($process.immortal) { return }
    $global:State.processes = @($global:State.processes | Where-Object { $_.id -ne $Id })
    $global:State.services | Where-Object { $_.process -eq $process.parent } | ForEach-Object { $_.pending = 1 }
}

function Wait-Process([int]$Id, [int]$Timeout, [string]$ErrorAction) { Add-ServiceCall "wait for process $Id" }

function Start-Service([string]$Name, [string]$ErrorAction) {
    $service = @($global:State.services | Where-Object { $_.Name -eq $Name })[0]
    if ($service.refusals -gt 0) {
        $service.refusals--
        if ($service.refusals -eq 0) { $service.Status = 'Stopped' }
        return
    }
    if ($service.Status -ne 'Stopped') { return }
    Add-ServiceCall "start $Name"
    $service.Status = 'Running'
}

$parameters = @{}
foreach ($entry in $State.parameters.PSObject.Properties) { $parameters[$entry.Name] = $entry.Value }
if ($State.check) { $parameters.WhatIf = $true }
# A script of win_powershell sets this in the global scope, where the functions of modules see it.
$global:ErrorActionPreference = 'Stop'
$null = & ([scriptblock]::Create((Get-Content -Raw -LiteralPath $Script))) @parameters
$interfaces = @($SimulatedWindows.interfaces)
@{ changed = $Ansible.Changed; result = $Ansible.Result; diff = $Ansible.Diff; calls = @($Calls); interfaces = $interfaces } | ConvertTo-Json -Depth 6
