# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Tells in one command what is in place on this computer, so that only what differs is done. Changes nothing.
# Result: {folders, files, names, registry, accounts}, each a table with what was asked for as its keys. Of a folder the rights in SDDL and
# of a file its SHA-1, both empty where there is none; the names of the files in a folder; of a registry key its values by name; of a local
# account its security identifier, empty where there is none. What cannot be read is told like what is not there: then the task that would
# see to it runs, and says why it cannot.

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
    # Names of local accounts.
    [string[]]$Accounts = @()
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

$result = @{ folders = @{}; files = @{}; names = @{}; registry = @{}; accounts = @{} }
foreach ($one in $Folders) {
    $result.folders[$one] = "$(Get-Answer { if (Test-Path -LiteralPath $one -PathType Container) { (Get-Acl -LiteralPath $one).Sddl } } '')"
}
foreach ($one in $Files) {
    $result.files[$one] = "$(Get-Answer { (Get-FileHash -LiteralPath $one -Algorithm SHA1).Hash.ToLowerInvariant() } '')"
}
foreach ($one in $Names) {
    $result.names[$one] = @(Get-Answer { Get-ChildItem -LiteralPath $one -File -Force | ForEach-Object { $_.Name } } @())
}
foreach ($one in $Registry) { $result.registry[$one] = Get-Answer { Get-Value $one } @{} }
foreach ($one in $Accounts) { $result.accounts[$one] = "$(Get-Answer { (Get-LocalUser -Name $one).SID } '')" }

$Ansible.Changed = $false
$Ansible.Result = $result
