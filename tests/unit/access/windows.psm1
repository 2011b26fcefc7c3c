# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stand-ins for the cmdlets of Windows that the enrolment uses, over the machine of machine.py, a file that each change writes anew. They
# throw where those of Windows throw: at what is there already, and at what is not there.

$here = $PSScriptRoot

function Read-Machine { return Get-Content -LiteralPath $env:SIMULATED_MACHINE -Raw | ConvertFrom-Json -AsHashtable }  # pscheck: ignore NotIn51

# One change. An album keeps how the machine would be without power just before it, and after it.
function Save-Machine($Machine) {
    $Machine.changes = [int]$Machine.changes + 1
    Save-Picture ($Machine.changes * 2)
    [IO.File]::WriteAllText("$env:SIMULATED_MACHINE.tmp", (ConvertTo-Json -InputObject $Machine -Depth 10))
    [IO.File]::Move("$env:SIMULATED_MACHINE.tmp", $env:SIMULATED_MACHINE, $true)
    Save-Picture ($Machine.changes * 2 + 1)
}

function Save-Picture([int]$Number) {
    if ($env:SIMULATED_ALBUM) { /usr/bin/env cp -a (Split-Path -Path $env:SIMULATED_MACHINE -Parent) (Join-Path $env:SIMULATED_ALBUM ('{0:d3}' -f $Number)) }
}

function Stop-Unmodelled([string]$What) { throw "The simulated Windows has no model for this: $What" }

function New-Problem([string]$Text, [string]$Id, [string]$Category = 'ObjectNotFound') {
    return New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (New-Object -TypeName System.InvalidOperationException -ArgumentList $Text), $Id, $Category, $null
}

#--- Registry ---

function Get-ItemProperty {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string]$LiteralPath)
    $values = (Read-Machine).registry[$LiteralPath]
    if ($null -eq $values) { $PSCmdlet.WriteError((New-Problem "Cannot find path $LiteralPath" 'PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand')); return }
    [PSCustomObject]$values
}

function Set-ItemProperty {
    [CmdletBinding()]
    param([string]$LiteralPath, [string]$Name, $Value, [ValidateSet('DWord')][string]$Type)
    $machine = Read-Machine
    if ($null -eq $machine.registry[$LiteralPath]) { $PSCmdlet.ThrowTerminatingError((New-Problem "Cannot find path $LiteralPath" 'PathNotFound')) }
    if (-not $machine.stubborn_registry) { $machine.registry[$LiteralPath][$Name] = [int]$Value }
    Save-Machine $machine
}

function Remove-ItemProperty {
    [CmdletBinding()]
    param([string]$LiteralPath, [string]$Name)
    $machine = Read-Machine
    if (-not $machine.registry[$LiteralPath].Contains($Name)) { $PSCmdlet.ThrowTerminatingError((New-Problem "Property $Name does not exist" 'PropertyNotFound')) }
    $machine.registry[$LiteralPath].Remove($Name)
    Save-Machine $machine
}

function Get-ChildItem {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param([Parameter(Position = 0, ParameterSetName = 'Path')][string]$Path, [Parameter(ParameterSetName = 'Literal')][string]$LiteralPath, [switch]$Force)
    $place = "$Path$LiteralPath"
    if ($place -eq 'Cert:\LocalMachine\My') {
        foreach ($item in @((Read-Machine).certificates)) {
            $real = [Security.Cryptography.X509Certificates.X509Certificate2]::new([Convert]::FromBase64String($item.der))
            [PSCustomObject]@{
                Thumbprint = $real.Thumbprint; FriendlyName = $item.name; NotAfter = $real.NotAfter; HasPrivateKey = [bool]$item.key
                RawData = $real.RawData; Extensions = $real.Extensions
            }
        }
        return
    }
    if ($place -match '^HKLM:') {
        foreach ($key in @((Read-Machine).registry.Keys | Where-Object { $_ -like "$place\*" })) { [PSCustomObject]@{ PSChildName = $key.Substring($place.Length + 1) } }
        return
    }
    Microsoft.PowerShell.Management\Get-ChildItem @PSBoundParameters
}

function Remove-Item {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string[]]$LiteralPath, [switch]$Recurse, [switch]$Force, [switch]$DeleteKey)
    if ($LiteralPath[0] -notmatch '^Cert:\\LocalMachine\\My\\(\w+)$') {
        Microsoft.PowerShell.Management\Remove-Item @PSBoundParameters
        # A file that is made again at the same place has nothing of the rights of the one before.
        $machine = Read-Machine
        $gone = @($machine.acl.Keys | Where-Object { -not (Test-Path -LiteralPath $_) })
        foreach ($path in $gone) { $machine.acl.Remove($path) }
        if ($gone) { [IO.File]::WriteAllText($env:SIMULATED_MACHINE, (ConvertTo-Json -InputObject $machine -Depth 10)) }
        return
    }
    $thumbprint = $Matches[1]
    if (-not $DeleteKey) { Stop-Unmodelled 'a certificate that is removed without its key' }
    $machine = Read-Machine
    $left = @($machine.certificates | Where-Object { $_.thumbprint -ne $thumbprint })
    if ($left.Count -eq @($machine.certificates).Count) { $PSCmdlet.ThrowTerminatingError((New-Problem "Cannot find path $LiteralPath" 'PathNotFound')) }
    $machine.certificates = $left
    Save-Machine $machine
}

# What Windows makes with these arguments: version 3, both usages of a key, critical, and the texts as extensions.
function New-SelfSignedCertificate {
    [CmdletBinding()]
    param([string]$Subject, [string]$FriendlyName, [string]$CertStoreLocation, [int]$KeyLength, [string]$KeyExportPolicy, [DateTime]$NotAfter, [string[]]$TextExtension)
    if ($CertStoreLocation -ne 'Cert:\LocalMachine\My' -or $KeyExportPolicy -ne 'NonExportable') { Stop-Unmodelled "a certificate in $CertStoreLocation" }
    $key = [Security.Cryptography.RSA]::Create($KeyLength)
    $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new($Subject, $key, 'SHA256', [Security.Cryptography.RSASignaturePadding]::Pkcs1)
    $usage = [Security.Cryptography.X509Certificates.X509KeyUsageFlags]'DigitalSignature, KeyEncipherment'
    $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509KeyUsageExtension]::new($usage, $true))
    foreach ($text in $TextExtension) {
        if ($text -eq '2.5.29.37={text}1.3.6.1.5.5.7.3.1') {
            $oids = [Security.Cryptography.OidCollection]::new()
            $null = $oids.Add([Security.Cryptography.Oid]::new('1.3.6.1.5.5.7.3.1'))
            $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509EnhancedKeyUsageExtension]::new($oids, $false))
        }
        elseif ($text -match '^2\.5\.29\.17=\{text\}IPAddress=([\d.]+)$') {
            $names = [Security.Cryptography.X509Certificates.SubjectAlternativeNameBuilder]::new()
            $names.AddIpAddress([Net.IPAddress]::Parse($Matches[1]))
            $request.CertificateExtensions.Add($names.Build())
        }
        else { Stop-Unmodelled "the extension $text" }
    }
    $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509SubjectKeyIdentifierExtension]::new($request.PublicKey, $false))
    $made = $request.CreateSelfSigned([DateTimeOffset]::UtcNow.AddMinutes(-10), [DateTimeOffset]$NotAfter)
    $machine = Read-Machine
    $machine.certificates = @($machine.certificates) + @{ thumbprint = $made.Thumbprint; name = $FriendlyName; der = [Convert]::ToBase64String($made.RawData); key = $key.ExportPkcs8PrivateKeyPem() }
    Save-Machine $machine
    $made
}

#--- Services. One that is on its way is there after some looks. ---

function Get-Service {
    [CmdletBinding()]
    param([string]$Name)
    $machine = Read-Machine
    $service = $machine.services[$Name]
    if ($service -and $service.looks) {
        $service.looks = [int]$service.looks - 1
        if (-not $service.looks -and $service.Status -eq 'StartPending') { $service.Status = 'Running' }
        elseif (-not $service.looks) { $machine.services.Remove($Name); $service = $null }
        [IO.File]::WriteAllText($env:SIMULATED_MACHINE, (ConvertTo-Json -InputObject $machine -Depth 10))
    }
    if (-not $service) { $PSCmdlet.WriteError((New-Problem "Cannot find any service with service name '$Name'." 'NoServiceFoundForGivenName')); return }
    [PSCustomObject]@{ Name = $Name; Status = $service.Status; StartType = $service.StartType }
}

function Set-Status([string]$Name, [string]$Status, $Cmdlet) {
    $machine = Read-Machine
    $service = $machine.services[$Name]
    if (-not $service) { $Cmdlet.ThrowTerminatingError((New-Problem "Cannot find any service with service name '$Name'." 'NoServiceFoundForGivenName')) }
    if ($Status -eq 'Running' -and $service.StartType -eq 'Disabled') { $Cmdlet.ThrowTerminatingError((New-Problem "Cannot start service $Name" 'CouldNotStartService' 'OpenError')) }
    if ($service.Status -eq $Status) { return }
    $service.Status = $Status
    Save-Machine $machine
}

function Set-Service {
    [CmdletBinding()]
    param([string]$Name, [ValidateSet('Automatic', 'Manual', 'Disabled')][string]$StartupType)
    $machine = Read-Machine
    if ($machine.services[$Name].StartType -eq $StartupType) { return }
    $machine.services[$Name].StartType = $StartupType
    Save-Machine $machine
}

function Start-Service {
    [CmdletBinding()]
    param([string]$Name)
    Set-Status $Name 'Running' $PSCmdlet
}

function Stop-Service {
    [CmdletBinding()]
    param([string]$Name, [switch]$Force)
    Set-Status $Name 'Stopped' $PSCmdlet
}

function Restart-Service {
    [CmdletBinding()]
    param([string]$Name, [switch]$Force)
    $machine = Read-Machine
    $machine.restarts = [int]$machine.restarts + 1
    Save-Machine $machine
}

#--- Accounts ---

function Get-LocalUser {
    [CmdletBinding()]
    param([string]$Name)
    $user = (Read-Machine).users[$Name]
    if (-not $user) { $PSCmdlet.WriteError((New-Problem "User $Name was not found." 'UserNotFound,Microsoft.PowerShell.Commands.GetLocalUserCommand')); return }
    [PSCustomObject]@{ Name = $Name; SID = $user.sid; Enabled = $user.enabled; Description = $user.description; PasswordExpires = if ($user.never) { $null } else { [DateTime]::Now.AddDays(42) } }
}

function ConvertFrom-Secret([SecureString]$Secret) { return [Net.NetworkCredential]::new('', $Secret).Password }

function New-LocalUser {
    [CmdletBinding()]
    param([ValidateLength(1, 20)][string]$Name, [SecureString]$Password, [ValidateLength(0, 48)][string]$Description, [switch]$AccountNeverExpires, [switch]$PasswordNeverExpires)
    $machine = Read-Machine
    if ($machine.users[$Name]) { $PSCmdlet.ThrowTerminatingError((New-Problem "User $Name already exists." 'UserExists,Microsoft.PowerShell.Commands.NewLocalUserCommand' 'ResourceExists')) }
    $machine.accounts = [int]$machine.accounts + 1
    $machine.users[$Name] = @{ sid = "S-1-5-21-1-2-3-$(1001 + $machine.accounts)"; enabled = $true; description = $Description; never = [bool]$PasswordNeverExpires; password = ConvertFrom-Secret $Password }
    Save-Machine $machine
    Get-LocalUser -Name $Name
}

function Edit-User([string]$Name, [hashtable]$Values, $Cmdlet) {
    $machine = Read-Machine
    $user = $machine.users[$Name]
    if (-not $user) { $Cmdlet.ThrowTerminatingError((New-Problem "User $Name was not found." 'UserNotFound')) }
    $same = @($Values.Keys | Where-Object { $user[$_] -ne $Values[$_] }).Count -eq 0
    if ($same) { return }
    foreach ($key in $Values.Keys) { $user[$key] = $Values[$key] }
    Save-Machine $machine
}

function Set-LocalUser {
    [CmdletBinding()]
    param([string]$Name, [SecureString]$Password, [bool]$PasswordNeverExpires)
    if ($Password) { Edit-User $Name @{ password = ConvertFrom-Secret $Password } $PSCmdlet }
    if ($PSBoundParameters.ContainsKey('PasswordNeverExpires')) { Edit-User $Name @{ never = $PasswordNeverExpires } $PSCmdlet }
}

function Enable-LocalUser {
    [CmdletBinding()]
    param([string]$Name)
    Edit-User $Name @{ enabled = $true } $PSCmdlet
}

function Remove-LocalUser {
    [CmdletBinding()]
    param([string]$Name)
    $machine = Read-Machine
    if (-not $machine.users[$Name]) { $PSCmdlet.ThrowTerminatingError((New-Problem "User $Name was not found." 'UserNotFound')) }
    $sid = $machine.users[$Name].sid
    $machine.users.Remove($Name)
    $machine.administrators = @($machine.administrators | Where-Object { $_ -ne $sid })
    Save-Machine $machine
}

function Add-LocalGroupMember {
    [CmdletBinding()]
    param([string]$SID, [string]$Member)
    if ($SID -ne 'S-1-5-32-544') { Stop-Unmodelled "the group $SID" }
    $machine = Read-Machine
    $user = $machine.users[$Member].sid
    if (-not $user) { $PSCmdlet.ThrowTerminatingError((New-Problem "Principal $Member was not found." 'PrincipalNotFound,Microsoft.PowerShell.Commands.AddLocalGroupMemberCommand')) }
    if ($machine.administrators -contains $user) { $PSCmdlet.ThrowTerminatingError((New-Problem "$Member est deja membre du groupe." 'MemberExists,Microsoft.PowerShell.Commands.AddLocalGroupMemberCommand' 'ResourceExists')) }
    $machine.administrators = @($machine.administrators) + $user
    Save-Machine $machine
}

function Get-Acl {
    [CmdletBinding()]
    param([string]$LiteralPath)
    $acl = (Read-Machine).acl
    $found = $acl[$LiteralPath]
    if (-not $found) {
        $above = $acl[(Split-Path -Path $LiteralPath -Parent)]
        $found = @{ owner = 'S-1-5-21-1-2-3-1001'; protected = $false; entries = if ($above) { $above.entries } else { 'S-1-5-18', 'S-1-5-32-544', 'S-1-5-32-545' } }
    }
    $short = @{ 'S-1-5-18' = 'SY'; 'S-1-5-32-544' = 'BA'; 'S-1-5-32-545' = 'BU' }
    $owner, $entries = @($found.owner), @($found.entries) | ForEach-Object { , @($_ | ForEach-Object { if ($short[$_]) { $short[$_] } else { $_ } }) }
    $kind = if (Test-Path -LiteralPath $LiteralPath -PathType Container) { 'OICI' } else { '' }
    $flag = if ($found.protected) { '' } else { 'ID' }
    $texts = $entries | ForEach-Object { "(A;$kind$flag;FA;;;$_)" }
    [PSCustomObject]@{ Sddl = "O:$($owner)G:DUD:$(if ($found.protected) { 'P' })AI$(-join $texts)" }
}

#--- WinRM ---

function Test-WSManService($Machine, $Cmdlet) {
    if ($Machine.services.WinRM.Status -ne 'Running') { $Cmdlet.ThrowTerminatingError((New-Problem 'The client cannot connect to the destination specified in the request.' 'CannotConnect' 'ConnectionError')) }
}

function Get-WSManInstance {
    [CmdletBinding()]
    param([string]$ResourceURI, [switch]$Enumerate)
    $machine = Read-Machine
    Test-WSManService $machine $PSCmdlet
    if ($ResourceURI -ne 'winrm/config/listener' -or -not $Enumerate) { Stop-Unmodelled "Get-WSManInstance $ResourceURI" }
    foreach ($item in @($machine.listeners)) { [PSCustomObject]$item }
}

function New-WSManInstance {
    [CmdletBinding()]
    param([string]$ResourceURI, [hashtable]$SelectorSet, [hashtable]$ValueSet)
    $machine = Read-Machine
    Test-WSManService $machine $PSCmdlet
    $there = @($machine.listeners | Where-Object { $_.Address -eq $SelectorSet.Address -and $_.Transport -eq $SelectorSet.Transport })
    if ($there) { $PSCmdlet.ThrowTerminatingError((New-Problem 'The service cannot create the resource because it already exists.' 'WsManError' 'InvalidOperation')) }
    $https = $SelectorSet.Transport -eq 'HTTPS'
    if ($https -and @($machine.certificates | ForEach-Object { $_.thumbprint }) -notcontains $ValueSet.CertificateThumbprint) {
        $PSCmdlet.ThrowTerminatingError((New-Problem 'The certificate could not be found.' 'WsManError' 'InvalidOperation'))
    }
    $made = @{ Address = $SelectorSet.Address; Transport = $SelectorSet.Transport; Port = $(if ($https) { '5986' } else { '5985' }); Enabled = 'true'; Hostname = ''; CertificateThumbprint = '' }
    foreach ($key in $ValueSet.Keys) { $made[$key] = [string]$ValueSet[$key] }
    $machine.listeners = @($machine.listeners) + $made
    Save-Machine $machine
}

function Remove-WSManInstance {
    [CmdletBinding()]
    param([string]$ResourceURI, [hashtable]$SelectorSet)
    $machine = Read-Machine
    Test-WSManService $machine $PSCmdlet
    $left = @($machine.listeners | Where-Object { $_.Address -ne $SelectorSet.Address -or $_.Transport -ne $SelectorSet.Transport })
    if ($left.Count -eq @($machine.listeners).Count) { $PSCmdlet.ThrowTerminatingError((New-Problem 'The resource was not found.' 'WsManError')) }
    $machine.listeners = $left
    Save-Machine $machine
}

#--- Firewall ---

function Get-NetFirewallProfile {
    [CmdletBinding()]
    param([string]$PolicyStore)
    if ($PolicyStore -ne 'ActiveStore') { Stop-Unmodelled 'a store without the policies' }
    foreach ($item in @((Read-Machine).profiles)) { [PSCustomObject]$item }
}

function Get-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name)
    $found = @((Read-Machine).rules | Where-Object { $_.Name -like $Name })
    if (-not $found) { $PSCmdlet.WriteError((New-Problem "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$Name'." 'CmdletizationQuery_NotFound_InstanceID,Get-NetFirewallRule')) }
    foreach ($item in $found) { [PSCustomObject]$item }
}

function Get-NetFirewallPortFilter {
    param([Parameter(ValueFromPipeline)]$AssociatedNetFirewallRule)
    process { [PSCustomObject]@{ Protocol = $AssociatedNetFirewallRule.Protocol; LocalPort = $AssociatedNetFirewallRule.LocalPort } }
}

function Get-NetFirewallAddressFilter {
    param([Parameter(ValueFromPipeline)]$AssociatedNetFirewallRule)
    process { [PSCustomObject]@{ RemoteAddress = $AssociatedNetFirewallRule.RemoteAddress } }
}

function New-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name, [string]$DisplayName, [string]$Direction, [string]$Action, [string]$Profile, [string]$Protocol, [string]$LocalPort, [string[]]$RemoteAddress)  # pscheck: ignore AutomaticVariable
    $machine = Read-Machine
    # A name is given once, a display name as often as one likes.
    if (@($machine.rules | Where-Object { $_.Name -eq $Name })) { $PSCmdlet.ThrowTerminatingError((New-Problem 'Cannot create a file when that file already exists.' 'Windows System Error 183,New-NetFirewallRule' 'ResourceExists')) }
    # Networks come back with a mask, and a single address as an address.
    $read = @($RemoteAddress | ForEach-Object { if ($_ -match '^([\d.]+)/24$') { "$($Matches[1])/255.255.255.0" } else { $_ } })
    $machine.rules = @($machine.rules) + @{
        Name = $Name; DisplayName = $DisplayName; Enabled = 'True'; Direction = $Direction; Action = $Action; Profile = $Profile; Protocol = $Protocol; LocalPort = $LocalPort
        RemoteAddress = $(if ($read.Count -eq 1) { $read[0] } else { $read })
    }
    Save-Machine $machine
}

function Remove-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name)
    $machine = Read-Machine
    $left = @($machine.rules | Where-Object { $_.Name -ne $Name })
    if ($left.Count -eq @($machine.rules).Count) { $PSCmdlet.WriteError((New-Problem "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$Name'." 'CmdletizationQuery_NotFound_InstanceID')); return }
    $machine.rules = $left
    Save-Machine $machine
}

function Set-RuleState([string]$Name, [string]$Enabled) {
    $machine = Read-Machine
    foreach ($rule in @($machine.rules | Where-Object { $_.Name -eq $Name })) { $rule.Enabled = $Enabled }
    Save-Machine $machine
}

function Enable-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name)
    Set-RuleState $Name 'True'
}

function Disable-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name)
    Set-RuleState $Name 'False'
}

#--- Tasks ---

function Get-ScheduledTask {
    [CmdletBinding()]
    param([string]$TaskName, [string]$TaskPath)
    $task = (Read-Machine).tasks["$TaskPath$TaskName"]
    if (-not $task) { $PSCmdlet.WriteError((New-Problem "No MSFT_ScheduledTask objects found with property 'TaskName' equal to '$TaskName'." 'CmdletizationQuery_NotFound_TaskName,Get-ScheduledTask')); return }
    [PSCustomObject]@{ TaskName = $TaskName; State = $task.state; Principal = [PSCustomObject]@{ UserId = 'Systeme' } }
}

function Export-ScheduledTask {
    [CmdletBinding()]
    param([string]$TaskName, [string]$TaskPath)
    (Read-Machine).tasks["$TaskPath$TaskName"].xml
}

function Register-ScheduledTask {
    [CmdletBinding()]
    param([string]$TaskName, [string]$TaskPath, [string]$Xml, [switch]$Force)
    $machine = Read-Machine
    if ($machine.tasks["$TaskPath$TaskName"] -and -not $Force) { $PSCmdlet.ThrowTerminatingError((New-Problem 'Cannot create a file when that file already exists.' 'HRESULT 0x800700b7' 'ResourceExists')) }
    if (([xml]$Xml).Task.version -ne '1.2') { Stop-Unmodelled 'a task of another version' }
    $machine.tasks["$TaskPath$TaskName"] = @{ xml = $Xml; state = 'Ready' }
    Save-Machine $machine
}

function Unregister-ScheduledTask {
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param([string]$TaskName, [string]$TaskPath)
    $machine = Read-Machine
    if (-not $machine.tasks["$TaskPath$TaskName"]) { $PSCmdlet.ThrowTerminatingError((New-Problem 'The system cannot find the file specified.' 'HRESULT 0x80070002')) }
    if (-not $PSCmdlet.ShouldProcess($TaskName)) { return }
    $machine.tasks.Remove("$TaskPath$TaskName")
    Save-Machine $machine
}

#--- WMI, processes, ports ---

function Get-CimInstance {
    [CmdletBinding()]
    param([string]$ClassName, [string]$Filter)
    $machine = Read-Machine
    switch ($ClassName) {
        'Win32_OperatingSystem' { return [PSCustomObject]@{ ProductType = $machine.product } }
        'Win32_LogicalDisk' { if ($Filter -eq "DeviceID = 'C:'") { return [PSCustomObject]@{ FreeSpace = $machine.free } } }
        'Win32_UserProfile' { return @($machine.user_profiles | Where-Object { $Filter -eq "SID = '$_'" } | ForEach-Object { [PSCustomObject]@{ SID = $_ } }) }
        'Win32_Process' {
            if ($Filter -ne "Name = 'ssh.exe'") { Stop-Unmodelled "the processes $Filter" }
            foreach ($item in @($machine.processes)) {
                $file = "/proc/$($item.id)/stat"
                # A zombie has ended.
                if ((Test-Path -LiteralPath $file) -and (Get-Content -LiteralPath $file -Raw) -notmatch '\) Z ') {
                    [PSCustomObject]@{ ProcessId = $item.id; CommandLine = $item.line; CreationDate = $item.started }
                }
            }
            return
        }
        default { Stop-Unmodelled "the class $ClassName" }
    }
}

# A process of Windows itself: it has no pipe of ours.
function Invoke-CimMethod {
    [CmdletBinding()]
    param([string]$ClassName, [string]$MethodName, [hashtable]$Arguments)
    if ($ClassName -ne 'Win32_Process' -or $MethodName -ne 'Create') { Stop-Unmodelled "$ClassName $MethodName" }
    $machine = Read-Machine
    $number = & (Join-Path $here 'spawn.sh') $Arguments.CommandLine
    $machine.processes = @($machine.processes) + @{ id = [int]$number; line = $Arguments.CommandLine; started = [DateTime]::UtcNow.ToString('o') }
    Save-Machine $machine
    [PSCustomObject]@{ ReturnValue = 0; ProcessId = [int]$number }
}

function Remove-CimInstance {
    [CmdletBinding()]
    param([Parameter(ValueFromPipeline)]$InputObject)
    process {
        $machine = Read-Machine
        $machine.user_profiles = @($machine.user_profiles | Where-Object { $_ -ne $InputObject.SID })
        Save-Machine $machine
    }
}

function Get-NetTCPConnection {
    [CmdletBinding()]
    param([string]$State)
    foreach ($item in @((Read-Machine).listening)) { [PSCustomObject]@{ LocalPort = $item.port; OwningProcess = $item.process; State = 'Listen' } }
}

function Get-Process {
    [CmdletBinding()]
    param([int]$Id)
    $item = @((Read-Machine).listening | Where-Object { $_.process -eq $Id })[0]
    if (-not $item) { $PSCmdlet.WriteError((New-Problem "Cannot find a process with the process identifier $Id." 'NoProcessFoundForGivenId')); return }
    [PSCustomObject]@{ Id = $Id; ProcessName = $item.program }
}

# Adapters are those of the lab, over the machine's "interfaces".
$global:SimulatedWindows = @{ interfaces = (Read-Machine).interfaces }
Import-Module -Name (Join-Path $PSScriptRoot '../../lab/winrm/ps/Windows.psm1') -DisableNameChecking -Global -Function Get-NetAdapter, Get-NetIPAddress, Get-NetRoute

Export-ModuleMember -Function *-Item*, Get-ChildItem, *-Service, *-Local*, Get-Acl, *-WSManInstance, *-NetFirewall*, *-ScheduledTask, *-Cim*, Get-NetTCPConnection, Get-Process, New-SelfSignedCertificate
