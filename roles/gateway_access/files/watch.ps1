# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Keeps one way from this PC to the hub, and sends the report until the hub has it. A scheduled task runs it every minute as SYSTEM.
# While WireGuard's last handshake is young there is nothing else; without one, one SSH client holds a reverse tunnel. With -Library it
# only defines its functions: enrol.ps1 needs them too, and they stand here once.
# Ends with 1 when something went wrong, which the log tells, so that the task's last result says so.

[CmdletBinding()]
param([switch]$Library)

$ErrorActionPreference = 'Stop'

$accessFolder = Join-Path $env:ProgramData 'Mediverse\Access'
$tunnelName = 'mediverse'
$tunnelService = 'WireGuardTunnel$' + $tunnelName
$wireguardFolder = Join-Path $env:ProgramFiles 'WireGuard'
$sshFolder = Join-Path $env:SystemRoot 'System32\OpenSSH'
# The name under which the hub's host key is kept: the hub is reached by two addresses and has one key.
$hubAlias = 'mediverse-hub'
# Seconds. WireGuard makes a new handshake every two minutes, and has no line when three have gone by.
$youngHandshake = 180
$oldHandshake = 300
$restartPause = 600
$largestLog = 1MB

function Get-AccessFile([string]$Name) { return Join-Path $accessFolder $Name }

function Write-Log([string]$Text) {
    if (-not (Test-Path -LiteralPath $accessFolder)) { return }
    $log = Get-AccessFile 'enrol.log'
    if ((Test-Path -LiteralPath $log) -and (Get-Item -LiteralPath $log).Length -gt $largestLog) {
        Remove-Item -LiteralPath "$log.1" -Force -ErrorAction SilentlyContinue
        Rename-Item -LiteralPath $log -NewName 'enrol.log.1'
    }
    $line = '{0:yyyy-MM-ddTHH:mm:ssZ} {1}{2}' -f [DateTime]::UtcNow, $Text, "`r`n"
    # The task and enrol.ps1 may write at the same moment, and a line that is lost stops nobody.
    foreach ($attempt in 1..5) {
        try { [IO.File]::AppendAllText($log, $line); return } catch [IO.IOException] { Start-Sleep -Milliseconds (20 * $attempt) }
    }
}

# A power cut leaves the old file or the new one, never half of one.
function Write-Whole([string]$Path, [byte[]]$Bytes) {
    $new = "$Path.new"
    $stream = [IO.File]::Create($new)
    try {
        $stream.Write($Bytes, 0, $Bytes.Length)
        $stream.Flush($true)
    }
    finally { $stream.Dispose() }
    # PowerShell makes an empty text of $null, which is no name of a backup.
    if (Test-Path -LiteralPath $Path) { [IO.File]::Replace($new, $Path, [NullString]::Value) } else { [IO.File]::Move($new, $Path) }
}

function Write-Json([string]$Path, $Value) {
    Write-Whole $Path ([Text.Encoding]::UTF8.GetBytes((ConvertTo-Json -InputObject $Value -Depth 6)))
}

function Read-Json([string]$Path) {
    if (-not (Test-Path -LiteralPath $Path)) { return $null }
    return [IO.File]::ReadAllText($Path) | ConvertFrom-Json
}

# Some versions of PowerShell read a time as such, Windows PowerShell as text.
function ConvertTo-Utc($Value) {
    if ($Value -is [DateTime]) { return $Value.ToUniversalTime() }
    $style = [Globalization.DateTimeStyles]'AssumeUniversal, AdjustToUniversal'
    return [DateTime]::Parse([string]$Value, [Globalization.CultureInfo]::InvariantCulture, $style)
}

# The rules by which programs of Windows take a command line apart: backslashes count only before a quotation mark.
function ConvertTo-CommandLine([string[]]$Arguments) {
    $quoted = foreach ($argument in $Arguments) {
        if ($argument -match '^[^\s"]+$') { $argument }
        else { '"' + ($argument -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1') + '"' }
    }
    return @($quoted) -join ' '
}

# Runs a program without a window and without a shell. Result: {Code, Output, Problem}; Code is -1 when it took too long.
# PowerShell's own pipe would recode what a program reads, and drop empty arguments.
function Invoke-Program([string]$Path, [string[]]$Arguments, [byte[]]$Standard = @(), [int]$Seconds = 60) {
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
    $start.FileName = $Path
    $start.Arguments = ConvertTo-CommandLine $Arguments
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    # .NET writes the byte order mark of a UTF-8 console into the pipe, before anything else.
    if ([Console]::InputEncoding.GetPreamble().Length -gt 0) { [Console]::InputEncoding = [Text.Encoding]::ASCII }
    $process = [Diagnostics.Process]::Start($start)
    try {
        $output = $process.StandardOutput.ReadToEndAsync()
        $problem = $process.StandardError.ReadToEndAsync()
        try {
            $pipe = $process.StandardInput.BaseStream
            $pipe.Write($Standard, 0, $Standard.Length)
            $pipe.Close()
        }
        catch [IO.IOException] { Write-Verbose 'The program ended before it had read everything.' }
        $ended = $process.WaitForExit($Seconds * 1000)
        if (-not $ended) { try { $process.Kill() } catch { Write-Verbose 'It has just ended.' } }
        # A grandchild may hold the pipes for longer than the program lives.
        $null = [Threading.Tasks.Task]::WaitAll([Threading.Tasks.Task[]]@($output, $problem), 5000)
        return [PSCustomObject]@{
            Code    = if ($ended) { $process.ExitCode } else { -1 }
            Output  = if ($output.IsCompleted) { $output.Result } else { '' }
            Problem = if ($problem.IsCompleted) { $problem.Result } else { '' }
        }
    }
    finally { $process.Dispose() }
}

# Seconds since WireGuard's last handshake with the hub; -1 without one, and when the clock was set back since.
function Get-HandshakeAge {
    $wg = Join-Path $wireguardFolder 'wg.exe'
    if (-not (Test-Path -LiteralPath $wg)) { return -1 }
    $shown = Invoke-Program $wg @('show', $tunnelName, 'latest-handshakes') -Seconds 10
    if ($shown.Code -ne 0 -or $shown.Output -notmatch '\t(\d+)\s*$' -or $Matches[1] -eq '0') { return -1 }
    return [Math]::Max(-1, [DateTimeOffset]::UtcNow.ToUnixTimeSeconds() - [int64]$Matches[1])
}

function Test-TunnelUp {
    $age = Get-HandshakeAge
    return $age -ge 0 -and $age -lt $youngHandshake
}

# OpenSSH reads backslashes in its options as it likes, and slashes always.
function Get-SshOption([string]$Key, [int]$Port) {
    $known = (Get-AccessFile 'known_hosts').Replace('\', '/')
    $options = @(
        'BatchMode=yes', 'IdentitiesOnly=yes', 'PreferredAuthentications=publickey', 'StrictHostKeyChecking=yes', "HostKeyAlias=$hubAlias"
        "UserKnownHostsFile=$known", 'GlobalKnownHostsFile=none', 'UpdateHostKeys=no', 'ConnectTimeout=20', 'ServerAliveInterval=30', 'ServerAliveCountMax=3'
    )
    $arguments = @('-F', 'none', '-T', '-i', (Get-AccessFile $Key).Replace('\', '/'), '-p', [string]$Port)
    foreach ($option in $options) { $arguments += @('-o', $option) }
    return $arguments
}

# What people compare: see decision 0047, the same text is summed up on the hub.
function Get-Fingerprint($Report) {
    $text = (@('site', 'machine', 'wireguard', 'ssh', 'certificate', 'password') | ForEach-Object { $Report.$_ + "`n" }) -join ''
    $sum = [Security.Cryptography.SHA256]::Create().ComputeHash([Text.Encoding]::UTF8.GetBytes($text))
    return ([BitConverter]::ToString($sum) -replace '-', '').ToLowerInvariant()
}

# Whether the hub has this very report, by the token with which it was sent.
function Test-Taken($Report) {
    $taken = Read-Json (Get-AccessFile 'taken.json')
    return [bool]($taken -and $Report -and $taken.token -ceq $Report.token -and $taken.fingerprint -ceq (Get-Fingerprint $Report))
}

# Sends the report to one address of the hub. Result: one sentence, empty when the hub has it.
function Send-ReportTo([string]$Address, $Stick) {
    $ssh = Join-Path $sshFolder 'ssh.exe'
    $file = Get-AccessFile 'report.json'
    $arguments = @(Get-SshOption 'report-key' $Stick.hub.ssh_port) + @("mediverse-enrol@$Address")
    $said = Invoke-Program $ssh $arguments -Standard ([IO.File]::ReadAllBytes($file)) -Seconds 90
    $lines = @($said.Output -split '\r?\n' | Where-Object { $_ })
    $answer = $null
    if ($lines) { try { $answer = $lines[-1] | ConvertFrom-Json } catch { Write-Verbose 'That is no answer.' } }
    $report = Read-Json $file
    if ($answer -and $answer.taken -eq $true -and $answer.fingerprint -ceq (Get-Fingerprint $report)) {
        Write-Json (Get-AccessFile 'taken.json') @{ token = $report.token; fingerprint = $answer.fingerprint }
        return ''
    }
    if ($answer -and $answer.taken -eq $true) { return 'The hub answers with another fingerprint; do not go on, and tell the operator.' }
    if ($answer -and $answer.taken -eq $false) {
        $problem = ([string]$answer.problem -replace '[^ -~]', '?')
        return 'The hub does not take the report: ' + $problem.Substring(0, [Math]::Min(300, $problem.Length))
    }
    # OpenSSH speaks English in every Windows.
    if ($said.Problem -match 'Host key verification failed|REMOTE HOST IDENTIFICATION') {
        return "Who answers at $Address, port $($Stick.hub.ssh_port), is not the hub; another program of the network may stand between, ask its IT."
    }
    if ($said.Problem -match 'Permission denied') { return 'The hub no longer takes the key of this stick; ask the operator for a new stick.' }
    if ($said.Problem -match 'UNPROTECTED|bad permissions') { return "OpenSSH finds that others may read the keys in $accessFolder; run enrol.cmd again." }
    return "The hub does not answer at $Address, TCP port $($Stick.hub.ssh_port); let the network's IT open this port outwards."
}

# Through the tunnel first where there is one: an operator who typed the short text has opened it.
function Send-Report($Stick) {
    if (-not (Test-Path -LiteralPath (Join-Path $sshFolder 'ssh.exe'))) {
        return 'This Windows has no SSH client any more, by which the PC reports to the hub; add the optional feature OpenSSH Client.'
    }
    $addresses = @($Stick.hub.host)
    if ($Stick.way -eq 'tunnel' -and (Test-TunnelUp)) { $addresses = @($Stick.hub.address) + $addresses }
    $problem = ''
    foreach ($address in $addresses) {
        $problem = Send-ReportTo $address $Stick
        if (-not $problem) { return '' }
    }
    return $problem
}

# Our SSH clients, the oldest first: those that were started with our key.
function Get-Carrier {
    $key = (Get-AccessFile 'ssh-key').Replace('\', '/')
    return @(Get-CimInstance -ClassName Win32_Process -Filter "Name = 'ssh.exe'" |
            Where-Object { ([string]$_.CommandLine).Contains($key + ' ') } | Sort-Object -Property CreationDate)
}

function Stop-Carrier($Processes) {
    foreach ($process in @($Processes | Where-Object { $_ })) {
        # One that has just ended by itself is no error.
        Stop-Process -Id $process.ProcessId -Force -ErrorAction SilentlyContinue
    }
}

# Windows itself starts it, so that it does not end with the task.
function Start-Carrier($Stick) {
    $log = Get-AccessFile 'ssh.log'
    if ((Test-Path -LiteralPath $log) -and (Get-Item -LiteralPath $log).Length -gt $largestLog) { Remove-Item -LiteralPath $log -Force }
    $arguments = @(Get-SshOption 'ssh-key' $Stick.hub.ssh_port) + @(
        '-N', '-E', $log.Replace('\', '/'), '-o', 'ExitOnForwardFailure=yes', '-R', "$($Stick.address):5986:127.0.0.1:5986", "mediverse-tunnel@$($Stick.hub.host)"
    )
    $line = ConvertTo-CommandLine (@(Join-Path $sshFolder 'ssh.exe') + $arguments)
    $made = Invoke-CimMethod -ClassName Win32_Process -MethodName Create -Arguments @{ CommandLine = $line }
    if ($made.ReturnValue -ne 0) { throw "Windows does not start the SSH client: Win32_Process.Create returned $($made.ReturnValue)." }
}

# Exactly one while WireGuard is silent, none while it speaks.
function Update-Carrier($Stick, [bool]$Up) {
    $running = @(Get-Carrier)
    if ($Up) {
        if ($running) { Write-Log 'WireGuard has a handshake; the reverse tunnel is ended.' }
        Stop-Carrier $running
        return
    }
    if ($running.Count -gt 1) { Stop-Carrier $running[1..($running.Count - 1)] }
    if ($running.Count -gt 0) { return }
    if (-not (Test-Path -LiteralPath (Get-AccessFile 'ssh-key')) -or -not (Test-Path -LiteralPath (Join-Path $sshFolder 'ssh.exe'))) { return }
    Write-Log 'WireGuard has no handshake; a reverse tunnel is started.'
    Start-Carrier $Stick
}

# WireGuard resolves the hub's name only when its service starts, and stays with an address that is no longer the hub's.
function Update-Tunnel($Stick, [double]$Age) {
    $service = Get-Service -Name $tunnelService -ErrorAction SilentlyContinue
    if (-not $service) { return }
    if ($service.Status -eq 'Stopped') {
        Write-Log 'The service of the tunnel had stopped; it is started.'
        Start-Service -Name $tunnelService
        return
    }
    $number = $null
    if ([Net.IPAddress]::TryParse($Stick.hub.host, [ref]$number) -or ($Age -ge 0 -and $Age -lt $oldHandshake)) { return }
    $stamp = Get-AccessFile 'restarted.json'
    $last = Read-Json $stamp
    $ago = if ($last) { ([DateTime]::UtcNow - (ConvertTo-Utc $last.at)).TotalSeconds } else { $restartPause }
    # Less than nothing: the clock was set back since.
    if ($ago -ge 0 -and $ago -lt $restartPause) { return }
    Write-Json $stamp @{ at = [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ') }
    Write-Log 'WireGuard has had no handshake for minutes; its service is restarted, to ask for the hub''s address again.'
    Restart-Service -Name $tunnelService -Force
}

# Each part is tried, whatever became of the others. Result: the sentences about what went wrong.
function Invoke-Watch {
    $stick = Read-Json (Get-AccessFile 'stick.json')
    if (-not $stick) { return "There is no stick.json in $accessFolder; run enrol.cmd of the site's stick." }
    $parts = @()
    if ($stick.way -eq 'tunnel') {
        $age = Get-HandshakeAge
        $parts += @{ What = 'The reverse tunnel'; Do = { Update-Carrier $stick ($age -ge 0 -and $age -lt $youngHandshake) } }
        $parts += @{ What = 'WireGuard'; Do = { Update-Tunnel $stick $age } }
    }
    $report = Read-Json (Get-AccessFile 'report.json')
    if ($report -and -not (Test-Taken $report) -and [DateTime]::UtcNow -lt (ConvertTo-Utc $stick.ends)) {
        $parts += @{ What = 'The report'; Do = {
                $problem = Send-Report $stick
                if ($problem) { throw $problem }
                Write-Log 'The hub has the report.'
            }
        }
    }
    foreach ($part in $parts) {
        try { & $part.Do } catch { '{0}: {1}' -f $part.What, $_.Exception.GetBaseException().Message }
    }
}

if ($Library) { return }
try { $problems = @(Invoke-Watch) } catch { $problems = @($_.Exception.GetBaseException().Message) }
foreach ($problem in $problems) { Write-Log $problem }
if ($problems.Count -gt 0) { exit 1 }
