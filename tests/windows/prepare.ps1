# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes a throw-away Windows reachable by WinRM over HTTPS, for the runs of this folder: an account, a certificate for each
# address of the computer, a listener and a firewall rule. Not for a hospital's PC. It has not been run yet.
# Writes authority.pem, and user and password into login.json, which only its owner should be able to read.

[CmdletBinding()]
param(
    # Folder for the two files.
    [Parameter(Mandatory = $true)][string]$Folder,
    [string]$User = 'mediverse'
)

$ErrorActionPreference = 'Stop'
$null = New-Item -ItemType Directory -Path $Folder -Force

$bytes = New-Object byte[] 24
[System.Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
$password = 'A1!' + ([Convert]::ToBase64String($bytes) -replace '[+/=]', 'x')
$secure = ConvertTo-SecureString -String $password -AsPlainText -Force
if (Get-LocalUser -Name $User -ErrorAction SilentlyContinue) { Set-LocalUser -Name $User -Password $secure }
else { $null = New-LocalUser -Name $User -Password $secure -PasswordNeverExpires }
if (-not (Get-LocalGroupMember -SID 'S-1-5-32-544' | Where-Object { $_.Name -like "*\$User" })) {
    Add-LocalGroupMember -SID 'S-1-5-32-544' -Member $User
}
# Without it Windows takes the rights of a local administrator away over the network.
$system = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$null = New-ItemProperty -Path $system -Name LocalAccountTokenFilterPolicy -PropertyType DWord -Value 1 -Force

# By address: the controller compares the certificate with the address that it connects to.
$addresses = @(Get-NetIPAddress -AddressFamily IPv4 | ForEach-Object { "IPAddress=$($_.IPAddress)" }) -join '&'
$certificate = New-SelfSignedCertificate -Subject "CN=$env:COMPUTERNAME" -CertStoreLocation Cert:\LocalMachine\My -KeyLength 3072 `
    -NotAfter (Get-Date).AddDays(30) -TextExtension "2.5.29.17={text}$addresses", '2.5.29.37={text}1.3.6.1.5.5.7.3.1'
Set-Service -Name WinRM -StartupType Automatic
Start-Service -Name WinRM
Get-ChildItem -Path WSMan:\localhost\Listener | Where-Object { $_.Keys -contains 'Transport=HTTPS' } | Remove-Item -Recurse -Force
$null = New-Item -Path WSMan:\localhost\Listener -Transport HTTPS -Address '*' -CertificateThumbPrint $certificate.Thumbprint -Force
if (-not (Get-NetFirewallRule -Name MediverseTest -ErrorAction SilentlyContinue)) {
    $null = New-NetFirewallRule -Name MediverseTest -DisplayName 'Mediverse test' -Direction Inbound -Protocol TCP -LocalPort 5986 -Profile Any -Action Allow
}

$text = [Convert]::ToBase64String($certificate.RawData, 'InsertLineBreaks')
Set-Content -Path (Join-Path $Folder 'authority.pem') -Encoding Ascii -Value "-----BEGIN CERTIFICATE-----`n$text`n-----END CERTIFICATE-----"
Set-Content -Path (Join-Path $Folder 'login.json') -Encoding Ascii -Value (ConvertTo-Json @{ user = $User; password = $password })
