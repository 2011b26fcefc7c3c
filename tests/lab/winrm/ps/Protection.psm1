# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stand-ins for the cmdlets about the firewall and about scheduled tasks; see Windows.psm1.

function Write-Refusal {
    param([string] $Text, [string] $Id)
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Text
    $PSCmdlet.WriteError((New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, $Id, 'NotSpecified', $Text))
}

# Without its service the firewall can be neither read nor changed.
function Test-Firewall { $global:SimulatedWindows.services.mpssvc.state -eq 'started' }

function Write-NoFirewall { Write-Refusal -Text 'There are no more endpoints available from the endpoint mapper.' -Id 'Windows System Error 1753' }

# What is in force: what nobody set has the value of a new Windows.
function Get-NetFirewallProfile {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string[]] $Name, [Parameter(Mandatory)][ValidateSet('ActiveStore')][string] $PolicyStore)
    if (-not (Test-Firewall)) { Write-NoFirewall; return }
    foreach ($key in 'Domain', 'Private', 'Public') {
        if ($Name -and $key -notin $Name) { continue }
        $set = $global:SimulatedWindows.firewall.profiles[$key]
        [PSCustomObject]@{
            Name = $key
            Enabled = if ($set.Enabled) { 'True' } else { 'False' }
            DefaultInboundAction = if ($set.DefaultInboundAction -eq 'NotConfigured') { 'Block' } else { $set.DefaultInboundAction }
            AllowInboundRules = if ($set.AllowInboundRules -eq 'False') { 'False' } else { 'True' }
            AllowLocalFirewallRules = if ($set.AllowLocalFirewallRules -eq 'False') { 'False' } else { 'True' }
        }
    }
}

# By its name a rule is asked for among this computer's own; all others are those in force.
function Get-NetFirewallRule {
    [CmdletBinding(DefaultParameterSetName = 'Active')]
    param(
        [Parameter(Mandatory, ParameterSetName = 'Name')][string] $Name,
        [Parameter(ParameterSetName = 'Active')][string] $DisplayName,
        [Parameter(ParameterSetName = 'Active')][string] $Direction,
        [Parameter(ParameterSetName = 'Active')][string] $Action,
        [Parameter(ParameterSetName = 'Active')][string] $Enabled,
        # What is in force, or what this computer keeps of its own.
        [Parameter(Mandatory, ParameterSetName = 'Active')][ValidateSet('ActiveStore', 'PersistentStore')][string] $PolicyStore
    )
    if (-not (Test-Firewall)) { Write-NoFirewall; return }
    $number = 0
    $count = 0
    foreach ($rule in $global:SimulatedWindows.firewall.rules) {
        $shown = [PSCustomObject]@{
            InstanceID = if ($rule.InstanceID) { $rule.InstanceID } else { "rule $($number)" }
            Name = if ($rule.InstanceID) { $rule.InstanceID } else { "rule $($number)" }
            DisplayName = $rule.Name
            Direction = if ($rule.Direction -eq 1) { 'Inbound' } else { 'Outbound' }
            Action = if ($rule.Action -eq 0) { 'Block' } else { 'Allow' }
            Enabled = if ($rule.Enabled) { 'True' } else { 'False' }
            Profile = if ($rule.Profiles -eq 2147483647) { 'Any' } else { @('Domain', 'Private', 'Public' | Where-Object -FilterScript { $rule.Profiles -band @{ Domain = 1; Private = 2; Public = 4 }[$_] }) -join ', ' }
            # Of a policy, or of this computer's own.
            PolicyStoreSourceType = if ($rule.Source) { $rule.Source } else { 'Local' }
            Owner = $rule.Owner
            Simulated = $rule
        }
        $number++
        if ($Name -and $shown.Name -notlike $Name) { continue }
        if ($PolicyStore -eq 'PersistentStore' -and $shown.PolicyStoreSourceType -ne 'Local') { continue }
        if ($DisplayName -and $shown.DisplayName -ne $DisplayName) { continue }
        if ($Direction -and $shown.Direction -ne $Direction) { continue }
        if ($Action -and $shown.Action -ne $Action) { continue }
        if ($Enabled -and $shown.Enabled -ne $Enabled) { continue }
        $count++
        $shown
    }
    if ($Name -and -not $count) { Write-Refusal -Text "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$Name'." -Id 'CmdletizationQuery_NotFound_InstanceID,Get-NetFirewallRule' }
}

function ConvertTo-Any($Text) { if ($Text -in @('', '*', $null)) { 'Any' } else { $Text } }

function Get-NetFirewallApplicationFilter {
    [CmdletBinding()]
    param([Parameter(Mandatory, ValueFromPipeline)] $AssociatedNetFirewallRule)
    process {
        $rule = $AssociatedNetFirewallRule.Simulated
        [PSCustomObject]@{ Program = ConvertTo-Any $rule.ApplicationName; Package = $rule.Package }
    }
}

function Get-NetFirewallPortFilter {
    [CmdletBinding()]
    param([Parameter(Mandatory, ValueFromPipeline)] $AssociatedNetFirewallRule)
    process {
        $rule = $AssociatedNetFirewallRule.Simulated
        $protocol = @{ 6 = 'TCP'; 17 = 'UDP'; 1 = 'ICMPv4'; 58 = 'ICMPv6'; 256 = 'Any' }[[int] $rule.Protocol]
        [PSCustomObject]@{ Protocol = if ($protocol) { $protocol } else { [string] $rule.Protocol }; LocalPort = @((ConvertTo-Any $rule.LocalPorts) -split ','); RemotePort = @((ConvertTo-Any $rule.RemotePorts) -split ',') }
    }
}

function Get-NetFirewallAddressFilter {
    [CmdletBinding()]
    param([Parameter(Mandatory, ValueFromPipeline)] $AssociatedNetFirewallRule)
    process {
        $rule = $AssociatedNetFirewallRule.Simulated
        [PSCustomObject]@{ RemoteAddress = @((ConvertTo-Any $rule.RemoteAddresses) -split ','); LocalAddress = @((ConvertTo-Any $rule.LocalAddresses) -split ',') }
    }
}

function Get-NetFirewallServiceFilter {
    [CmdletBinding()]
    param([Parameter(Mandatory, ValueFromPipeline)] $AssociatedNetFirewallRule)
    process { [PSCustomObject]@{ Service = ConvertTo-Any $AssociatedNetFirewallRule.Simulated.ServiceName } }
}

function Get-NetFirewallInterfaceFilter {
    [CmdletBinding()]
    param([Parameter(Mandatory, ValueFromPipeline)] $AssociatedNetFirewallRule)
    process { [PSCustomObject]@{ InterfaceAlias = @((ConvertTo-Any $AssociatedNetFirewallRule.Simulated.Interfaces) -split ',') } }
}

function Get-NetFirewallInterfaceTypeFilter {
    [CmdletBinding()]
    param([Parameter(Mandatory, ValueFromPipeline)] $AssociatedNetFirewallRule)
    process {
        $type = @{ Lan = 'Wired'; Wireless = 'Wireless'; RemoteAccess = 'RemoteAccess' }[[string] $AssociatedNetFirewallRule.Simulated.InterfaceTypes]
        [PSCustomObject]@{ InterfaceType = if ($type) { $type } else { 'Any' } }
    }
}

function Get-NetFirewallSecurityFilter {
    [CmdletBinding()]
    param([Parameter(Mandatory, ValueFromPipeline)] $AssociatedNetFirewallRule)
    process {
        $rule = $AssociatedNetFirewallRule.Simulated
        [PSCustomObject]@{
            Authentication = if ($rule.Authentication) { $rule.Authentication } else { 'NotRequired' }
            LocalUser = ConvertTo-Any $rule.LocalUser
            RemoteUser = ConvertTo-Any $rule.RemoteUser
            RemoteMachine = 'Any'
        }
    }
}

function Select-Task {
    param([string] $TaskName, [string] $TaskPath)
    $key = @($global:SimulatedWindows.tasks.Keys | Where-Object -FilterScript { $_ -eq "$TaskPath$TaskName" })
    if ($key) { return $global:SimulatedWindows.tasks[$key[0]] }
}

# A task that was started is queued for a while, in which it still shows how it ended before, and runs for a while. What it
# does is done here at the end of that. Nothing starts a task here but Start-ScheduledTask.
$script:started = @{}

function Get-Phase($Task, [string] $Key) {
    $since = $script:started[$Key]
    if ($null -eq $since) { return 'Ready' }
    $passed = $since.Elapsed.TotalMilliseconds
    if ($passed -lt 700) { return 'Ready' }
    if ($passed -lt 1300) { return 'Queued' }
    $Task.last_run = $since.moment
    if ($passed -lt 1900) { return 'Running' }
    $script:started.Remove($Key)
    $Task.last_result = Invoke-Action -Task $Task
    return 'Ready'
}

function Get-ScheduledTask {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string] $TaskName, [string] $TaskPath = '\')
    $task = Select-Task -TaskName $TaskName -TaskPath $TaskPath
    if (-not $task) { Write-Refusal -Text "No MSFT_ScheduledTask objects found with property 'TaskName' equal to '$TaskName'." -Id 'CmdletizationQuery_NotFound_TaskName,Get-ScheduledTask'; return }
    $phase = Get-Phase $task "$TaskPath$TaskName"
    [PSCustomObject]@{ TaskName = $TaskName; TaskPath = $TaskPath; State = if ($task.enabled -eq $false) { 'Disabled' } else { $phase } }
}

# 0x41301: it runs. 0x41303: it has not run yet; then the time of the last run is the beginning of all time.
function Get-ScheduledTaskInfo {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string] $TaskName, [string] $TaskPath = '\')
    $task = Select-Task -TaskName $TaskName -TaskPath $TaskPath
    if (-not $task) { Write-Refusal -Text 'The system cannot find the file specified.' -Id 'HRESULT 0x80070002,Get-ScheduledTaskInfo'; return }
    $running = (Get-Phase $task "$TaskPath$TaskName") -eq 'Running'
    $code = if ($running) { 0x41301 } elseif ($null -eq $task.last_result) { 0x41303 } else { $task.last_result }
    $last = if ($null -eq $task.last_run) { [DateTime] '1999-11-30' } else { New-Object -TypeName DateTime -ArgumentList ([long] $task.last_run) }
    [PSCustomObject]@{ TaskName = $TaskName; TaskPath = $TaskPath; LastRunTime = $last; LastTaskResult = [uint32] $code }
}

function Start-ScheduledTask {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string] $TaskName, [string] $TaskPath = '\')
    $task = Select-Task -TaskName $TaskName -TaskPath $TaskPath
    if (-not $task) { Write-Refusal -Text 'The system cannot find the file specified.' -Id 'HRESULT 0x80070002,Start-ScheduledTask'; return }
    # Such as one that waits for an idle computer, or for somebody to log on.
    if ($task.never_starts) { return }
    # Windows keeps whole seconds.
    $now = [DateTime]::Now
    $since = [System.Diagnostics.Stopwatch]::StartNew()
    $since | Add-Member -NotePropertyName moment -NotePropertyValue ($now.Ticks - $now.Ticks % [TimeSpan]::TicksPerSecond)
    $script:started["$TaskPath$TaskName"] = $since
}

# Runs the action of PowerShell to its end and says how it ended. A policy of the machine is above the command line's own
# -ExecutionPolicy and knows files only. An error that nothing turns into an end leaves the exit code at 0, as Windows does.
function Invoke-Action {
    param($Task)
    $line = [string] $Task.actions[0].arguments
    if ($Task.actions[0].path -notlike '*\powershell.exe') { throw "The simulated Windows has no model for the program $($Task.actions[0].path)." }
    if ($line -match '-File ' -and $global:SimulatedWindows.machine_policy -in @('AllSigned', 'Restricted')) { return 1 }
    if ($line -notmatch '-Command "(?<text>[^"]+)"$') { throw "The simulated Windows has no model for these arguments: $line" }
    $text = $Matches.text
    $ErrorActionPreference = 'Continue'
    try {
        $null = & ([scriptblock]::Create($text)) 2> $null
        return 0
    }
    catch { return 1 }
}

Export-ModuleMember -Function Get-NetFirewall*, Get-ScheduledTask, Get-ScheduledTaskInfo, Start-ScheduledTask
