# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Asks Orthanc something: the forwarder, which may have lost its heartbeat to a clock that was set back, wakes by any request.
# A scheduled task runs it every minute. Ends with an error when Orthanc does not answer, so that the task's last result says so.
#
# Beside that it keeps a link of a fixed name to Orthanc's newest log, where the forwarder reads what was refused, and removes logs that
# are older than the days given: Orthanc begins a new one at each start and never removes any.

[CmdletBinding()]
param(
    # Any address of Orthanc's REST API that is cheap to answer.
    [Parameter(Mandatory = $true)][uri]$Url,
    # Orthanc's configuration file with the section RegisteredUsers. The password stays off the command line.
    [Parameter(Mandatory = $true)][string]$Credentials,
    # Folder of Orthanc's logs.
    [Parameter(Mandatory = $true)][string]$Logs,
    # Days for which a log is kept after its last line.
    [int]$KeepDays = 90
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$link = Join-Path $Logs 'Orthanc.log'
# A filter of Windows would take the link itself as well.
$all = @(Get-ChildItem -LiteralPath $Logs -File -ErrorAction SilentlyContinue | Where-Object Name -Match '^Orthanc\.log\.\d' | Sort-Object -Property Name)
if ($all.Count -gt 0) {
    $newest = $all[-1].Name
    $now = Get-Item -LiteralPath $link -Force -ErrorAction SilentlyContinue
    if ($null -eq $now -or @($now.Target | ForEach-Object { [IO.Path]::GetFileName($_) }) -notcontains $newest) {
        if ($null -ne $now) { Remove-Item -LiteralPath $link -Force }
        $null = New-Item -ItemType SymbolicLink -Path $link -Value (Join-Path $Logs $newest)
    }
    $oldest = (Get-Date).AddDays(-$KeepDays)
    $all | Where-Object { $_.Name -ne $newest -and $_.LastWriteTime -lt $oldest } | Remove-Item -Force -ErrorAction SilentlyContinue
}

$users = (Get-Content -LiteralPath $Credentials -Raw -Encoding UTF8 | ConvertFrom-Json).RegisteredUsers
$user = @($users.PSObject.Properties)[0]
$login = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("$($user.Name):$($user.Value)"))
$null = Invoke-WebRequest -Uri $Url -Headers @{ Authorization = "Basic $login" } -UseBasicParsing -MaximumRedirection 0 -TimeoutSec 30
