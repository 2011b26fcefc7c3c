# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stand-ins for cmdlets that exist on Windows only. They read and write $global:SimulatedWindows, a copy of the
# machine's state; run.ps1 hands it back. Unknown parameters are errors, as they are on Windows.

function Write-NotFound {
    param([string] $What, [string] $Id)
    $exception = New-Object -TypeName System.Management.Automation.ItemNotFoundException -ArgumentList "No $What objects found."
    $record = New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, $Id, 'ObjectNotFound', $What
    $PSCmdlet.WriteError($record)
}

function Select-Adapter {
    param([string[]] $Name, [int[]] $Index)
    foreach ($adapter in $global:SimulatedWindows.interfaces) {
        if ($Name -and -not ($Name | Where-Object -FilterScript { $adapter.name -like $_ })) { continue }
        if ($Index -and $adapter.index -notin $Index) { continue }
        $adapter
    }
}

function Get-NetAdapter {
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Name')][string[]] $Name,
        [Parameter(ParameterSetName = 'Index')][Alias('ifIndex')][int[]] $InterfaceIndex,
        [switch] $IncludeHidden,
        [switch] $Physical
    )
    $found = @(Select-Adapter -Name $Name -Index $InterfaceIndex)
    if (-not $found -and ($Name -or $InterfaceIndex)) { Write-NotFound -What MSFT_NetAdapter -Id 'CmdletizationQuery_NotFound_Name,Get-NetAdapter' }
    foreach ($adapter in $found) {
        [PSCustomObject]@{
            Name = $adapter.name
            InterfaceAlias = $adapter.name
            InterfaceIndex = $adapter.index
            ifIndex = $adapter.index
            InterfaceDescription = $adapter.description
            InterfaceGuid = $adapter.guid
            MacAddress = $adapter.mac.Replace(':', '-')
            PermanentAddress = $adapter.mac.Replace(':', '')
            Status = $adapter.status
            AdminStatus = 'Up'
            MediaConnectionState = if ($adapter.status -eq 'Up') { 'Connected' } else { 'Disconnected' }
            HardwareInterface = $true; Virtual = $false
            LinkSpeed = '1 Gbps'
        }
    }
}

function Rename-NetAdapter {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][string] $Name, [Parameter(Mandatory, Position = 1)][string] $NewName)
    foreach ($adapter in @(Select-Adapter -Name $Name)) {
        if ($PSCmdlet.ShouldProcess($Name)) { $adapter.name = $NewName }
    }
}

function Get-NetIPAddress {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)][string[]] $IPAddress,
        [Alias('ifIndex')][int[]] $InterfaceIndex,
        [Alias('ifAlias')][string[]] $InterfaceAlias,
        [string] $AddressFamily,
        [string] $PrefixOrigin
    )
    $count = 0
    foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
        foreach ($item in $adapter.addresses) {
            if ($IPAddress -and $item.address -notin $IPAddress) { continue }
            if ($PrefixOrigin -and $item.origin -ne $PrefixOrigin) { continue }
            if ($AddressFamily -and $AddressFamily -ne 'IPv4') { continue }
            $count++
            [PSCustomObject]@{
                IPAddress = $item.address
                IPv4Address = $item.address
                PrefixLength = $item.prefix
                PrefixOrigin = $item.origin
                SuffixOrigin = $item.origin
                AddressFamily = 'IPv4'
                AddressState = 'Preferred'
                InterfaceIndex = $adapter.index
                InterfaceAlias = $adapter.name
                Type = 'Unicast'
                SkipAsSource = $false
            }
        }
    }
    if (-not $count -and ($IPAddress -or $InterfaceIndex -or $InterfaceAlias)) {
        Write-NotFound -What MSFT_NetIPAddress -Id 'CmdletizationQuery_NotFound,Get-NetIPAddress'
    }
}

function New-NetIPAddress {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0)][string] $IPAddress,
        [Alias('ifIndex')][int] $InterfaceIndex,
        [Alias('ifAlias')][string] $InterfaceAlias,
        [string] $DefaultGateway,
        [byte] $PrefixLength = 32,
        [string] $AddressFamily = 'IPv4',
        [string] $Type = 'Unicast',
        [bool] $SkipAsSource
    )
    $adapter = @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)
    if ($adapter.Count -ne 1) { throw 'Inconsistent parameters: one interface is needed.' }
    foreach ($other in $global:SimulatedWindows.interfaces) {
        if (@($other.addresses | Where-Object -FilterScript { $_.address -eq $IPAddress })) {
            throw 'Instance MSFT_NetIPAddress already exists'
        }
    }
    if ($PSCmdlet.ShouldProcess($IPAddress)) {
        $adapter[0].addresses = @($adapter[0].addresses) + @{ address = $IPAddress; prefix = [int] $PrefixLength; origin = 'Manual' }
        $adapter[0].dhcp = $false
        if ($DefaultGateway) { $adapter[0].gateway = $DefaultGateway }
        Get-NetIPAddress -IPAddress $IPAddress
    }
}

function Remove-NetIPAddress {
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName)][string[]] $IPAddress,
        [Parameter(ValueFromPipelineByPropertyName)][Alias('ifIndex')][int[]] $InterfaceIndex,
        [Alias('ifAlias')][string[]] $InterfaceAlias,
        [string] $AddressFamily
    )
    process {
        foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
            $kept = @($adapter.addresses | Where-Object -FilterScript { $IPAddress -and $_.address -notin $IPAddress })
            if ($kept.Count -ne @($adapter.addresses).Count -and $PSCmdlet.ShouldProcess($adapter.name)) { $adapter.addresses = $kept }
        }
    }
}

function Get-NetIPInterface {
    [CmdletBinding()]
    param([Alias('ifIndex')][int[]] $InterfaceIndex, [Alias('ifAlias')][string[]] $InterfaceAlias, [string] $AddressFamily, [string] $Dhcp)
    $found = @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)
    if (-not $found) { Write-NotFound -What MSFT_NetIPInterface -Id 'CmdletizationQuery_NotFound,Get-NetIPInterface' }
    foreach ($adapter in $found) {
        $state = if ($adapter.dhcp) { 'Enabled' } else { 'Disabled' }
        if ($Dhcp -and $Dhcp -ne $state) { continue }
        [PSCustomObject]@{
            InterfaceIndex = $adapter.index
            InterfaceAlias = $adapter.name
            AddressFamily = 'IPv4'
            Dhcp = $state
            InterfaceMetric = $adapter.metric
            AutomaticMetric = if ($adapter.automatic_metric) { 'Enabled' } else { 'Disabled' }
            ConnectionState = if ($adapter.status -eq 'Up') { 'Connected' } else { 'Disconnected' }
        }
    }
}

function Set-NetIPInterface {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Alias('ifIndex')][int[]] $InterfaceIndex,
        [Alias('ifAlias')][string[]] $InterfaceAlias,
        [string] $AddressFamily,
        [ValidateSet('Enabled', 'Disabled')][string] $Dhcp,
        [int] $InterfaceMetric,
        [ValidateSet('Enabled', 'Disabled')][string] $AutomaticMetric
    )
    foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
        if (-not $PSCmdlet.ShouldProcess($adapter.name)) { continue }
        if ($Dhcp) { $adapter.dhcp = $Dhcp -eq 'Enabled' }
        if ($PSBoundParameters.ContainsKey('InterfaceMetric')) {
            $adapter.metric = $InterfaceMetric
            $adapter.automatic_metric = $false
        }
        if ($AutomaticMetric) { $adapter.automatic_metric = $AutomaticMetric -eq 'Enabled' }
    }
}

function Get-NetRoute {
    [CmdletBinding()]
    param(
        [string[]] $DestinationPrefix,
        [Alias('ifIndex')][int[]] $InterfaceIndex,
        [Alias('ifAlias')][string[]] $InterfaceAlias,
        [string] $AddressFamily
    )
    $count = 0
    foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
        if (-not $adapter.gateway -or ($DestinationPrefix -and '0.0.0.0/0' -notin $DestinationPrefix)) { continue }
        $count++
        [PSCustomObject]@{ DestinationPrefix = '0.0.0.0/0'; NextHop = $adapter.gateway; InterfaceIndex = $adapter.index; InterfaceAlias = $adapter.name; RouteMetric = 0 }
    }
    if (-not $count) { Write-NotFound -What MSFT_NetRoute -Id 'CmdletizationQuery_NotFound,Get-NetRoute' }
}

function Remove-NetRoute {
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(ValueFromPipelineByPropertyName)][string[]] $DestinationPrefix,
        [Parameter(ValueFromPipelineByPropertyName)][Alias('ifIndex')][int[]] $InterfaceIndex,
        [Alias('ifAlias')][string[]] $InterfaceAlias
    )
    process {
        foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
            if ($adapter.gateway -and $PSCmdlet.ShouldProcess($adapter.name)) { $adapter.gateway = $null }
        }
    }
}

function Get-NetConnectionProfile {
    [CmdletBinding()]
    param([Alias('ifIndex')][int[]] $InterfaceIndex, [Alias('ifAlias')][string[]] $InterfaceAlias)
    foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
        [PSCustomObject]@{
            Name = if ($adapter.gateway) { 'Network' } else { 'Unidentified network' }
            InterfaceAlias = $adapter.name
            InterfaceIndex = $adapter.index
            NetworkCategory = $adapter.category
            IPv4Connectivity = if ($adapter.gateway) { 'Internet' } else { 'NoTraffic' }
        }
    }
}

function Set-DnsClient {
    [CmdletBinding(SupportsShouldProcess)]
    param([Alias('ifIndex')][int[]] $InterfaceIndex, [Alias('ifAlias')][string[]] $InterfaceAlias, [bool] $RegisterThisConnectionsAddress)
    foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
        if ($PSBoundParameters.ContainsKey('RegisterThisConnectionsAddress') -and $PSCmdlet.ShouldProcess($adapter.name)) {
            $adapter.register_dns = $RegisterThisConnectionsAddress
        }
    }
}

function Get-DnsClient {
    [CmdletBinding()]
    param([Alias('ifIndex')][int[]] $InterfaceIndex, [Alias('ifAlias')][string[]] $InterfaceAlias)
    foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
        [PSCustomObject]@{ InterfaceAlias = $adapter.name; InterfaceIndex = $adapter.index; RegisterThisConnectionsAddress = $adapter.register_dns }
    }
}

function Get-NetAdapterPowerManagement {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string[]] $Name)
    foreach ($adapter in @(Select-Adapter -Name $Name)) {
        $state = if ($adapter.power_saving) { 'Enabled' } else { 'Disabled' }
        [PSCustomObject]@{ Name = $adapter.name; AllowComputerToTurnOffDevice = $state; SelectiveSuspend = $state }
    }
}

function Set-NetAdapterPowerManagement {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Position = 0)][string[]] $Name,
        [string] $AllowComputerToTurnOffDevice,
        [string] $SelectiveSuspend,
        [switch] $NoRestart
    )
    foreach ($adapter in @(Select-Adapter -Name $Name)) {
        if ($PSCmdlet.ShouldProcess($adapter.name)) { $adapter.power_saving = 'Disabled' -notin @($AllowComputerToTurnOffDevice, $SelectiveSuspend) }
    }
}

function Disable-NetAdapterPowerManagement {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][string[]] $Name, [switch] $NoRestart)
    foreach ($adapter in @(Select-Adapter -Name $Name)) {
        if ($PSCmdlet.ShouldProcess($adapter.name)) { $adapter.power_saving = $false }
    }
}

function Get-Service {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string[]] $Name)
    $found = foreach ($key in $global:SimulatedWindows.services.Keys) {
        if ($Name -and -not ($Name | Where-Object -FilterScript { $key -like $_ })) { continue }
        $service = $global:SimulatedWindows.services[$key]
        [PSCustomObject]@{
            Name = $key
            ServiceName = $key
            DisplayName = $service.display_name
            Status = if ($service.state -eq 'started') { 'Running' } else { 'Stopped' }
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

# Services are processes of the machine, so the endpoint starts and stops them and answers when that is done, in a file.
function Request-Service {
    param([string] $Action, [string] $Name)
    $question, $answer = 'question', 'answer' | ForEach-Object -Process { Join-Path $global:SimulatedRequest.tmpdir "service-$_.json" }
    ConvertTo-Json -InputObject @{ action = $Action; name = $Name } | Set-Content -LiteralPath "$question.part" -Encoding utf8
    Move-Item -LiteralPath "$question.part" -Destination $question
    while (-not (Test-Path -LiteralPath $answer)) { Start-Sleep -Milliseconds 20 }
    $found = Get-Content -LiteralPath $answer -Raw | ConvertFrom-Json -AsHashtable
    Remove-Item -LiteralPath $answer
    $global:SimulatedWindows.services = $found.services
    if ($found.problem) {
        $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $found.problem
        $PSCmdlet.WriteError((New-Object System.Management.Automation.ErrorRecord ($exception, "CouldNot${Action}Service", 'OpenError', $Name)))
    }
}

function Stop-Service {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][string] $Name, [switch] $NoWait)
    if ($PSCmdlet.ShouldProcess($Name)) { Request-Service -Action stop -Name $Name }
}

function Start-Service {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][string] $Name)
    if ($PSCmdlet.ShouldProcess($Name)) { Request-Service -Action start -Name $Name }
}

function Get-MpPreference {
    [CmdletBinding()]
    param()
    $defender = $global:SimulatedWindows.defender
    [PSCustomObject]@{ ExclusionPath = @($defender.ExclusionPath); ExclusionProcess = @($defender.ExclusionProcess) }
}

function Get-MpComputerStatus {
    [CmdletBinding()]
    param()
    [PSCustomObject]@{ AntivirusEnabled = $true; RealTimeProtectionEnabled = $true; IsTamperProtected = $global:SimulatedWindows.defender.IsTamperProtected }
}

function Add-MpPreference {
    [CmdletBinding()]
    param([string[]] $ExclusionPath, [string[]] $ExclusionProcess, [switch] $Force)
    $defender = $global:SimulatedWindows.defender
    if ($defender.IsTamperProtected) { return }
    foreach ($kind in @('ExclusionPath', 'ExclusionProcess')) {
        if ($PSBoundParameters.ContainsKey($kind)) { $defender[$kind] = @(@($defender[$kind]) + $PSBoundParameters[$kind] | Select-Object -Unique) }
    }
}

function Get-NetTCPConnection {
    [CmdletBinding()]
    param([int[]] $LocalPort, [string[]] $State)
    foreach ($item in $global:SimulatedRequest.connections) {
        if ($LocalPort -and $item.local_port -notin $LocalPort) { continue }
        if ($State -and $item.state -notin $State) { continue }
        [PSCustomObject]@{
            LocalAddress = $item.local_address
            LocalPort = $item.local_port
            State = $item.state
            OwningProcess = $item.process
        }
    }
}

function Get-Process {
    [CmdletBinding()]
    param([Parameter(Mandatory)][int[]] $Id)
    $found = @($global:SimulatedRequest.processes | Where-Object -FilterScript { $_.id -in $Id })
    if (-not $found) {
        $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList "Cannot find a process with the process identifier $Id."
        $PSCmdlet.WriteError((New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (
                    $exception, 'NoProcessFoundForGivenId', 'ObjectNotFound', $Id)))
    }
    foreach ($item in $found) {
        [PSCustomObject]@{ Id = $item.id; Name = $item.name; ProcessName = $item.name; Path = $item.path }
    }
}

# The program, not a cmdlet: only what is written here exists, as in models/commands.py.
function powercfg.exe {
    $power = $global:SimulatedWindows.power
    $line = $args -join ' '
    $global:LASTEXITCODE = 0
    if ($line -match '^[/-](?:q|query) scheme_current sub_sleep (standbyidle|hibernateidle)$') {
        $name = $Matches[1].ToLowerInvariant() -replace 'idle$', '-timeout'
        '    Minimum Possible Setting: 0x00000000'
        '    Current AC Power Setting Index: 0x{0:x8}' -f ([int] $power.timeouts["$name-ac"] * 60)
        '    Current DC Power Setting Index: 0x{0:x8}' -f ([int] $power.timeouts["$name-dc"] * 60)
    }
    elseif ($line -match '^[/-](?:x|change) (\w+-timeout-[ad]c) (\d+)$' -and $power.timeouts.Contains($Matches[1])) {
        $power.timeouts[$Matches[1]] = [int] $Matches[2]
    }
    elseif ($line -match '^[/-](?:h|hibernate) (on|off)$') {
        $power.hibernate = $Matches[1] -eq 'on'
    }
    else {
        throw "The simulated Windows has no model for this command: powercfg $line"
    }
}
Set-Alias -Name powercfg -Value powercfg.exe

Export-ModuleMember -Function *-Net*, *-Mp*, *-DnsClient, *-Service, Get-Process, powercfg.exe -Alias powercfg
