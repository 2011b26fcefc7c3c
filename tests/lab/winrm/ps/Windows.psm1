# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stand-ins for cmdlets that exist on Windows only. They read and write $global:SimulatedWindows, a copy of the
# machine's state; run.ps1 hands it back. Unknown parameters are errors, as they are on Windows.

function Write-NotFound {
    param([string] $What, [string] $Id, [string] $Message = "No matching $What objects found by CIM query.")
    $exception = New-Object -TypeName System.Management.Automation.ItemNotFoundException -ArgumentList $Message
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
            AdminStatus = if ($adapter.status -eq 'Disabled') { 'Down' } else { 'Up' }
            MediaConnectionState = if ($adapter.status -eq 'Up') { 'Connected' } else { 'Disconnected' }
            HardwareInterface = -not $adapter.tunnel; Virtual = [bool] $adapter.tunnel
            LinkSpeed = '1 Gbps'
        }
    }
}

# A disabled adapter has no part of TCP/IP: neither addresses nor routes nor an interface.
function Test-Ipv4($Adapter) { $Adapter.ipv4 -and $Adapter.status -in @('Up', 'Disconnected') }

# What the DHCP client gave, or made up when nobody answered.
function Test-Leased($Item) { $Item.origin -in @('Dhcp', 'WellKnown') }

# The DHCP client switches itself off at once where there is a link, and takes lease and route along. Without a link it
# only makes a note in the registry, DisableDhcpOnConnect, and EnableDHCP stays 1.
function Disable-Dhcp($Adapter) {
    if (-not $Adapter.dhcp) { return }
    if ($Adapter.status -ne 'Up') {
        $Adapter.dhcp_off_on_connect = $true
        return
    }
    $Adapter.dhcp = $false
    $Adapter.addresses = @($Adapter.addresses | Where-Object -FilterScript { -not (Test-Leased $_) })
    $Adapter.gateway = $Adapter.stored.gateway
}

function Get-NetAdapterBinding {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string[]] $Name, [string[]] $ComponentID)
    foreach ($adapter in @(Select-Adapter -Name $Name)) {
        if ($ComponentID -and 'ms_tcpip' -notin $ComponentID) { continue }
        [PSCustomObject]@{ Name = $adapter.name; ComponentID = 'ms_tcpip'; Enabled = [bool] $adapter.ipv4 }
    }
}

function Rename-NetAdapter {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0)][string] $Name, [Parameter(Mandatory, Position = 1)][string] $NewName)
    foreach ($adapter in @(Select-Adapter -Name $Name)) {
        if ($PSCmdlet.ShouldProcess($Name)) { $adapter.name = $NewName }
    }
}

# Whether somebody else has an address is asked where there is a link only; until then Windows does not know.
function Get-AddressState($Adapter, $Item) {
    if ($Adapter.status -ne 'Up') { return 'Tentative' }
    if ($Item.address -in $Adapter.duplicates) { return 'Duplicate' }
    return 'Preferred'
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
        if (-not (Test-Ipv4 $adapter)) { continue }
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
                AddressState = Get-AddressState $adapter $item
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
    if ($adapter[0].dhcp) { throw 'Inconsistent parameters PolicyStore PersistentStore and Dhcp Enabled' }
    if (-not (Test-Ipv4 $adapter[0])) { throw 'Element not found.' }
    foreach ($other in $global:SimulatedWindows.interfaces) {
        if (@($other.addresses | Where-Object -FilterScript { $_.address -eq $IPAddress })) {
            throw 'Instance MSFT_NetIPAddress already exists'
        }
    }
    if ($PSCmdlet.ShouldProcess($IPAddress)) {
        $adapter[0].addresses = @($adapter[0].addresses) + @{ address = $IPAddress; prefix = [int] $PrefixLength; origin = 'Manual' }
        $adapter[0].stored.addresses = @($adapter[0].stored.addresses) + @{ address = $IPAddress; prefix = [int] $PrefixLength }
        if ($DefaultGateway) { $adapter[0].gateway = $adapter[0].stored.gateway = $DefaultGateway }
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
        $count = 0
        foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
            if (-not (Test-Ipv4 $adapter)) { continue }
            $kept = @($adapter.addresses | Where-Object -FilterScript { $IPAddress -and $_.address -notin $IPAddress })
            if ($kept.Count -eq @($adapter.addresses).Count) { continue }
            $count++
            if ($PSCmdlet.ShouldProcess($adapter.name)) {
                $adapter.addresses = $kept
                $adapter.stored.addresses = @($adapter.stored.addresses |
                        Where-Object -FilterScript { $IPAddress -and $_.address -notin $IPAddress })
            }
        }
        if (-not $count) { Write-NotFound -What MSFT_NetIPAddress -Id 'CmdletizationQuery_NotFound,Remove-NetIPAddress' }
    }
}

function Get-NetIPInterface {
    [CmdletBinding()]
    param([Alias('ifIndex')][int[]] $InterfaceIndex, [Alias('ifAlias')][string[]] $InterfaceAlias, [string] $AddressFamily, [string] $Dhcp)
    $found = @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex | Where-Object -FilterScript { Test-Ipv4 $_ })
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
    $found = @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex | Where-Object -FilterScript { Test-Ipv4 $_ })
    if (-not $found) { Write-NotFound -What MSFT_NetIPInterface -Id 'CmdletizationQuery_NotFound,Set-NetIPInterface' }
    foreach ($adapter in $found) {
        if (-not $PSCmdlet.ShouldProcess($adapter.name)) { continue }
        if ($Dhcp -eq 'Enabled') { $adapter.dhcp = $true }
        if ($Dhcp -eq 'Disabled') { Disable-Dhcp $adapter }
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
        # The active store: routes of an adapter without link are not in it.
        if ($adapter.status -ne 'Up' -or -not (Test-Ipv4 $adapter)) { continue }
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
        $count = 0
        foreach ($adapter in @(Select-Adapter -Name $InterfaceAlias -Index $InterfaceIndex)) {
            if (-not $adapter.gateway -or $adapter.status -ne 'Up' -or -not (Test-Ipv4 $adapter)) { continue }
            $count++
            if ($PSCmdlet.ShouldProcess($adapter.name)) { $adapter.gateway = $adapter.stored.gateway = $null }
        }
        if (-not $count) { Write-NotFound -What MSFT_NetRoute -Id 'CmdletizationQuery_NotFound,Remove-NetRoute' }
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

# The DNS client is not asked to know an adapter without link: it is reported to say "No MSFT_DNSClient objects found".
function Select-DnsClient {
    param([string[]] $Name, [int[]] $Index)
    Select-Adapter -Name $Name -Index $Index | Where-Object -FilterScript { $_.status -eq 'Up' -and (Test-Ipv4 $_) }
}

function Set-DnsClient {
    [CmdletBinding(SupportsShouldProcess)]
    param([Alias('ifIndex')][int[]] $InterfaceIndex, [Alias('ifAlias')][string[]] $InterfaceAlias, [bool] $RegisterThisConnectionsAddress)
    $found = @(Select-DnsClient -Name $InterfaceAlias -Index $InterfaceIndex)
    if (-not $found) { Write-NotFound -What MSFT_DNSClient -Id 'CmdletizationQuery_NotFound_InterfaceIndex,Set-DnsClient' }
    foreach ($adapter in $found) {
        if ($PSBoundParameters.ContainsKey('RegisterThisConnectionsAddress') -and $PSCmdlet.ShouldProcess($adapter.name)) {
            $adapter.register_dns = $RegisterThisConnectionsAddress
        }
    }
}

function Get-DnsClient {
    [CmdletBinding()]
    param([Alias('ifIndex')][int[]] $InterfaceIndex, [Alias('ifAlias')][string[]] $InterfaceAlias)
    $found = @(Select-DnsClient -Name $InterfaceAlias -Index $InterfaceIndex)
    if (-not $found) { Write-NotFound -What MSFT_DNSClient -Id 'CmdletizationQuery_NotFound_InterfaceIndex,Get-DnsClient' }
    foreach ($adapter in $found) {
        [PSCustomObject]@{ InterfaceAlias = $adapter.name; InterfaceIndex = $adapter.index; RegisterThisConnectionsAddress = $adapter.register_dns }
    }
}

# A network without a gateway is one that Windows cannot identify, and those are public.
function Get-NetConnectionProfile {
    [CmdletBinding()]
    param([Alias('ifIndex')][int[]] $InterfaceIndex)
    $found = @(Select-Adapter -Index $InterfaceIndex | Where-Object -FilterScript { $_.status -eq 'Up' })
    if (-not $found) { Write-NotFound -What MSFT_NetConnectionProfile -Id 'CmdletizationQuery_NotFound,Get-NetConnectionProfile' }
    foreach ($adapter in $found) {
        $category = if ($adapter.category) { $adapter.category } elseif ($adapter.gateway) { 'Private' } else { 'Public' }
        [PSCustomObject]@{ InterfaceAlias = $adapter.name; InterfaceIndex = $adapter.index; NetworkCategory = $category }
    }
}

# The adapter whose network holds the address, or the one with a gateway: its address and its route.
function Find-NetRoute {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string] $RemoteIPAddress)
    $up = @(Select-Adapter | Where-Object -FilterScript { $_.status -eq 'Up' -and (Test-Ipv4 $_) })
    $near = foreach ($adapter in $up) {
        foreach ($item in $adapter.addresses) {
            $mask = [IPAddress] (Get-Mask $item.prefix)
            if ((([IPAddress] $item.address).Address -band $mask.Address) -eq (([IPAddress] $RemoteIPAddress).Address -band $mask.Address)) { $adapter }
        }
    }
    $chosen = @(@($near) + @($up | Where-Object -FilterScript { $_.gateway }) | Where-Object -FilterScript { $_ })[0]
    if (-not $chosen) { Write-NotFound -What MSFT_NetRoute -Id 'CmdletizationQuery_NotFound,Find-NetRoute'; return }
    1..2 | ForEach-Object -Process { [PSCustomObject]@{ InterfaceIndex = $chosen.index; InterfaceAlias = $chosen.name } }
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

# The adapters' own keys tell what is stored about them, all others what the registry of the state holds; files are left to the real
# cmdlet.
# A value as Windows hands it out: JSON has one kind of number, and a word of four bytes is an int.
function ConvertFrom-RegistryValue($Value) {
    if ($Value.type -eq 'dword') { return [int] $Value.data }
    if ($Value.type -eq 'binary') { return , [byte[]] @($Value.data) }
    return , $Value.data
}

function Get-ItemProperty {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string] $LiteralPath)
    if ($LiteralPath -notmatch '^HKLM:') { return Microsoft.PowerShell.Management\Get-ItemProperty -LiteralPath $LiteralPath }
    $key = if ($global:SimulatedWindows.registry) { $global:SimulatedWindows.registry[$LiteralPath.Replace(':', '').ToLowerInvariant()] }
    if ($LiteralPath -notmatch '^HKLM:\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces\\(\{[^\\]+\})$') {
        if (-not $key) { Write-NotFound -What $LiteralPath -Id 'PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand' -Message "Cannot find path '$LiteralPath' because it does not exist."; return }
        $values = @{}
        foreach ($value in $key.values.Values) { $values[$value.name] = ConvertFrom-RegistryValue $value }
        return [PSCustomObject] $values
    }
    $guid = $Matches[1]
    foreach ($adapter in $global:SimulatedWindows.interfaces) {
        if ($adapter.guid -ne $guid) { continue }
        $addresses = @($adapter.stored.addresses | Where-Object -FilterScript { $_ })
        $values = @{
            EnableDHCP = [int] [bool] $adapter.dhcp
            # Windows writes an empty text, not an empty list, where there is nothing.
            IPAddress = [string[]] $(if ($addresses) { $addresses | ForEach-Object -Process { $_.address } } else { '' })
            SubnetMask = [string[]] $(if ($addresses) { $addresses | ForEach-Object -Process { Get-Mask $_.prefix } } else { '' })
            DefaultGateway = [string[]] $(if ($adapter.stored.gateway) { $adapter.stored.gateway } else { '' })
        }
        if ($adapter.dhcp_off_on_connect) { $values.DisableDhcpOnConnect = 1 }
        # What somebody wrote beside it.
        if ($key) { foreach ($value in $key.values.Values) { $values[$value.name] = ConvertFrom-RegistryValue $value } }
        return [PSCustomObject] $values
    }
    Write-NotFound -What $LiteralPath -Id 'PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand' -Message "Cannot find path '$LiteralPath' because it does not exist."
}

function Get-Acl {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string] $LiteralPath)
    $known = $global:SimulatedRequest.sddl
    if (-not $known.Contains($LiteralPath.ToLowerInvariant())) { throw "The simulated Windows knows the rights of folders that a parameter Folders names: $LiteralPath" }
    [PSCustomObject]@{ Path = $LiteralPath; Sddl = $known[$LiteralPath.ToLowerInvariant()] }
}

function Get-LocalUser {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string] $Name)
    $sids = $global:SimulatedRequest.sids
    if (-not $sids.Contains($Name)) { return Write-NotFound -What $Name -Id 'UserNotFound,Microsoft.PowerShell.Commands.GetLocalUserCommand' }
    [PSCustomObject]@{ Name = $Name; SID = $sids[$Name] }
}

function Get-Mask([int] $Prefix) {
    $number = [uint32] (0xFFFFFFFFL -shl (32 - $Prefix) -band 0xFFFFFFFFL)
    return ([IPAddress] [byte[]] (24, 16, 8, 0 | ForEach-Object -Process { ($number -shr $_) -band 255 })).ToString()
}

# The program. Its words are those of a German Windows, so that no script learns to read them, and go to the output, errors
# included. Exit code 1 is any error. An adapter is known by its number or name; by neither while it is disabled.
function netsh.exe {
    $line = $args -join ' '
    $global:LASTEXITCODE = 0
    if ($global:SimulatedWindows.netsh_broken) {
        $global:LASTEXITCODE = 1
        'Der Vorgang wird nicht unterstützt.'
        return
    }
    if ($line -match '^(?:interface|int) ipv4 show excludedportrange protocol=tcp$') {
        ''
        'Protokoll tcp-Portausschlussbereiche'
        ''
        'Startport      Endport      '
        '----------    --------      '
        foreach ($range in $global:SimulatedWindows.excluded_ports) {
            '{0,10}  {1,10}      {2}' -f $range.first, $range.last, $(if ($range.administered) { '*' } else { '' })
        }
        ''
        '* - Verwaltete Portausschlüsse.'
        ''
        return
    }
    $number = '[0-9]+(?:\.[0-9]+){3}'
    $set = "^interface ipv4 set address name=(?<name>.+) source=static address=(?<address>$number) mask=(?<mask>$number) gateway=none store=persistent$"
    $delete = '^interface ipv4 delete address name=(?<name>.+) gateway=all store=persistent$'
    if ($line -notmatch $set -and $line -notmatch $delete) { throw "The simulated Windows has no model for this command: netsh $line" }
    $given = $Matches
    $adapter = @($global:SimulatedWindows.interfaces | Where-Object -FilterScript { $given.name -in @([string] $_.index, $_.name) })[0]
    if (-not $adapter -or -not (Test-Ipv4 $adapter)) {
        $global:LASTEXITCODE = 1
        'Die Syntax für den Dateinamen, Verzeichnisnamen oder die Datenträgerbezeichnung ist falsch.'
        ''
        return
    }
    if (-not $given.address) {
        $adapter.gateway = $adapter.stored.gateway = $null
        ''
        return
    }
    $prefix = @(0..32 | Where-Object -FilterScript { (Get-Mask $_) -eq $given.mask })[0]
    $taken = $global:SimulatedWindows.interfaces | Where-Object -FilterScript { $_.index -ne $adapter.index } |
        ForEach-Object -Process { @($_.addresses) + @($_.stored.addresses) } | ForEach-Object -Process { $_['address'] }
    $same = @($adapter.stored.addresses | Where-Object -FilterScript { $_.address -eq $given.address -and $_.prefix -eq $prefix })
    if (($same -and -not $adapter.dhcp) -or $given.address -in $taken) {
        $global:LASTEXITCODE = 1
        'Das Objekt ist bereits vorhanden.'
        ''
        return
    }
    # "deaf": a Windows that says yes and does not do it, or only writes it down.
    if ($adapter.deaf -ne 'all') {
        $adapter.stored.addresses = @(@{ address = $given.address; prefix = $prefix })
        $adapter.stored.gateway = $null
        Disable-Dhcp $adapter
    }
    if (-not $adapter.deaf) {
        $adapter.addresses = @(@{ address = $given.address; prefix = $prefix; origin = 'Manual' })
        $adapter.gateway = $null
    }
    ''
}
Set-Alias -Name netsh -Value netsh.exe

Export-ModuleMember -Function *-Net*, *-Mp*, *-DnsClient, Get-Process, Get-ItemProperty, Get-Acl, Get-LocalUser, powercfg.exe, netsh.exe -Alias powercfg, netsh
