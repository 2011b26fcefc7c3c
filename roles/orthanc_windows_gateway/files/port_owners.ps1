# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Names the programs that listen on the given TCP ports. Changes nothing.
# Result: {owners: [{port, program, path}]}; path is empty where Windows does not tell it.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [Parameter(Mandatory = $true)][int[]]$Port
)

$ErrorActionPreference = 'Stop'

$owners = foreach ($listener in @(Get-NetTCPConnection -State Listen -ErrorAction SilentlyContinue)) {
    if ($Port -notcontains $listener.LocalPort) { continue }
    $process = Get-Process -Id $listener.OwningProcess -ErrorAction SilentlyContinue
    @{
        port    = [int]$listener.LocalPort
        program = [string]$process.ProcessName
        path    = [string]$process.Path
    }
}

$Ansible.Changed = $false
$Ansible.Result = @{ owners = @($owners) }
