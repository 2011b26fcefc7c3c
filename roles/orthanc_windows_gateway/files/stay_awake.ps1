# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Keeps the computer awake on mains power: no sleep, no hibernation. Result: {standby_seconds, hibernate_seconds} as found.

[CmdletBinding(SupportsShouldProcess = $true)]
param()

$ErrorActionPreference = 'Stop'

# powercfg prints its labels in the language of Windows, so only the numbers are read: the last two are those for mains and battery.
function Get-MainsValue([string]$Setting) {
    $text = (& powercfg.exe /query SCHEME_CURRENT SUB_SLEEP $Setting) -join "`n"
    $numbers = @([regex]::Matches($text, '0x[0-9a-fA-F]{8}') | ForEach-Object { [Convert]::ToInt64($_.Value, 16) })
    if ($numbers.Count -lt 2) { return 0 }
    return $numbers[$numbers.Count - 2]
}

$standby = Get-MainsValue 'STANDBYIDLE'
$hibernate = Get-MainsValue 'HIBERNATEIDLE'

$Ansible.Changed = $standby -ne 0 -or $hibernate -ne 0
$Ansible.Diff = @{
    before = @{ standby_seconds = $standby; hibernate_seconds = $hibernate }
    after  = @{ standby_seconds = 0; hibernate_seconds = 0 }
}
if ($Ansible.Changed -and $PSCmdlet.ShouldProcess('the active power scheme', 'never sleep on mains power')) {
    $null = & powercfg.exe /change standby-timeout-ac 0
    $null = & powercfg.exe /change hibernate-timeout-ac 0
}
$Ansible.Result = @{ standby_seconds = $standby; hibernate_seconds = $hibernate }
