# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs the self-test with stand-ins for the cmdlets that exist on Windows only, over a small state in JSON. Ends as it ends.

[CmdletBinding()]
param([string]$StateFile)

$global:State = Get-Content -Raw -LiteralPath $StateFile | ConvertFrom-Json
# Only read here, for which it need not be a table.
$global:SimulatedWindows = $global:State
$lab = Join-Path $PSScriptRoot '../../lab/winrm/ps/Windows.psm1'
Import-Module -Name $lab -DisableNameChecking -Function Get-NetAdapter, Get-NetIPAddress, Get-ItemProperty

function Get-Service([string]$Name, [string]$ErrorAction) {
    if (-not $global:State.services.$Name) { return }
    [PSCustomObject]@{ Name = $Name; Status = $global:State.services.$Name }
}

# Files that only administrators may read.
function Get-Content([string]$LiteralPath, [switch]$Raw, [string]$Encoding, [string]$ErrorAction) {
    if ($LiteralPath -in @($global:State.closed)) { throw (New-Object -TypeName UnauthorizedAccessException) }
    return [IO.File]::ReadAllText($LiteralPath)
}

# Windows PowerShell 5.1 reads no longer texts.
function ConvertFrom-Json {
    param([Parameter(Mandatory, ValueFromPipeline)][string]$InputObject)
    process {
        if ($InputObject.Length -gt 2097152) { throw (New-Object -TypeName InvalidOperationException -ArgumentList 'maxJsonLength') }
        Microsoft.PowerShell.Utility\ConvertFrom-Json -InputObject $InputObject
    }
}

# There, each line that a program writes to its standard error is an error, which ends a script that stops at errors.
function Invoke-Native {
    $file = Join-Path ([IO.Path]::GetDirectoryName($StateFile)) 'stderr.txt'
    & /bin/sh $global:State.parameters.WireGuard @args 2> $file
    if ([IO.File]::ReadAllText($file) -and $ErrorActionPreference -eq 'Stop') {
        throw (New-Object -TypeName Management.Automation.RemoteException -ArgumentList 'NativeCommandError')
    }
}
if ($global:State.parameters.WireGuard) { Set-Alias -Name $global:State.parameters.WireGuard -Value Invoke-Native -Scope Global }

$parameters = @{}
foreach ($entry in $global:State.parameters.PSObject.Properties) { $parameters[$entry.Name] = $entry.Value }
& ([scriptblock]::Create((Get-Content -Raw -LiteralPath $global:State.script))) @parameters
