# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Looks at Orthanc's service, stops it, starts it, or does both, and waits no longer than it was told. All that stops
# Orthanc goes through here: Windows' own commands wait for a service for as long as it says that it stops.
# Result: {problem, exists, state, owed}: state is how the service was found, as Windows calls it, and empty without one.
# Owed: a restart is due, because Orthanc was last started here with other settings than those in place, or neither runs nor stands.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # The service of Orthanc.
    [Parameter(Mandatory = $true)][string]$Service,
    # A service that is not there cannot be restarted; stopping and starting leave it alone.
    [Parameter(Mandatory = $true)][ValidateSet('look', 'stop', 'start', 'restart')][string]$Action,
    # Folders whose files Orthanc reads when it starts.
    [string[]]$Settings = @(),
    # File outside of them that keeps a sum over these files from one start to the next look. Times would not do: a clock is set, and a
    # folder that is copied as a whole brings the times of the controller along.
    [string]$Stamp = '',
    # Seconds that the service may take to stop by itself, and again to start.
    [int]$Patience = 120,
    # Seconds that it may take to notice that its Orthanc was ended; it looks every second.
    [int]$Grace = 30
)

$ErrorActionPreference = 'Stop'

$steady = @('Running', 'StartPending', 'Stopped')

function Get-State { return [string](Get-Service -Name $Service -ErrorAction SilentlyContinue).Status }

function Wait-State([string[]]$Wanted, [int]$Seconds) {
    $waited = [System.Diagnostics.Stopwatch]::StartNew()
    while ((Get-State) -notin $Wanted) {
        if ($waited.Elapsed.TotalSeconds -gt $Seconds) { return $false }
        Start-Sleep -Milliseconds 200
    }
    return $true
}

# The service's own process: it only watches Orthanc, its child.
function Get-Watcher { return [int](Get-CimInstance -ClassName Win32_Service -Filter "Name = '$Service'").ProcessId }

# Orthanc ends its jobs first, and one on a silent line lasts until the timeout of its peer, an hour perhaps. For so
# long the scanner is refused and the service cannot be started. So Orthanc is ended then; its index and files outlive
# that as they outlive a power cut.
function Stop-Orthanc {
    # A service refuses to be stopped while it starts, and to be asked again while it stops.
    if ((Get-State) -eq 'StartPending') { $null = Wait-State @('Running', 'Stopped') $Patience }
    if ((Get-State) -notin @('Stopped', 'StopPending')) { Stop-Service -Name $Service -NoWait }
    if (Wait-State @('Stopped') $Patience) { return }
    # Ended itself, the watcher would leave Orthanc behind with the index, and Windows would take it for a crash; without
    # its child it stops as it was asked to.
    $children = "ParentProcessId = $(Get-Watcher) AND Name = 'Orthanc.exe'"
    foreach ($orthanc in @(Get-CimInstance -ClassName Win32_Process -Filter $children)) {
        # One that has just ended by itself is no error, and one that stays is noticed below.
        Stop-Process -Id $orthanc.ProcessId -Force -ErrorAction SilentlyContinue
        # Its files are closed only when it is gone, which may be after the service has noticed.
        Wait-Process -Id $orthanc.ProcessId -Timeout $Grace -ErrorAction SilentlyContinue
    }
    if (-not (Wait-State @('Stopped') $Grace)) {
        throw "The service $Service does not stop, not even without Orthanc; restart the PC when the scanner is idle."
    }
}

function Start-Orthanc {
    $waited = [System.Diagnostics.Stopwatch]::StartNew()
    do {
        Start-Service -Name $Service -ErrorAction SilentlyContinue
        if ((Get-State) -eq 'Running') { return }
        Start-Sleep -Milliseconds 500
    } until ($waited.Elapsed.TotalSeconds -gt $Patience)
    throw "The service $Service does not start again, so the scanner is refused; its newest log names the reason."
}

# One sum over names and contents. Names are compared as Windows does.
function Get-Sum {
    $lines = foreach ($folder in $Settings) {
        if (-not (Test-Path -LiteralPath $folder)) { continue }
        foreach ($file in @(Get-ChildItem -LiteralPath $folder -Recurse -File -Force | Sort-Object -Property FullName)) {
            '{0} {1}' -f (Get-FileHash -LiteralPath $file.FullName -Algorithm SHA256).Hash, $file.FullName.ToLowerInvariant()
        }
    }
    $bytes = [System.Text.Encoding]::UTF8.GetBytes(@($lines) -join "`n")
    return [BitConverter]::ToString([System.Security.Cryptography.SHA256]::Create().ComputeHash($bytes)) -replace '-', ''
}

# A run that fails after it wrote settings restarts nothing, and the next one finds them as they should be. Without a
# stamp nobody knows what Orthanc was started with.
function Test-Owed([string]$State) {
    if ($State -notin $steady) { return $true }
    if ($State -ne 'Running' -or -not $Stamp -or -not (Test-Path -LiteralPath $Stamp)) { return $false }
    return (Get-Content -LiteralPath $Stamp -Raw).Trim() -ne (Get-Sum)
}

$problem = ''
$owed = $false
$Ansible.Changed = $false

try {
    $found = Get-State
    $stops = $found -and $found -ne 'Stopped' -and $Action -in @('stop', 'restart')
    $starts = $found -and ($Action -eq 'restart' -or ($Action -eq 'start' -and $found -ne 'Running'))
    if ($Action -eq 'restart' -and -not $found) {
        throw "There is no service $Service to restart; run the role again, it installs what is missing."
    }
    if ($Action -eq 'look' -and $found) { $owed = Test-Owed $found }
    if ($stops -or $starts) {
        $Ansible.Changed = $true
        if ($PSCmdlet.ShouldProcess($Service, $Action)) {
            if ($stops) { Stop-Orthanc }
            if ($starts) {
                # Before the start: what is written meanwhile may come too late for it.
                $sum = Get-Sum
                Start-Orthanc
                if ($Stamp) { Set-Content -LiteralPath $Stamp -Value $sum -Encoding Ascii }
            }
        }
    }
}
catch { $problem = $_.Exception.GetBaseException().Message }

$Ansible.Result = @{ problem = $problem; exists = [bool]$found; state = [string]$found; owed = $owed }
