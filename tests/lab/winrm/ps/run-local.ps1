# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs a script as Windows runs it on the PC itself, from its text, beside the stand-ins of Local.psm1. With -Command it is such a text. With -Expression only its functions are
# there, and what the expression gives is printed as JSON. With -Album it is run once for each picture of the machine in that
# folder, and what it said and the machine afterwards are put beside the picture: one process for all, as its start takes longest.

[CmdletBinding()]
param([string]$Script = '', [string]$Stick = '', [string]$Remove = '', [string]$Expression = '', [string]$Album = '', [string]$Command = '')

Import-Module -Name (Join-Path $PSScriptRoot 'Local.psm1') -DisableNameChecking
# A text that nothing turns into an end leaves the exit code at 0.
if ($Command) {
    & ([scriptblock]::Create($Command))
    exit 0
}
$text = [IO.File]::ReadAllText($Script)
if ($Album) {
    $folder = Split-Path -Path $env:SIMULATED_MACHINE -Parent
    foreach ($picture in @([IO.Directory]::GetDirectories($Album) | Sort-Object)) {
        /usr/bin/env rm -rf $folder
        /usr/bin/env cp -a $picture $folder
        $shell = [PowerShell]::Create()
        $null = $shell.AddScript('param($Module, $Text, $Stick, [bool]$Remove)
            Import-Module -Name $Module -DisableNameChecking
            & ([scriptblock]::Create($Text)) -Stick $Stick -Remove:$Remove').AddParameters(@((Join-Path $PSScriptRoot 'Local.psm1'), $text, $Stick, [bool]$Remove))
        try { $null = $shell.Invoke() } catch { Write-Verbose 'It exits.' }
        [IO.File]::WriteAllText("$picture.said", (@($shell.Streams.Information | ForEach-Object { [string]$_ }) + @($shell.Streams.Error | ForEach-Object { [string]$_ })) -join "`n")
        $shell.Dispose()
        /usr/bin/env cp -a $folder "$picture.after"
    }
    exit 0
}
if (-not $Expression) {
    $given = if ($Stick) { @{ Stick = $Stick; Remove = [bool]$Remove } } else { @{} }
    & ([scriptblock]::Create($text)) @given
    exit 0
}
. ([scriptblock]::Create([IO.File]::ReadAllText((Join-Path (Split-Path -Path $Script -Parent) 'watch.ps1')))) -Library
$ErrorActionPreference = 'Stop'
# Everything of the script but its last part, which begins to work.
$tree = [System.Management.Automation.Language.Parser]::ParseInput($text, [ref]$null, [ref]$null)
foreach ($statement in $tree.EndBlock.Statements) {
    if ($statement -is [System.Management.Automation.Language.TryStatementAst]) { break }
    . ([scriptblock]::Create($statement.Extent.Text))
}
ConvertTo-Json -InputObject @(& ([scriptblock]::Create($Expression))) -Depth 6
