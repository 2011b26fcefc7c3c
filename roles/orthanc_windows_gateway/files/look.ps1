# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Tells in one command what is in place on this computer, so that only what differs is done. Changes nothing.
# Result: {folders, files, contents, names, registry, accounts, services, rules, ports}, each a table with what was asked for as its keys.
# Of a folder the rights in SDDL, of a file its SHA-1 or its content in base64, all empty where there is none; the names of the files in a
# folder; of a registry key its values by name; of a local account its security identifier, empty where there is none; of a service
# {state, start_mode, actions, reset, on_non_crash} in one text, such as "Running auto restart:5000,restart:30000 86400 True"; how many
# firewall rules of this computer have a name, -1 where nobody tells; whether somebody takes connections at a port of the loopback address.
# What cannot be read is told like what is not there: then the task that would see to it runs, and says why it cannot. Only a key that must
# be readable, and is not, ends the look.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # Folders whose rights are asked for.
    [string[]]$Folders = @(),
    # Files to compare. None that holds a secret: a sum of a short text gives it away.
    [string[]]$Files = @(),
    # Folders of which the names of the files are asked for.
    [string[]]$Names = @(),
    # Keys, such as HKLM:\SOFTWARE.
    [string[]]$Registry = @(),
    # Keys that decide what is installed: null for one that is not there, and one that is there and cannot be read is an error.
    [string[]]$Required = @(),
    # Names of local accounts.
    [string[]]$Accounts = @(),
    # Small files whose content is no secret.
    [string[]]$Contents = @(),
    # Names of services.
    [string[]]$Services = @(),
    # Names of firewall rules.
    [string[]]$Rules = @(),
    # TCP ports of the loopback address.
    [int[]]$Ports = @()
)

$ErrorActionPreference = 'Stop'

# What a question cannot find is no error of the others.
function Get-Answer([scriptblock]$Question, $Otherwise) {
    try { return & $Question } catch { return $Otherwise }
}

function Get-Value([string]$Key) {
    $values = @{}
    foreach ($one in (Get-ItemProperty -LiteralPath $Key).PSObject.Properties) {
        if ($one.Name -notmatch '^PS(Path|ParentPath|ChildName|Drive|Provider)$') { $values[$one.Name] = $one.Value }
    }
    return $values
}

function Get-Required([string]$Key) {
    try { return Get-Value $Key } catch [System.Management.Automation.ItemNotFoundException] { return $null }
}

# The registry keeps a service's actions after failures as a structure of numbers of four bytes: seconds until the count begins anew, two
# pointers, the number of actions, a pointer, and then kind and milliseconds of each action.
function Get-Action([byte[]]$Bytes) {
    for ($i = 0; $i -lt [BitConverter]::ToInt32($Bytes, 12); $i++) {
        $kind = @('none', 'restart', 'reboot', 'run_command')[[BitConverter]::ToInt32($Bytes, 20 + 8 * $i)]
        '{0}:{1}' -f $kind, [BitConverter]::ToInt32($Bytes, 24 + 8 * $i)
    }
}

function Get-ServiceText([string]$Name) {
    $key = Get-Value "HKLM:\SYSTEM\CurrentControlSet\Services\$Name"
    $mode = @{ 2 = 'auto'; 3 = 'manual'; 4 = 'disabled' }[[int]$key['Start']]
    if ($mode -eq 'auto' -and $key['DelayedAutostart'] -eq 1) { $mode = 'delayed' }
    $bytes = [byte[]]$key['FailureActions']
    $actions = @(Get-Action $bytes) -join ','
    return '{0} {1} {2} {3} {4}' -f (Get-Service -Name $Name).Status, $mode, $actions, [BitConverter]::ToInt32($bytes, 0), ($key['FailureActionsOnNonCrashFailures'] -eq 1)
}

# One that takes no connection within a second is looked at by the task that waits for it.
function Test-Port([int]$Port) {
    $client = New-Object -TypeName System.Net.Sockets.TcpClient
    try { return $client.ConnectAsync('127.0.0.1', $Port).Wait(1000) -and $client.Connected } finally { $client.Close() }
}

$result = @{ folders = @{}; files = @{}; contents = @{}; names = @{}; registry = @{}; accounts = @{}; services = @{}; rules = @{}; ports = @{} }
foreach ($one in $Required) { $result.registry[$one] = Get-Required $one }
foreach ($one in $Folders) {
    $result.folders[$one] = "$(Get-Answer { if (Test-Path -LiteralPath $one -PathType Container) { (Get-Acl -LiteralPath $one).Sddl } } '')"
}
foreach ($one in $Files) {
    $result.files[$one] = "$(Get-Answer { (Get-FileHash -LiteralPath $one -Algorithm SHA1).Hash.ToLowerInvariant() } '')"
}
foreach ($one in $Contents) { $result.contents[$one] = "$(Get-Answer { [Convert]::ToBase64String([IO.File]::ReadAllBytes((Convert-Path -LiteralPath $one))) } '')" }
foreach ($one in $Names) {
    $result.names[$one] = @(Get-Answer { Get-ChildItem -LiteralPath $one -File -Force | ForEach-Object { $_.Name } } @())
}
foreach ($one in $Registry) { $result.registry[$one] = Get-Answer { Get-Value $one } @{} }
foreach ($one in $Accounts) { $result.accounts[$one] = "$(Get-Answer { (Get-LocalUser -Name $one).SID } '')" }
foreach ($one in $Services) { $result.services[$one] = "$(Get-Answer { Get-ServiceText $one } '')" }
foreach ($one in $Rules) {
    $result.rules[$one] = Get-Answer { @(Get-NetFirewallRule -PolicyStore PersistentStore | Where-Object { [string]$_.DisplayName -eq $one }).Count } -1
}
foreach ($one in $Ports) { $result.ports["$one"] = Get-Answer { Test-Port $one } $false }

$Ansible.Changed = $false
$Ansible.Result = $result
