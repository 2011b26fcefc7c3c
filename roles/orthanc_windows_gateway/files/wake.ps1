# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Asks Orthanc something: the forwarder, which may have lost its heartbeat to a clock that was set back, wakes by any request.
# A scheduled task runs it every minute. Ends with an error when Orthanc does not answer, so that the task's last result says so.

[CmdletBinding()]
param(
    # Any address of Orthanc's REST API that is cheap to answer.
    [Parameter(Mandatory = $true)][uri]$Url,
    # Orthanc's configuration file with the section RegisteredUsers. The password stays off the command line.
    [Parameter(Mandatory = $true)][string]$Credentials
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$users = (Get-Content -LiteralPath $Credentials -Raw -Encoding UTF8 | ConvertFrom-Json).RegisteredUsers
$user = @($users.PSObject.Properties)[0]
$login = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("$($user.Name):$($user.Value)"))
$null = Invoke-WebRequest -Uri $Url -Headers @{ Authorization = "Basic $login" } -UseBasicParsing -MaximumRedirection 0 -TimeoutSec 30
