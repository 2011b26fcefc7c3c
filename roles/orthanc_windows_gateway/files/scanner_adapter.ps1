# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Gives the network adapter beside the scanner its static address: the only one, without DHCP, gateway and DNS registration.
# Result: {problem, adapter, guid, address}. A problem is one sentence; then nothing was changed, except where the sentence says so.
# The GUID, in braces, is the name of the adapter's key in the registry; it is empty when there is a problem.

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

# Addresses of this computer at which somebody manages it at this moment.
function Get-SessionAddress {
    $connections = @(Get-NetTCPConnection -State Established -ErrorAction SilentlyContinue |
            Where-Object { $ManagementPort -contains $_.LocalPort })
    $found = @($connections | ForEach-Object { ([string]$_.LocalAddress) -replace '^::ffff:', '' })
    return @(@($found) + @($ManagementAddress) | Where-Object { $_ } | Sort-Object -Unique)
}

function Get-Setting([int]$Index) {
    $interface = Get-NetIPInterface -InterfaceIndex $Index -AddressFamily IPv4
    $addresses = @(Get-Ipv4 $Index | ForEach-Object { '{0}/{1}' -f $_.IPAddress, $_.PrefixLength } | Sort-Object)
    return [ordered]@{
        dhcp         = [string]$interface.Dhcp -eq 'Enabled'
        addresses    = $addresses
        gateway      = @(Get-DefaultRoute $Index | ForEach-Object { [string]$_.NextHop })
        dns_register = [bool](Get-DnsClient -InterfaceIndex $Index).RegisterThisConnectionsAddress
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
    $session = @(Get-SessionAddress)
    $mine = @(Get-Ipv4 $index | ForEach-Object { $_.IPAddress })
    foreach ($one in $session) {
        if ($mine -contains $one) {
            return "Network adapter '$name' ($MacAddress) carries the management session at $one; set scanner_mac to the adapter that is wired to the scanner."
        }
    }
    $others = @(Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue | Where-Object { $_.InterfaceIndex -ne $index })
    $known = @($others | Where-Object { $session -contains $_.IPAddress })
    if ($known.Count -eq 0 -and (Get-DefaultRoute $index).Count -gt 0) {
        return "Network adapter '$name' ($MacAddress) has the default gateway and no other adapter carries the management session; set scanner_mac to the adapter that is wired to the scanner."
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

function Set-Adapter([int]$Index, [string]$Ip, [int]$Length, $Before) {
    if ($Before.dhcp) {
        Set-NetIPInterface -InterfaceIndex $Index -AddressFamily IPv4 -Dhcp Disabled
    }
    if ($Before.gateway.Count -gt 0) {
        Remove-NetRoute -InterfaceIndex $Index -DestinationPrefix '0.0.0.0/0' -Confirm:$false
    }
    foreach ($old in @(Get-Ipv4 $Index)) {
        if ($old.IPAddress -ne $Ip -or $old.PrefixLength -ne $Length) {
            Remove-NetIPAddress -InterfaceIndex $Index -IPAddress $old.IPAddress -Confirm:$false
        }
    }
    if (@(Get-Ipv4 $Index).Count -eq 0) {
        $null = New-NetIPAddress -InterfaceIndex $Index -IPAddress $Ip -PrefixLength $Length
    }
    if ($Before.dns_register) {
        Set-DnsClient -InterfaceIndex $Index -RegisterThisConnectionsAddress $false
    }
}

# Windows asks the network whether somebody else has the address; wait for the answer, which never comes without a cable.
function Test-Duplicate([int]$Index, [string]$Ip) {
    foreach ($attempt in 1..10) {
        $state = [string](@(Get-Ipv4 $Index | Where-Object { $_.IPAddress -eq $Ip })[0].AddressState)
        if ($state -ne 'Tentative') { break }
        Start-Sleep -Milliseconds 500
    }
    return $state -eq 'Duplicate'
}

$ip, $length = $Address -split '/'
$adapters = @(Get-NetAdapter | Where-Object { (Get-PlainMac $_.MacAddress) -eq (Get-PlainMac $MacAddress) })
$problem = Find-Problem $adapters $ip ([int]$length)
$name = ''
$guid = ''
$Ansible.Changed = $false

if (-not $problem) {
    $index = [int]$adapters[0].InterfaceIndex
    $name = [string]$adapters[0].Name
    $guid = [string]$adapters[0].InterfaceGuid
    $before = Get-Setting $index
    $after = [ordered]@{ dhcp = $false; addresses = @($Address); gateway = @(); dns_register = $false }
    $Ansible.Changed = ($before | ConvertTo-Json -Compress) -ne ($after | ConvertTo-Json -Compress)
    $Ansible.Diff = @{ before = $before; after = $after }
    if ($Ansible.Changed -and $PSCmdlet.ShouldProcess($name, "set the static address $Address")) {
        Set-Adapter $index $ip ([int]$length) $before
        if (Test-Duplicate $index $ip) {
            $problem = "Another device in the scanner's network has the address $ip already; give one of the two another address. Adapter '$name' keeps it without using it."
            $guid = ''
        }
    }
}

$Ansible.Result = @{ problem = $problem; adapter = $name; guid = $guid; address = $Address }
