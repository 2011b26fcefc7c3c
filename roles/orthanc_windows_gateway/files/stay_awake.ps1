# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Keeps the computer awake on mains power: no sleep, no hibernation. Result: {problem, standby_seconds,
# hibernate_seconds}: the seconds as they were found. A problem is one sentence.

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

$problem = ''
$Ansible.Changed = $standby -ne 0 -or $hibernate -ne 0
$Ansible.Diff = @{
    before = @{ standby_seconds = $standby; hibernate_seconds = $hibernate }
    after  = @{ standby_seconds = 0; hibernate_seconds = 0 }
}
if ($Ansible.Changed -and $PSCmdlet.ShouldProcess('the active power scheme', 'never sleep on mains power')) {
    $null = & powercfg.exe /change standby-timeout-ac 0
    $null = & powercfg.exe /change hibernate-timeout-ac 0
    # powercfg says nothing when a policy sets these values.
    $left = @((Get-MainsValue 'STANDBYIDLE'), (Get-MainsValue 'HIBERNATEIDLE'))
    if ($left[0] -ne 0 -or $left[1] -ne 0) {
        $problem = "This computer still sleeps after $($left[0]) s and hibernates after $($left[1]) s (0 means never) on mains power; " +
            'change the policy that sets its power scheme, or set orthanc_windows_gateway_keep_awake to false.'
    }
}
$Ansible.Result = @{ problem = $problem; standby_seconds = $standby; hibernate_seconds = $hibernate }
