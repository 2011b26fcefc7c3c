# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Gives the network adapter beside the scanner its static address: the only one, without DHCP, gateway and DNS registration.
# Result: {problem, note, adapter, guid, address, link, acknowledges}. A note is what is not as it should be and stops nobody. A problem is one sentence; then nothing was changed, except where the sentence says so.
# acknowledges: the adapter's TcpAckFrequency in the registry, 0 without one, and -1 for one that is no number above 0, which Windows ignores.
# The GUID, in braces, is the name of the adapter's key in the registry; it is empty when there is a problem.
#
# The scanner is often off or not cabled yet, so what counts is what Windows has stored and uses from the next plug on: without a
# link the cmdlets refuse an address while DHCP is on and cannot switch it off, and know no routes. netsh stores it either way.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # Hardware address of the adapter, in any usual spelling.
    [Parameter(Mandatory = $true)][string]$MacAddress,
    # Static IPv4 address with prefix length, such as 192.168.0.20/24.
    [Parameter(Mandatory = $true)][string]$Address,
    # TCP ports on which this computer is managed; the adapter that carries such a connection is never touched.
    [int[]]$ManagementPort = @(5985, 5986),
    # Addresses by which the controller knows this computer.
    [string[]]$ManagementAddress = @()
)

$ErrorActionPreference = 'Stop'

function Get-PlainMac([string]$Text) {
    return ($Text -replace '[^0-9A-Fa-f]', '').ToUpperInvariant()
}

function Get-NetworkNumber([string]$Ip, [int]$Length) {
    $bytes = [System.Net.IPAddress]::Parse($Ip).GetAddressBytes()
    $number = [int64]0
    foreach ($byte in $bytes) { $number = $number * 256 + $byte }
    $host_part = [int64][Math]::Pow(2, 32 - $Length)
    return $number - ($number % $host_part)
}

function Get-Ipv4([int]$Index) {
    return @(Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue | Where-Object { $_.InterfaceIndex -eq $Index })
}

function Get-DefaultRoute([int]$Index) {
    return @(Get-NetRoute -DestinationPrefix '0.0.0.0/0' -ErrorAction SilentlyContinue | Where-Object { $_.InterfaceIndex -eq $Index })
}

# Texts of a registry value; Windows writes empty ones, and 0.0.0.0, where there is nothing.
function Get-Text($Value) {
    return @(@($Value) | Where-Object { $_ -and $_ -ne '0.0.0.0' } | ForEach-Object { [string]$_ })
}

function Get-Registry([string]$Guid) {
    return Get-ItemProperty -LiteralPath "HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\$Guid" -ErrorAction SilentlyContinue
}

# The stored ones come into use with the next plug, those in use may stand nowhere.
function Get-Gateway($Adapter) {
    $stored = @(Get-Text (Get-Registry $Adapter.InterfaceGuid).DefaultGateway)
    $used = @(Get-DefaultRoute $Adapter.InterfaceIndex | ForEach-Object { [string]$_.NextHop })
    return @($stored + $used | Sort-Object -Unique)
}

function Get-Mask([int]$Length) {
    $bits = ('1' * $Length).PadRight(32, '0')
    return (0, 8, 16, 24 | ForEach-Object { [Convert]::ToInt32($bits.Substring($_, 8), 2) }) -join '.'
}

function Get-MaskLength([string]$Mask) {
    $bits = ($Mask -split '\.' | ForEach-Object { [Convert]::ToString([int]$_, 2) }) -join ''
    return ($bits -replace '0', '').Length
}

# Addresses of this computer at which somebody manages it at this moment.
function Get-SessionAddress {
    $connections = @(Get-NetTCPConnection -State Established -ErrorAction SilentlyContinue |
            Where-Object { $ManagementPort -contains $_.LocalPort })
    $found = @($connections | ForEach-Object { ([string]$_.LocalAddress) -replace '^::ffff:', '' })
    return @(@($found) + @($ManagementAddress) | Where-Object { $_ } | Sort-Object -Unique)
}

# What Windows has stored about the adapter; "in_use" is whether it has the wanted address now, which only a link can tell.
function Get-Setting($Adapter, [string]$Ip, [int]$Length) {
    $link = [string]$Adapter.Status -eq 'Up'
    $registry = Get-Registry $Adapter.InterfaceGuid
    $stored = @(Get-Text $registry.IPAddress)
    $masks = @(Get-Text $registry.SubnetMask)
    $addresses = for ($i = 0; $i -lt $stored.Count; $i++) { '{0}/{1}' -f $stored[$i], (Get-MaskLength $masks[$i]) }
    # Switched off without a link, DHCP stays on in EnableDHCP, and this note makes Windows switch it off at the next plug.
    $off = $registry.EnableDHCP -eq 0 -or (-not $link -and $registry.DisableDhcpOnConnect -eq 1)
    $in_use = $null
    if ($link) {
        $in_use = @(Get-Ipv4 $Adapter.InterfaceIndex | Where-Object { $_.IPAddress -eq $Ip -and $_.PrefixLength -eq $Length }).Count -gt 0
    }
    # Windows may not know the DNS client of an adapter without a link. Such a one registers nothing; the next run sees to it.
    $dns = Get-DnsClient -InterfaceIndex $Adapter.InterfaceIndex -ErrorAction SilentlyContinue
    return [ordered]@{
        dhcp         = -not $off
        addresses    = @($addresses | Sort-Object)
        gateway      = @(Get-Gateway $Adapter)
        dns_register = [bool]$dns.RegisterThisConnectionsAddress
        in_use       = $in_use
    }
}

function Find-Problem($Adapters, [string]$Ip, [int]$Length) {
    if ($Adapters.Count -eq 0) {
        $known = @(Get-NetAdapter | ForEach-Object { '{0} ({1})' -f $_.MacAddress, $_.Name }) -join ', '
        return "No network adapter has the hardware address $MacAddress; correct scanner_mac, this computer has $known."
    }
    if ($Adapters.Count -gt 1) {
        $names = @($Adapters | ForEach-Object { $_.Name }) -join ', '
        return "Several network adapters have the hardware address ${MacAddress}: $names; dissolve the bridge or team, the scanner needs one of its own."
    }
    $index = $Adapters[0].InterfaceIndex
    $name = $Adapters[0].Name
    $state = [string]$Adapters[0].Status
    if ($state -eq 'Disabled') {
        return "Network adapter '$name' ($MacAddress) is disabled; enable it with: Enable-NetAdapter -Name '$name'."
    }
    if ($state -eq 'Not Present') {
        return "Network adapter '$name' ($MacAddress) is not in the computer; plug it in, or set scanner_mac to the adapter that is wired to the scanner."
    }
    $unbound = @(Get-NetAdapterBinding -ComponentID ms_tcpip -ErrorAction SilentlyContinue | Where-Object { $_.Name -eq $name -and -not $_.Enabled })
    if ($unbound.Count -gt 0) {
        return "Network adapter '$name' ($MacAddress) does not speak IPv4; switch it on with: Enable-NetAdapterBinding -Name '$name' -ComponentID ms_tcpip."
    }
    $session = @(Get-SessionAddress)
    $mine = @(Get-Ipv4 $index | ForEach-Object { $_.IPAddress })
    foreach ($one in $session) {
        if ($mine -contains $one) {
            return "Network adapter '$name' ($MacAddress) carries the management session at $one; set scanner_mac to the adapter that is wired to the scanner."
        }
    }
    $others = @(Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue | Where-Object { $_.InterfaceIndex -ne $index })
    $known = @($others | Where-Object { $session -contains $_.IPAddress })
    if ($known.Count -eq 0 -and (Get-Gateway $Adapters[0]).Count -gt 0) {
        return "Network adapter '$name' ($MacAddress) has the default gateway and no other adapter carries the management session; set scanner_mac to the adapter that is wired to the scanner."
    }
    # A tunnel's session arrives at the tunnel's own adapter and still travels through one with a cable.
    $hardware = @(Get-NetAdapter | Where-Object { $_.HardwareInterface } | ForEach-Object { $_.InterfaceIndex })
    $tunnelled = @($known | Where-Object { $hardware -notcontains $_.InterfaceIndex }).Count -gt 0
    $ways = @($hardware | Where-Object { $_ -ne $index -and (Get-DefaultRoute $_).Count -gt 0 })
    if ($tunnelled -and $ways.Count -eq 0 -and (Get-Gateway $Adapters[0]).Count -gt 0) {
        return "Network adapter '$name' ($MacAddress) has the only default gateway, through which the tunnel of the management session goes; set scanner_mac to the adapter that is wired to the scanner."
    }
    foreach ($other in $others) {
        if ($other.IPAddress -eq '127.0.0.1') { continue }
        $widest = [Math]::Min($Length, [int]$other.PrefixLength)
        if ((Get-NetworkNumber $other.IPAddress $widest) -eq (Get-NetworkNumber $Ip $widest)) {
            return "The network of $Address overlaps with $($other.IPAddress)/$($other.PrefixLength) of adapter '$($other.InterfaceAlias)'; the scanner needs a network of its own."
        }
    }
    return ''
}

function Invoke-Netsh([string[]]$Argument) {
    # netsh writes its errors to the output, in the language of Windows.
    $words = @(& netsh.exe @Argument | ForEach-Object { ([string]$_).Trim() } | Where-Object { $_ }) -join ' '
    $said = 'nothing'
    if ($words) { $said = "'$words'" }
    return "netsh ended with $LASTEXITCODE and said $said"
}

# One command takes away DHCP, its lease and route, and all other addresses. Returns what netsh said.
function Set-Adapter($Adapter, [string]$Ip, [int]$Length, $Before) {
    $index = [int]$Adapter.InterfaceIndex
    $said = ''
    if ($Before.dhcp -or $Before.in_use -eq $false -or ($Before.addresses -join ' ') -ne "$Ip/$Length") {
        $said = Invoke-Netsh @('interface', 'ipv4', 'set', 'address', "name=$index", 'source=static', "address=$Ip", "mask=$(Get-Mask $Length)", 'gateway=none', 'store=persistent')
        # What it did not do must not be done by half.
        if ($LASTEXITCODE -ne 0) { return $said }
    }
    if ((Get-Text (Get-Registry $Adapter.InterfaceGuid).DefaultGateway).Count -gt 0) {
        $said = Invoke-Netsh @('interface', 'ipv4', 'delete', 'address', "name=$index", 'gateway=all', 'store=persistent')
    }
    if ((Get-DefaultRoute $index).Count -gt 0) {
        # Whatever route is left; one that vanished meanwhile is no error.
        Remove-NetRoute -InterfaceIndex $index -DestinationPrefix '0.0.0.0/0' -Confirm:$false -ErrorAction SilentlyContinue
    }
    if ($Before.dns_register) {
        Set-DnsClient -InterfaceIndex $index -RegisterThisConnectionsAddress $false -ErrorAction SilentlyContinue
    }
    return $said
}

function Get-AddressState($Adapter, [string]$Ip) {
    return @(Get-Ipv4 $Adapter.InterfaceIndex | Where-Object { $_.IPAddress -eq $Ip } | ForEach-Object { [string]$_.AddressState })
}

function Test-Duplicate($Adapter, [string]$Ip) {
    return [string]$Adapter.Status -eq 'Up' -and @(Get-AddressState $Adapter $Ip) -contains 'Duplicate'
}

# What is still wrong after a change, by what Windows has now.
function Find-Difference($Now, $After, [string]$Name, [string]$Said) {
    if (($Now | ConvertTo-Json -Compress) -eq ($After | ConvertTo-Json -Compress)) { return '' }
    $stored = ($Now.addresses -join ' ') -eq $Address -and -not $Now.dhcp -and $Now.gateway.Count -eq 0
    if ($stored -and $Now.in_use -eq $false) {
        return "Windows has the address $Address of adapter '$Name' in its registry and does not use it; disable and enable the adapter, or restart the PC when the scanner is idle."
    }
    if ($stored) { return '' }
    $has = @('DHCP off', 'no address', 'no gateway')
    if ($Now.dhcp) { $has[0] = 'DHCP on' }
    if ($Now.addresses.Count -gt 0) { $has[1] = $Now.addresses -join ' and ' }
    if ($Now.gateway.Count -gt 0) { $has[2] = "gateway $($Now.gateway -join ' and ')" }
    return "Windows did not take the address $Address for adapter '$Name' and has $($has -join ', '); $Said."
}

$ip, $length = $Address -split '/'
$adapters = @(Get-NetAdapter | Where-Object { (Get-PlainMac $_.MacAddress) -eq (Get-PlainMac $MacAddress) })
$problem = Find-Problem $adapters $ip ([int]$length)
$name = ''
$guid = ''
$link = $false
$Ansible.Changed = $false

if (-not $problem) {
    $adapter = $adapters[0]
    $name = [string]$adapter.Name
    $link = [string]$adapter.Status -eq 'Up'
    $before = Get-Setting $adapter $ip ([int]$length)
    $after = [ordered]@{ dhcp = $false; addresses = @($Address); gateway = @(); dns_register = $false; in_use = $null }
    if ($link) { $after.in_use = $true }
    $Ansible.Changed = ($before | ConvertTo-Json -Compress) -ne ($after | ConvertTo-Json -Compress)
    $Ansible.Diff = @{ before = $before; after = $after }
    if ($Ansible.Changed -and $PSCmdlet.ShouldProcess($name, "set the static address $Address")) {
        $said = Set-Adapter $adapter $ip ([int]$length) $before
        # Windows needs a moment, and asks the network whether somebody else has the address. Without a link nobody answers.
        foreach ($attempt in 1..10) {
            $problem = Find-Difference (Get-Setting $adapter $ip ([int]$length)) $after $name $said
            if (-not $problem -and -not ($link -and @(Get-AddressState $adapter $ip) -contains 'Tentative')) { break }
            Start-Sleep -Milliseconds 500
        }
    }
    if (-not $problem -and (Test-Duplicate $adapter $ip)) {
        $problem = "Another device in the scanner's network has the address $ip already; give one of the two another address, then pull the cable of adapter '$name' and plug it in again: until then it keeps the address without using it."
    }
}
$note = ''
$acknowledges = 0
if (-not $problem) {
    $value = (Get-Registry $adapter.InterfaceGuid).TcpAckFrequency
    if ($value -is [int] -and $value -gt 0) { $acknowledges = $value } elseif ($null -ne $value) { $acknowledges = -1 }
    $guid = [string]$adapter.InterfaceGuid
    if (-not $Ansible.CheckMode -and (Get-Setting $adapter $ip ([int]$length)).dns_register) {
        $note = "Adapter '$name' still registers its address in DNS, which a policy may ask for."
    }
}

$Ansible.Result = @{ problem = $problem; note = $note; adapter = $name; guid = $guid; address = $Address; link = $link; acknowledges = $acknowledges }
