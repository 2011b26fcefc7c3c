# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lists the network adapters with their IPv4 addresses; changes nothing.
# Result: {adapters: [{name, mac, link, hardware, addresses, default_route}]}; addresses with prefix length. Addresses and route of an adapter without a link are the
# stored ones, which come into use with the next plug: Windows uses none then.

[CmdletBinding()]
param()

$ErrorActionPreference = 'Stop'

$interfaces = 'HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces'

function Get-MaskLength([string]$Mask) {
    $bits = ($Mask -split '\.' | ForEach-Object { [Convert]::ToString([int]$_, 2) }) -join ''
    return ($bits -replace '0', '').Length
}

# Windows writes empty texts, and 0.0.0.0, where there is nothing.
function Get-Stored([string]$Guid) {
    $registry = Get-ItemProperty -LiteralPath "$interfaces\$Guid" -ErrorAction SilentlyContinue
    $stored = @($registry.IPAddress)
    $masks = @($registry.SubnetMask)
    for ($i = 0; $i -lt $stored.Count; $i++) {
        if ($stored[$i] -and $stored[$i] -ne '0.0.0.0') { '{0}/{1}' -f $stored[$i], (Get-MaskLength $masks[$i]) }
    }
}

function Get-Used([int]$Index) {
    Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue | Where-Object { $_.InterfaceIndex -eq $Index } |
        ForEach-Object { '{0}/{1}' -f $_.IPAddress, $_.PrefixLength }
}

# Windows writes 0.0.0.0, and empty texts, where there is no gateway.
function Test-StoredGateway([string]$Guid) {
    $registry = Get-ItemProperty -LiteralPath "$interfaces\$Guid" -ErrorAction SilentlyContinue
    return @($registry.DefaultGateway | Where-Object { $_ -and $_ -ne '0.0.0.0' }).Count -gt 0
}

$routes = @(Get-NetRoute -DestinationPrefix '0.0.0.0/0' -ErrorAction SilentlyContinue | ForEach-Object { $_.InterfaceIndex })
$adapters = foreach ($adapter in @(Get-NetAdapter)) {
    $link = [string]$adapter.Status -eq 'Up'
    $addresses = if ($link) { Get-Used $adapter.InterfaceIndex } else { Get-Stored $adapter.InterfaceGuid }
    $default = if ($link) { $routes -contains $adapter.InterfaceIndex } else { Test-StoredGateway $adapter.InterfaceGuid }
    [ordered]@{
        name          = [string]$adapter.Name
        mac           = [string]$adapter.MacAddress
        link          = $link
        hardware      = [bool]$adapter.HardwareInterface
        addresses     = @($addresses)
        default_route = [bool]$default
    }
}

$Ansible.Changed = $false
$Ansible.Result = @{ adapters = @($adapters) }
