# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stand-ins for cmdlets in scripts that somebody starts on the PC itself, such as enrol.ps1 and watch.ps1: over the file state.json, which each
# change writes anew. They throw where those of Windows throw: at what is there already, and at what is not there. Where an endpoint serves
# the same file ($env:SIMULATED_LIVE), services change when it has changed them.

$here = $PSScriptRoot

function Read-Machine {
    # While it is replaced it is missing for a moment on some file systems of containers.
    foreach ($look in 1..100) { if ([IO.File]::Exists($env:SIMULATED_MACHINE)) { break }; Start-Sleep -Milliseconds 10 }
    $machine = Get-Content -LiteralPath $env:SIMULATED_MACHINE -Raw | ConvertFrom-Json -AsHashtable  # pscheck: ignore NotIn51
    # What the functions of the other files look at.
    $global:SimulatedWindows = $machine
    return $machine
}

# One change. An album keeps how the machine would be without power just before it, and after it.
function Save-Machine($Machine) {
    $Machine.changes = [int]$Machine.changes + 1
    Save-Picture ($Machine.changes * 2)
    Write-Machine $Machine
    Save-Picture ($Machine.changes * 2 + 1)
}

# What is no change that anybody made.
function Write-Machine($Machine) {
    $new = "$env:SIMULATED_MACHINE.$PID"
    [IO.File]::WriteAllText($new, (ConvertTo-Json -InputObject $Machine -Depth 12))
    [IO.File]::Move($new, $env:SIMULATED_MACHINE, $true)
    $global:SimulatedWindows = $Machine
}

# The entry of that name in any letter case, $null for none.
function Select-Entry($Entries, [string]$Name) {
    foreach ($key in $Entries.Keys) { if ($key -eq $Name) { return $Entries[$key] } }
}

# How the state calls a place of drive C:.
function Get-PlaceName([string]$Path) {
    $drive = (Split-Path -Path $env:SIMULATED_MACHINE -Parent) + '/C/'
    if (-not $Path.StartsWith($drive)) { return $Path }
    return ('C:\' + $Path.Substring($drive.Length).Replace('/', '\')).ToLowerInvariant()
}

function Save-Picture([int]$Number) {
    if ($env:SIMULATED_ALBUM) { /usr/bin/env cp -a (Split-Path -Path $env:SIMULATED_MACHINE -Parent) (Join-Path $env:SIMULATED_ALBUM ('{0:d3}' -f $Number)) }
}

function Stop-Unmodelled([string]$What) { throw "The simulated Windows has no model for this: $What" }

function New-Problem([string]$Text, [string]$Id, [string]$Category = 'ObjectNotFound') {
    return New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (New-Object -TypeName System.InvalidOperationException -ArgumentList $Text), $Id, $Category, $null
}

#--- Registry ---

function Get-KeyName([string]$Path) { return $Path.Replace('HKLM:', 'HKLM').ToLowerInvariant() }

function Get-ItemProperty {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string]$LiteralPath)
    $key = (Read-Machine).registry[(Get-KeyName $LiteralPath)]
    if ($null -eq $key) { $PSCmdlet.WriteError((New-Problem "Cannot find path $LiteralPath" 'PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand')); return }
    $values = [ordered]@{}
    foreach ($value in $key.values.Values) { $values[$value.name] = $value.data }
    [PSCustomObject]$values
}

function Set-ItemProperty {
    [CmdletBinding()]
    param([string]$LiteralPath, [string]$Name, $Value, [ValidateSet('DWord')][string]$Type)
    $machine = Read-Machine
    $key = $machine.registry[(Get-KeyName $LiteralPath)]
    if ($null -eq $key) { $PSCmdlet.ThrowTerminatingError((New-Problem "Cannot find path $LiteralPath" 'PathNotFound')) }
    if (-not $machine.stubborn_registry) { $key.values[$Name.ToLowerInvariant()] = @{ name = $Name; type = $Type.ToLowerInvariant(); data = [int]$Value } }
    Save-Machine $machine
}

function Remove-ItemProperty {
    [CmdletBinding()]
    param([string]$LiteralPath, [string]$Name)
    $machine = Read-Machine
    $values = $machine.registry[(Get-KeyName $LiteralPath)].values
    if (-not $values.Contains($Name.ToLowerInvariant())) { $PSCmdlet.ThrowTerminatingError((New-Problem "Property $Name does not exist" 'PropertyNotFound')) }
    $values.Remove($Name.ToLowerInvariant())
    Save-Machine $machine
}

function Get-ChildItem {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param([Parameter(Position = 0, ParameterSetName = 'Path')][string]$Path, [Parameter(ParameterSetName = 'Literal')][string]$LiteralPath, [switch]$Force)
    $place = "$Path$LiteralPath"
    if ($place -eq 'Cert:\LocalMachine\My') {
        foreach ($item in @((Read-Machine).certificates | Where-Object { $_ })) {
            $real = [Security.Cryptography.X509Certificates.X509Certificate2]::new([Convert]::FromBase64String($item.der))
            [PSCustomObject]@{
                Thumbprint = $real.Thumbprint; FriendlyName = $item.name; NotAfter = $real.NotAfter; HasPrivateKey = [bool]$item.key
                RawData = $real.RawData; Extensions = $real.Extensions
            }
        }
        return
    }
    if ($place -match '^HKLM:') {
        $above = (Get-KeyName $place) + '\'
        foreach ($key in (Read-Machine).registry.GetEnumerator()) {
            if ($key.Key.StartsWith($above) -and -not $key.Key.Substring($above.Length).Contains('\')) { [PSCustomObject]@{ PSChildName = $key.Value.path.Substring($above.Length) } }
        }
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
        $gone = @($LiteralPath | Where-Object { -not (Test-Path -LiteralPath $_) } | ForEach-Object { Get-PlaceName $_ })
        $lost = @($machine.acl.Keys | Where-Object { $place = $_; @($gone | Where-Object { $place -eq $_ -or $place.StartsWith("$_\") }) })
        foreach ($place in $lost) { $machine.acl.Remove($place) }
        if ($lost) { Write-Machine $machine }
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
        elseif ($text -match '^2\.5\.29\.17=\{text\}(IPAddress=[\d.]+(&IPAddress=[\d.]+)*)$') {
            $names = [Security.Cryptography.X509Certificates.SubjectAlternativeNameBuilder]::new()
            foreach ($name in $Matches[1].Split('&')) { $names.AddIpAddress([Net.IPAddress]::Parse($name.Substring(10))) }
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

#--- Services. One that is on its way is there after some looks, or when the endpoint has done it. ---

$states = @{ started = 'Running'; stopped = 'Stopped'; start_pending = 'StartPending'; stop_pending = 'StopPending' }
$modes = @{ auto = 'Automatic'; delayed = 'Automatic'; manual = 'Manual'; disabled = 'Disabled' }

function Get-Service {
    [CmdletBinding()]
    param([string]$Name)
    $machine = Read-Machine
    $key = @($machine.services.Keys | Where-Object { $_ -eq $Name })[0]
    $service = if ($key) { $machine.services[$key] }
    if ($service -and $service.looks) {
        $service.looks = [int]$service.looks - 1
        if (-not $service.looks -and $service.state -eq 'start_pending') { $service.state = 'started' }
        elseif (-not $service.looks) { $machine.services.Remove($key); $service = $null }
        Write-Machine $machine
    }
    if (-not $service) { $PSCmdlet.WriteError((New-Problem "Cannot find any service with service name '$Name'." 'NoServiceFoundForGivenName')); return }
    [PSCustomObject]@{ Name = $key; Status = $states[$service.state]; StartType = $modes[$service.start_mode] }
}

# With a process behind it, it is the endpoint that starts and stops it.
function Set-Status([string]$Name, [string]$State, $Cmdlet) {
    $machine = Read-Machine
    $service = Select-Entry $machine.services $Name
    if (-not $service) { $Cmdlet.ThrowTerminatingError((New-Problem "Cannot find any service with service name '$Name'." 'NoServiceFoundForGivenName')) }
    if ($State -eq 'started' -and $service.start_mode -eq 'disabled') { $Cmdlet.ThrowTerminatingError((New-Problem "Cannot start service $Name" 'CouldNotStartService' 'OpenError')) }
    if ($service.state -eq $State) { return }
    $asked = $env:SIMULATED_LIVE -and $service.path -notlike '*svchost.exe*'
    $service.state = if (-not $asked) { $State } else { @{ started = 'start_pending'; stopped = 'stop_pending' }[$State] }
    Save-Machine $machine
    if ($asked) { Wait-State $Name $State $Cmdlet }
}

function Wait-State([string]$Name, [string]$State, $Cmdlet) {
    foreach ($look in 1..150) {
        $found = Select-Entry (Read-Machine).services $Name
        if (-not $found -or $found.state -eq $State) { return }
        Start-Sleep -Milliseconds 200
    }
    $Cmdlet.ThrowTerminatingError((New-Problem "Service $Name cannot be brought to $State" 'CouldNotChangeService' 'OpenError'))
}

function Set-Service {
    [CmdletBinding()]
    param([string]$Name, [ValidateSet('Automatic', 'Manual', 'Disabled')][string]$StartupType)
    $machine = Read-Machine
    $service = Select-Entry $machine.services $Name
    if ($modes[$service.start_mode] -eq $StartupType) { return }
    $service.start_mode = @{ Automatic = 'auto'; Manual = 'manual'; Disabled = 'disabled' }[$StartupType]
    Save-Machine $machine
}

function Start-Service {
    [CmdletBinding()]
    param([string]$Name)
    Set-Status $Name 'started' $PSCmdlet
}

function Stop-Service {
    [CmdletBinding()]
    param([string]$Name, [switch]$Force)
    Set-Status $Name 'stopped' $PSCmdlet
}

function Restart-Service {
    [CmdletBinding()]
    param([string]$Name, [switch]$Force)
    $machine = Read-Machine
    $machine.restarts = [int]$machine.restarts + 1
    Save-Machine $machine
    if (-not $env:SIMULATED_LIVE) { return }
    Set-Status $Name 'stopped' $PSCmdlet
    Set-Status $Name 'started' $PSCmdlet
}

#--- Accounts ---

function Get-LocalUser {
    [CmdletBinding()]
    param([string]$Name)
    $user = (Read-Machine).users[$Name]
    if (-not $user) { $PSCmdlet.WriteError((New-Problem "User $Name was not found." 'UserNotFound,Microsoft.PowerShell.Commands.GetLocalUserCommand')); return }
    [PSCustomObject]@{
        Name = $Name; SID = $user.sid; Enabled = $user.enabled; Description = [string]$user.description
        PasswordExpires = if ($user.password_never_expires) { $null } else { [DateTime]::Now.AddDays(42) }
    }
}

function ConvertFrom-Secret([SecureString]$Secret) { return [Net.NetworkCredential]::new('', $Secret).Password }

# In no group at all, unlike one that win_user makes.
function New-LocalUser {
    [CmdletBinding()]
    param([ValidateLength(1, 20)][string]$Name, [SecureString]$Password, [ValidateLength(0, 48)][string]$Description, [switch]$AccountNeverExpires, [switch]$PasswordNeverExpires)
    $machine = Read-Machine
    if ($machine.users[$Name]) { $PSCmdlet.ThrowTerminatingError((New-Problem "User $Name already exists." 'UserExists,Microsoft.PowerShell.Commands.NewLocalUserCommand' 'ResourceExists')) }
    $machine.accounts = [int]$machine.accounts + 1
    $machine.users[$Name] = @{
        sid = "$($machine.sid)-$(1001 + $machine.accounts)"; enabled = $true; description = $Description; groups = @()
        password_never_expires = [bool]$PasswordNeverExpires; password = ConvertFrom-Secret $Password
    }
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
    if ($PSBoundParameters.ContainsKey('PasswordNeverExpires')) { Edit-User $Name @{ password_never_expires = $PasswordNeverExpires } $PSCmdlet }
}

function Enable-LocalUser {
    [CmdletBinding()]
    param([string]$Name)
    Edit-User $Name @{ enabled = $true } $PSCmdlet
}

# Rights that name it keep its number, which then is nobody's.
function Remove-LocalUser {
    [CmdletBinding()]
    param([string]$Name)
    $machine = Read-Machine
    if (-not $machine.users[$Name]) { $PSCmdlet.ThrowTerminatingError((New-Problem "User $Name was not found." 'UserNotFound')) }
    $sid = $machine.users[$Name].sid
    $full = "$($machine.computer)\$Name"
    foreach ($right in @($machine.rights.Keys)) { $machine.rights[$right] = @($machine.rights[$right] | ForEach-Object { if ($_ -eq $full) { $sid } else { $_ } }) }
    $machine.users.Remove($Name)
    Save-Machine $machine
}

function Add-LocalGroupMember {
    [CmdletBinding()]
    param([string]$SID, [string]$Member)
    if ($SID -ne 'S-1-5-32-544') { Stop-Unmodelled "the group $SID" }
    $machine = Read-Machine
    $user = $machine.users[$Member]
    if (-not $user) { $PSCmdlet.ThrowTerminatingError((New-Problem "Principal $Member was not found." 'PrincipalNotFound,Microsoft.PowerShell.Commands.AddLocalGroupMemberCommand')) }
    if ($user.groups -contains 'Administrators') { $PSCmdlet.ThrowTerminatingError((New-Problem "$Member est deja membre du groupe." 'MemberExists,Microsoft.PowerShell.Commands.AddLocalGroupMemberCommand' 'ResourceExists')) }
    $user.groups = @($user.groups) + 'Administrators'
    Save-Machine $machine
}

# A new file belongs to who made it, and has what its folder gives.
function Get-Acl {
    [CmdletBinding()]
    param([string]$LiteralPath)
    $machine = Read-Machine
    $found = $machine.acl[(Get-PlaceName $LiteralPath)]
    if (-not $found) {
        $above = $machine.acl[(Get-PlaceName (Split-Path -Path $LiteralPath -Parent))]
        $common = 'NT AUTHORITY\SYSTEM', 'BUILTIN\Administrators', 'BUILTIN\Users' | ForEach-Object { @{ account = $_ } }
        $found = @{ owner = $machine.technician; protected = $false; entries = if ($above) { $above.entries } else { $common } }
    }
    $short = @{ 'NT AUTHORITY\SYSTEM' = 'SY'; 'BUILTIN\Administrators' = 'BA'; 'BUILTIN\Users' = 'BU' }
    $owner, $entries = @($found.owner), @($found.entries | ForEach-Object { $_.account }) | ForEach-Object { , @($_ | ForEach-Object { if ($short[$_]) { $short[$_] } else { $_ } }) }
    $kind = if (Test-Path -LiteralPath $LiteralPath -PathType Container) { 'OICI' } else { '' }
    $flag = if ($found.protected) { '' } else { 'ID' }
    $texts = $entries | ForEach-Object { "(A;$kind$flag;FA;;;$_)" }
    [PSCustomObject]@{ Sddl = "O:$($owner)G:DUD:$(if ($found.protected) { 'P' })AI$(-join $texts)" }
}

#--- WinRM ---

function Test-WSManService($Machine, $Cmdlet) {
    if ($Machine.services.WinRM.state -ne 'started') { $Cmdlet.ThrowTerminatingError((New-Problem 'The client cannot connect to the destination specified in the request.' 'CannotConnect' 'ConnectionError')) }
}

function Get-WSManInstance {
    [CmdletBinding()]
    param([string]$ResourceURI, [switch]$Enumerate)
    $machine = Read-Machine
    Test-WSManService $machine $PSCmdlet
    if ($ResourceURI -ne 'winrm/config/listener' -or -not $Enumerate) { Stop-Unmodelled "Get-WSManInstance $ResourceURI" }
    foreach ($item in @($machine.winrm_listeners | Where-Object { $_ })) { [PSCustomObject]$item }
}

function New-WSManInstance {
    [CmdletBinding()]
    param([string]$ResourceURI, [hashtable]$SelectorSet, [hashtable]$ValueSet)
    $machine = Read-Machine
    Test-WSManService $machine $PSCmdlet
    $there = @($machine.winrm_listeners | Where-Object { $_.Address -eq $SelectorSet.Address -and $_.Transport -eq $SelectorSet.Transport })
    if ($there) { $PSCmdlet.ThrowTerminatingError((New-Problem 'The service cannot create the resource because it already exists.' 'WsManError' 'InvalidOperation')) }
    $https = $SelectorSet.Transport -eq 'HTTPS'
    if ($https -and @($machine.certificates | ForEach-Object { $_.thumbprint }) -notcontains $ValueSet.CertificateThumbprint) {
        $PSCmdlet.ThrowTerminatingError((New-Problem 'The certificate could not be found.' 'WsManError' 'InvalidOperation'))
    }
    $made = @{ Address = $SelectorSet.Address; Transport = $SelectorSet.Transport; Port = $(if ($https) { '5986' } else { '5985' }); Enabled = 'true'; Hostname = ''; CertificateThumbprint = '' }
    foreach ($key in $ValueSet.Keys) { $made[$key] = [string]$ValueSet[$key] }
    $machine.winrm_listeners = @($machine.winrm_listeners) + $made
    Save-Machine $machine
}

function Remove-WSManInstance {
    [CmdletBinding()]
    param([string]$ResourceURI, [hashtable]$SelectorSet)
    $machine = Read-Machine
    Test-WSManService $machine $PSCmdlet
    $left = @($machine.winrm_listeners | Where-Object { $_.Address -ne $SelectorSet.Address -or $_.Transport -ne $SelectorSet.Transport })
    if ($left.Count -eq @($machine.winrm_listeners).Count) { $PSCmdlet.ThrowTerminatingError((New-Problem 'The resource was not found.' 'WsManError')) }
    $machine.winrm_listeners = $left
    Save-Machine $machine
}

#--- Firewall. What reads is in Protection.psm1; the rules have the terms of the firewall's own interface. ---

function ConvertTo-Mask([string]$Network) {
    if ($Network -notmatch '^([\d.]+)/(\d+)$') { return $Network }
    $bits = ('1' * [int]$Matches[2]).PadRight(32, '0')
    return "$($Matches[1])/" + ((0..3 | ForEach-Object { [Convert]::ToInt32($bits.Substring($_ * 8, 8), 2) }) -join '.')
}

function New-NetFirewallRule {
    [CmdletBinding()]
    param(
        [string]$Name, [string]$DisplayName, [ValidateSet('Inbound')][string]$Direction, [ValidateSet('Allow')][string]$Action,
        [ValidateSet('Any')][string]$Profile, [ValidateSet('TCP')][string]$Protocol, [string]$LocalPort, [string[]]$RemoteAddress  # pscheck: ignore AutomaticVariable
    )
    $machine = Read-Machine
    # A name is given once, a display name as often as one likes.
    if (@($machine.firewall.rules | Where-Object { $_.InstanceID -eq $Name })) { $PSCmdlet.ThrowTerminatingError((New-Problem 'Cannot create a file when that file already exists.' 'Windows System Error 183,New-NetFirewallRule' 'ResourceExists')) }
    $machine.firewall.rules = @($machine.firewall.rules) + @{
        InstanceID = $Name; Name = $DisplayName; Description = ''; Enabled = $true; Direction = 1; Action = 1; Profiles = 0x7FFFFFFF; Protocol = 6; LocalPorts = $LocalPort
        # Networks come back with a mask, and a single address as an address.
        RemoteAddresses = @($RemoteAddress | ForEach-Object { ConvertTo-Mask $_ }) -join ','
        ApplicationName = ''; Grouping = ''; ServiceName = ''; LocalAddresses = '*'; RemotePorts = '*'; InterfaceTypes = 'All'
    }
    Save-Machine $machine
}

function Remove-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name)
    $machine = Read-Machine
    $left = @($machine.firewall.rules | Where-Object { $_.InstanceID -ne $Name })
    if ($left.Count -eq @($machine.firewall.rules).Count) { $PSCmdlet.WriteError((New-Problem "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$Name'." 'CmdletizationQuery_NotFound_InstanceID')); return }
    $machine.firewall.rules = $left
    Save-Machine $machine
}

function Set-RuleState([string]$Name, [bool]$Enabled) {
    $machine = Read-Machine
    foreach ($rule in @($machine.firewall.rules | Where-Object { $_.InstanceID -eq $Name })) { $rule.Enabled = $Enabled }
    Save-Machine $machine
}

function Enable-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name)
    Set-RuleState $Name $true
}

function Disable-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name)
    Set-RuleState $Name $false
}

#--- Tasks. What looks at them is in Protection.psm1. ---

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
    $settings = ([xml]$Xml).Task
    $machine.tasks["$TaskPath$TaskName"] = @{
        xml = $Xml; enabled = $settings.Settings.Enabled -eq 'true'
        username = if ($settings.Principals.Principal.UserId -eq 'S-1-5-18') { 'NT AUTHORITY\SYSTEM' } else { Stop-Unmodelled 'a task of another account' }
        actions = @(@{ path = $settings.Actions.Exec.Command; arguments = $settings.Actions.Exec.Arguments })
        # The endpoint's clock knows whole periods, and those of tasks that were registered by XML alone.
        interval = $settings.Triggers.TimeTrigger.Repetition.Interval
    }
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
        'Win32_OperatingSystem' { return [PSCustomObject]@{ ProductType = if ($machine.product_type) { $machine.product_type } else { 1 } } }
        'Win32_LogicalDisk' { if ($Filter -eq "DeviceID = 'C:'") { return [PSCustomObject]@{ FreeSpace = if ($null -eq $machine.free_space) { 200GB } else { $machine.free_space } } } }
        'Win32_UserProfile' { return @($machine.user_profiles | Where-Object { $Filter -eq "SID = '$_'" } | ForEach-Object { [PSCustomObject]@{ SID = $_ } }) }
        'Win32_Process' {
            if ($Filter -ne "Name = 'ssh.exe'") { Stop-Unmodelled "the processes $Filter" }
            foreach ($item in @($machine.processes | Where-Object { $_ })) {
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
    $machine.processes = @($machine.processes | Where-Object { $_ }) + @{ id = [int]$number; line = $Arguments.CommandLine; started = [DateTime]::UtcNow.ToString('o') }
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

# Who listens: Windows itself for WinRM, and the programs that the state names.
function Get-Listening {
    $machine = Read-Machine
    if ($machine.services.WinRM.state -eq 'started') {
        foreach ($item in @($machine.winrm_listeners | Where-Object { $_ })) { @{ port = [int]$item.Port; process = 4; name = 'System' } }
    }
    $number = 9000
    foreach ($item in @($machine.listeners | Where-Object { $_ })) {
        @{ port = $item.port; process = if ($item.process) { $item.process } else { $number }; name = $item.name }
        $number++
    }
}

function Get-NetTCPConnection {
    [CmdletBinding()]
    param([string]$State)
    foreach ($item in @(Get-Listening)) { [PSCustomObject]@{ LocalPort = $item.port; OwningProcess = $item.process; State = 'Listen' } }
}

function Get-Process {
    [CmdletBinding()]
    param([int]$Id)
    $item = @(Get-Listening | Where-Object { $_.process -eq $Id })[0]
    if (-not $item) { $PSCmdlet.WriteError((New-Problem "Cannot find a process with the process identifier $Id." 'NoProcessFoundForGivenId')); return }
    [PSCustomObject]@{ Id = $Id; ProcessName = $item.name }
}

# Adapters, the firewall and tasks are looked at by the functions that scripts of win_powershell have.
$null = Read-Machine
$readers = 'Get-NetFirewallRule', 'Get-NetFirewallProfile', 'Get-NetFirewallPortFilter', 'Get-NetFirewallAddressFilter', 'Get-ScheduledTask'
Import-Module -Name (Join-Path $PSScriptRoot 'Windows.psm1') -DisableNameChecking -Global -Function Get-NetAdapter, Get-NetIPAddress, Get-NetRoute
Import-Module -Name (Join-Path $PSScriptRoot 'Protection.psm1') -DisableNameChecking -Global -Function $readers

$own = 'New-NetFirewallRule', 'Remove-NetFirewallRule', 'Enable-NetFirewallRule', 'Disable-NetFirewallRule', 'Export-ScheduledTask', 'Register-ScheduledTask', 'Unregister-ScheduledTask'
Export-ModuleMember -Function (@('*-Item*', 'Get-ChildItem', '*-Service', '*-Local*', 'Get-Acl', '*-WSManInstance', '*-Cim*', 'Get-NetTCPConnection', 'Get-Process', 'New-SelfSignedCertificate') + $own)
