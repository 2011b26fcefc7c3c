# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs the script of a win_powershell task in a runspace that has the stand-ins for Windows' own cmdlets.
# Reads request.json in the given folder and writes answer.json there.

[CmdletBinding()]
param([Parameter(Mandatory = $true)][string] $Folder)

$ErrorActionPreference = 'Stop'
$request = Get-Content -LiteralPath (Join-Path $Folder 'request.json') -Raw | ConvertFrom-Json -AsHashtable
foreach ($name in $request.environment.Keys) {
    if ($name -notin @('PATH', 'HOME')) { [Environment]::SetEnvironmentVariable($name, $request.environment[$name]) }
}

$initial = [System.Management.Automation.Runspaces.InitialSessionState]::CreateDefault2()
$runspace = [System.Management.Automation.Runspaces.RunspaceFactory]::CreateRunspace($initial)
$runspace.Open()
$setup = [PowerShell]::Create()
$setup.Runspace = $runspace
$null = $setup.AddScript('param($Module, $Request)
    $global:SimulatedWindows = $Request.state
    $global:SimulatedRequest = $Request
    $null = New-PSDrive -Name C -PSProvider FileSystem -Root $Request.drive -Scope Global
    Import-Module -Name $Module -Global -DisableNameChecking'
).AddParameter('Module', @('Windows.psm1', 'Services.psm1', 'Protection.psm1' | ForEach-Object -Process { Join-Path $PSScriptRoot $_ })).AddParameter('Request', $request).Invoke()
if ($setup.HadErrors) { throw $setup.Streams.Error[0] }

$ansible = [PSCustomObject]@{
    PSTypeName = 'Ansible.Windows.WinPowerShell.Module'
    CheckMode = [bool] $request.check
    Verbosity = [int] $request.verbosity
    Result = @{}
    Diff = @{}
    Changed = $true
    Failed = $false
    Tmpdir = $request.tmpdir
}
$runspace.SessionStateProxy.SetVariable('Ansible', $ansible)
$preference = @{ 'stop' = 'Stop'; 'continue' = 'Continue'; 'silently_continue' = 'SilentlyContinue' }[$request.error_action]
$runspace.SessionStateProxy.SetVariable('ErrorActionPreference', [System.Management.Automation.ActionPreference] $preference)

$parameters = @{}
foreach ($name in $request.parameters.Keys) { $parameters[$name] = $request.parameters[$name] }
$tokens = $problems = $null
$ast = [System.Management.Automation.Language.Parser]::ParseInput($request.script, [ref] $tokens, [ref] $problems)
$supports = $false
if ($ast.ParamBlock) {
    foreach ($attribute in $ast.ParamBlock.Attributes) {
        if ($attribute.TypeName.Name -ne 'CmdletBinding') { continue }
        foreach ($argument in $attribute.NamedArguments) {
            if ($argument.ArgumentName -eq 'SupportsShouldProcess') {
                $supports = $argument.ExpressionOmitted -or [bool] $argument.Argument.SafeGetValue()
            }
        }
    }
}
if ($supports) {
    $parameters.Confirm = $false
    $parameters.WhatIf = [bool] $request.check
}

$shell = [PowerShell]::Create()
$shell.Runspace = $runspace
$null = $shell.AddScript($request.script).AddParameters($parameters)
$output = New-Object -TypeName 'System.Collections.Generic.List[object]'
$failed = $false
$skipped = $false
if ($request.check -and -not $supports) {
    # What the module does: it cannot know what such a script would change, so it assumes that it would.
    $skipped = $true
}
else {
    try { $shell.Invoke(@(), $output) }
    catch [System.Management.Automation.RuntimeException] {
        $failed = $true
        $inner = $_.Exception
        if ($inner -is [System.Management.Automation.MethodInvocationException] -and $inner.InnerException) { $inner = $inner.InnerException }
        $record = if ($inner.ErrorRecord) { $inner.ErrorRecord } else { $_ }
        $shell.Streams.Error.Add($record)
    }
}
$final = $runspace.SessionStateProxy.GetVariable('Ansible')
$state = $runspace.SessionStateProxy.GetVariable('SimulatedWindows')
$errors = @(foreach ($record in $shell.Streams.Error) {
        @{
            output = [string] $record
            exception = @{ message = $record.Exception.Message; type = $record.Exception.GetType().FullName }
            fully_qualified_error_id = $record.FullyQualifiedErrorId
            category_info = @{ category = [string] $record.CategoryInfo.Category; target_name = [string] $record.CategoryInfo.TargetName }
            script_stack_trace = $record.ScriptStackTrace
        }
    })
$answer = @{
    changed = $skipped -or [bool] $final.Changed
    failed = $failed -or [bool] $final.Failed
    result = $final.Result
    diff = $final.Diff
    output = $output.ToArray()
    error = $errors
    warning = @($shell.Streams.Warning | ForEach-Object -Process { $_.Message })
    verbose = @($shell.Streams.Verbose | ForEach-Object -Process { $_.Message })
    state = $state
}
if ($skipped) {
    $answer.msg = 'skipped, running in check mode'
}
$depth = [Math]::Max(8, [int] $request.depth)
ConvertTo-Json -InputObject $answer -Depth $depth | Set-Content -LiteralPath (Join-Path $Folder 'answer.json') -Encoding utf8
$runspace.Dispose()
