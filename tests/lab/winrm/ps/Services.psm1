# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stand-ins for the cmdlets about services and their processes. Services are processes of the machine, so the endpoint
# looks, starts and stops, and answers in a file. A service has a process that watches its program, as Orthanc's has.

$watcher = 1000000

# Asking is no change, so check mode does not keep it back.
function Request-Service {
    param([string] $Action, [string] $Name)
    $question, $answer = 'question', 'answer' | ForEach-Object -Process { Join-Path $global:SimulatedRequest.tmpdir "service-$_.json" }
    ConvertTo-Json -InputObject @{ action = $Action; name = $Name } | Set-Content -LiteralPath "$question.part" -Encoding utf8 -WhatIf:$false
    Move-Item -LiteralPath "$question.part" -Destination $question -WhatIf:$false
    while (-not (Test-Path -LiteralPath $answer)) { Start-Sleep -Milliseconds 20 }
    $found = Get-Content -LiteralPath $answer -Raw | ConvertFrom-Json -AsHashtable
    Remove-Item -LiteralPath $answer -WhatIf:$false
    $global:SimulatedWindows.services = $found.services
    $global:SimulatedRequest.service_processes = $found.processes
    if ($found.problem) {
        $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $found.problem
        $PSCmdlet.WriteError((New-Object System.Management.Automation.ErrorRecord ($exception, "CouldNot${Action}Service", 'OpenError', $Name)))
    }
}

function Get-Service {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string[]] $Name)
    Request-Service -Action look
    $found = foreach ($key in $global:SimulatedWindows.services.Keys) {
        if ($Name -and -not ($Name | Where-Object -FilterScript { $key -like $_ })) { continue }
        $service = $global:SimulatedWindows.services[$key]
        [PSCustomObject]@{
            Name = $key
            ServiceName = $key
            DisplayName = $service.display_name
            Status = @{ started = 'Running'; stopped = 'Stopped'; stop_pending = 'StopPending' }[$service.state]
            StartType = @{ auto = 'Automatic'; delayed = 'Automatic'; manual = 'Manual'; disabled = 'Disabled' }[$service.start_mode]
        }
    }
    if (-not $found -and $Name) {
        $PSCmdlet.WriteError((New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (
                    (New-Object -TypeName System.InvalidOperationException -ArgumentList "Cannot find any service with service name '$Name'."),
                    'NoServiceFoundForGivenName,Microsoft.PowerShell.Commands.GetServiceCommand', 'ObjectNotFound', $Name)))
    }
    $found
}

function Stop-Service {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][string] $Name, [switch] $NoWait)
    $action = if ($NoWait) { 'stop without waiting' } else { 'stop' }
    if ($PSCmdlet.ShouldProcess($Name)) { Request-Service -Action $action -Name $Name }
}

function Start-Service {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][string] $Name)
    if ($PSCmdlet.ShouldProcess($Name)) { Request-Service -Action start -Name $Name }
}

# Of WMI only the questions that the role asks.
function Get-CimInstance {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string] $ClassName, [string] $Filter, [string] $Namespace = 'root/cimv2')
    if ($ClassName -eq 'Win32_DeviceGuard' -and $Namespace -eq 'root/Microsoft/Windows/DeviceGuard') {
        $state = @{ off = 0; audit = 1; enforced = 2 }[[string] $global:SimulatedWindows.code_integrity]
        return [PSCustomObject]@{ UsermodeCodeIntegrityPolicyEnforcementStatus = [uint32] $state }
    }
    if ($ClassName -eq 'FirewallProduct' -and $Namespace -eq 'root/SecurityCenter2') {
        foreach ($product in @($global:SimulatedWindows.firewall.products)) {
            if ($product) { [PSCustomObject]@{ displayName = $product.name; productState = [uint32] $product.state } }
        }
        return
    }
    Request-Service -Action look
    $processes = $global:SimulatedRequest.service_processes
    if ($ClassName -eq 'Win32_Service' -and $Filter -match "^Name = '([^']+)'$") {
        $wanted = $Matches[1]
        foreach ($key in $global:SimulatedWindows.services.Keys) {
            if ($key -ne $wanted) { continue }
            $id = if ($processes.Contains($key)) { $watcher + $processes[$key].id } else { 0 }
            [PSCustomObject]@{ Name = $key; ProcessId = [uint32] $id }
        }
    }
    elseif ($ClassName -eq 'Win32_Process' -and $Filter -match "^ParentProcessId = (\d+) AND Name = '([^']+)'$") {
        $wanted, $name = ([int] $Matches[1] - $watcher), $Matches[2]
        foreach ($process in $processes.Values) {
            $known = @($global:SimulatedRequest.processes | Where-Object -FilterScript { $_.id -eq $process.id })
            if ($process.id -eq $wanted -and "$($known.name).exe" -eq $name) { [PSCustomObject]@{ ProcessId = [uint32] $process.id } }
        }
    }
    else { throw "The simulated Windows has no answer for $ClassName with the filter $Filter." }
}

function Stop-Process {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory)][int] $Id, [switch] $Force)
    if ($PSCmdlet.ShouldProcess($Id)) { Request-Service -Action end -Name $Id }
}

function Wait-Process {
    [CmdletBinding()]
    param([Parameter(Mandatory)][int] $Id, [int] $Timeout)
    Request-Service -Action look
    if (@($global:SimulatedRequest.service_processes.Values | Where-Object -FilterScript { $_.id -eq $Id })) {
        $PSCmdlet.WriteError((New-Object System.Management.Automation.ErrorRecord (
                    (New-Object -TypeName System.TimeoutException -ArgumentList "Process $Id has not ended."), 'ProcessNotTerminated', 'CloseError', $Id)))
    }
}

Export-ModuleMember -Function Get-Service, Stop-Service, Start-Service, Get-CimInstance, Stop-Process, Wait-Process
