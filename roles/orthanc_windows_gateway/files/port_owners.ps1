# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Names the programs that listen on the given TCP ports. Changes nothing. Says also which of those ports Windows gives to nobody:
# Hyper-V, WSL and Docker have ranges excluded, where nobody listens and nobody may. Beside that, in the same trip, what else would
# stop the role half way: a firewall that does not run takes no rule, and Windows may refuse to run unsigned programs.
# Result: {owners: [{port, program, path}], excluded: [{port, first, last}], problem, firewall, app_control}; path is empty where
# Windows does not tell it, problem is one sentence. firewall: the state of its service. app_control: "on" or "evaluation" for Smart
# App Control, "policy" for a policy of code integrity that is enforced for programs, empty without any.

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
$held = @($owners | Where-Object { $_ } | ForEach-Object { $_.port })

# The words are in the language of Windows, so only lines of two numbers are read. A range with an asterisk was set apart by an
# administrator: Windows gives it to whoever asks for it by its number, as Orthanc does.
$lines = @(& netsh.exe interface ipv4 show excludedportrange protocol=tcp | ForEach-Object { [string]$_ })
$problem = ''
if ($LASTEXITCODE -ne 0) {
    $words = @($lines | ForEach-Object { $_.Trim() } | Where-Object { $_ }) -join ' '
    $problem = "Windows does not tell which TCP ports it gives to nobody: 'netsh interface ipv4 show excludedportrange protocol=tcp' ended with $LASTEXITCODE and said '$words'; try it on the PC and mend what it says."
}
$excluded = foreach ($line in $lines) {
    if ($line -notmatch '^\s*(\d+)\s+(\d+)\s*$') { continue }
    $first = [int]$Matches[1]
    $last = [int]$Matches[2]
    foreach ($number in $Port) {
        # Whoever holds the port had it before the range came.
        if ($number -ge $first -and $number -le $last -and $held -notcontains $number) {
            @{ port = $number; first = $first; last = $last }
        }
    }
}

# Smart App Control is such a policy itself, so it is asked first.
$control = ''
$smart = (Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\CI\Policy' -ErrorAction SilentlyContinue).VerifiedAndReputablePolicyState
if ($smart -eq 1) { $control = 'on' }
elseif ($smart -eq 2) { $control = 'evaluation' }
else {
    $guard = Get-CimInstance -Namespace 'root/Microsoft/Windows/DeviceGuard' -ClassName Win32_DeviceGuard -ErrorAction SilentlyContinue
    if ($guard.UsermodeCodeIntegrityPolicyEnforcementStatus -eq 2) { $control = 'policy' }
}

$Ansible.Changed = $false
$Ansible.Result = @{
    owners      = @($owners | Where-Object { $_ })
    excluded    = @($excluded | Where-Object { $_ })
    problem     = $problem
    firewall    = [string](Get-Service -Name mpssvc -ErrorAction SilentlyContinue).Status
    app_control = $control
}
