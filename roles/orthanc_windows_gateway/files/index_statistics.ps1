# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Writes one row of statistics into Orthanc's index, by the SQLite that Windows brings. Orthanc must be stopped then:
# the script stops its service, writes, and starts it again, so that no connection that breaks in between leaves the
# scanner refused. In check mode it only looks, which is possible while Orthanc runs.
# Result: {problem, present}: present is how it was found. A problem is one sentence, and a second one if Orthanc does not
# start again after the first.
# Why the row: docs/decisions/0016-statistics-for-the-index.md.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # The file of the index.
    [Parameter(Mandatory = $true)][string]$Path,
    # The service of Orthanc. One that is not there, or does not run, is left alone.
    [Parameter(Mandatory = $true)][string]$Service,
    # The text of orthanc_service.ps1, which stops and starts it.
    [Parameter(Mandatory = $true)][string]$ServiceScript,
    # Seconds that the service may take to stop by itself, and again to start.
    [int]$Patience = 120,
    # Seconds that it may take to notice that its Orthanc was ended; it looks every second.
    [int]$Grace = 30,
    # Bytes that must be free on the drive; the row itself needs a few pages.
    [long]$Room = 16MB
)

$ErrorActionPreference = 'Stop'

$functions = @'
[DllImport("winsqlite3")] public static extern int sqlite3_open_v2(byte[] name, out IntPtr index, int flags, IntPtr vfs);
[DllImport("winsqlite3")] public static extern int sqlite3_close(IntPtr index);
[DllImport("winsqlite3")] public static extern int sqlite3_busy_timeout(IntPtr index, int milliseconds);
[DllImport("winsqlite3")] public static extern int sqlite3_exec(IntPtr index, string sql, IntPtr callback, IntPtr argument, IntPtr message);
[DllImport("winsqlite3")] public static extern int sqlite3_prepare_v2(IntPtr index, string sql, int length, out IntPtr statement, IntPtr tail);
[DllImport("winsqlite3")] public static extern int sqlite3_step(IntPtr statement);
[DllImport("winsqlite3")] public static extern int sqlite3_column_int(IntPtr statement, int column);
[DllImport("winsqlite3")] public static extern int sqlite3_finalize(IntPtr statement);
[DllImport("winsqlite3")] public static extern IntPtr sqlite3_errmsg(IntPtr index);
[DllImport("winsqlite3")] public static extern int sqlite3_libversion_number();
'@

$existing_table = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"
$existing_row = @'
SELECT count(*) = 1 AND min(idx = 'ResourceTypeIndex' AND stat = '1000000 250000') FROM sqlite_stat1 WHERE tbl = 'Resources'
'@
# The table of statistics cannot be created by its name; it comes with the statistics of any table.
$new_row = @'
BEGIN IMMEDIATE;
CREATE TABLE mediverse_seed (a);
ANALYZE mediverse_seed;
DROP TABLE mediverse_seed;
DELETE FROM sqlite_stat1 WHERE tbl = 'Resources';
INSERT INTO sqlite_stat1 VALUES ('Resources', 'ResourceTypeIndex', '1000000 250000');
COMMIT;
'@

$running = @('Running', 'StartPending')
$none = [IntPtr]::Zero
$read_only, $read_write_create_uri = 0x41, 0x46
$ok, $row = 0, 100
$advice = @{
    5  = 'end the program that holds it and run the role again'
    26 = 'find out what it is, Orthanc cannot read it either'
}

function Assert-Code([IntPtr]$Index, [int]$Code, [int]$Wanted) {
    if ($Code -eq $Wanted) { return }
    $next = $advice[$Code -band 0xff]
    if (-not $next) { $next = 'mend that and run the role again' }
    $reason = [Runtime.InteropServices.Marshal]::PtrToStringAnsi($sqlite::sqlite3_errmsg($Index))
    throw "SQLite says '$reason' about Orthanc's index $Path; $next."
}

# Closing takes back a transaction that did not come to its end.
function Use-Index([string]$Uri, [int]$Flags, [scriptblock]$Work) {
    $index = $none
    try {
        $code = $sqlite::sqlite3_open_v2([Text.Encoding]::UTF8.GetBytes("$Uri`0"), [ref]$index, $Flags, $none)
        Assert-Code $index $code $ok
        Assert-Code $index ($sqlite::sqlite3_busy_timeout($index, 5000)) $ok
        & $Work
    }
    finally { $null = $sqlite::sqlite3_close($index) }
}

function Get-Number([IntPtr]$Index, [string]$Sql) {
    $statement = $none
    try {
        Assert-Code $Index ($sqlite::sqlite3_prepare_v2($Index, $Sql, -1, [ref]$statement, $none)) $ok
        Assert-Code $Index ($sqlite::sqlite3_step($statement)) $row
        return $sqlite::sqlite3_column_int($statement, 0)
    }
    finally { $null = $sqlite::sqlite3_finalize($statement) }
}

# Immutable: without a lock, because a running Orthanc holds one for as long as it runs.
function Test-Row([string]$File, [string]$Uri) {
    if (-not [IO.File]::Exists($File)) { return $false }
    return Use-Index "${Uri}?mode=ro&immutable=1" $read_only {
        (Get-Number $index $existing_table) -eq 1 -and (Get-Number $index $existing_row) -eq 1
    }
}

# What can be known while Orthanc runs: a row that cannot be written must not stop it at every run of the role.
function Assert-Writable([string]$File) {
    $shared = [IO.FileShare]'ReadWrite, Delete'
    try { [IO.File]::Open($File, [IO.FileMode]::Open, [IO.FileAccess]::ReadWrite, $shared).Close() }
    catch {
        $reason = $_.Exception.GetBaseException().Message
        throw "Orthanc's index $Path cannot be written ($reason); mend that and run the role again."
    }
    $free = (New-Object -TypeName IO.DriveInfo -ArgumentList ([IO.Path]::GetPathRoot($File))).AvailableFreeSpace
    if ($free -lt $Room) {
        $needed = $Room / 1MB
        throw "The drive of Orthanc's index $Path has less than $needed MB left; make room and run the role again."
    }
}

# What is asked for is done, whatever the mode; so it is asked for only where something shall be done.
function Invoke-Service([string]$Action) {
    & $service_script -Service $Service -Action $Action -Patience $Patience -Grace $Grace
    if ($Ansible.Result.problem) { throw $Ansible.Result.problem }
    return [string]$Ansible.Result.state
}

# Such a service can be neither stopped nor started, or somebody meant it to be so.
function Assert-Steady([string]$State) {
    if ($State -notin (@('', 'Stopped') + $running)) {
        throw "The service $Service is in the state $State; start or stop it and run the role again."
    }
}

function Write-Row([string]$File, [string]$Uri) {
    Use-Index $Uri $read_write_create_uri {
        Assert-Code $index ($sqlite::sqlite3_exec($index, $new_row, $none, $none, $none)) $ok
    }
    if (-not (Test-Row $File $Uri)) {
        throw "The row of statistics did not arrive in Orthanc's index $Path; run the role again."
    }
}

$problem = ''
$present = $false
$Ansible.Changed = $false

try {
    $file = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
    $parts = @($file.Replace('\', '/').TrimStart('/') -split '/' | ForEach-Object { [Uri]::EscapeDataString($_) })
    $uri = 'file:///' + ($parts -join '/')
    $service_script = [scriptblock]::Create($ServiceScript)
    $sqlite = Add-Type -Namespace Mediverse -Name Sqlite -MemberDefinition $functions -PassThru
    # Before anything is stopped: an old Windows does not have the library.
    $null = $sqlite::sqlite3_libversion_number()
    $present = Test-Row $file $uri
    $Ansible.Diff = @{ before = @{ present = $present }; after = @{ present = $true } }
    # A running Orthanc has its index, so one that is not there yet is nobody's.
    $exists = [IO.File]::Exists($file)
    $state = ''
    $runs = $false
    if (-not $present -and $exists) {
        Assert-Writable $file
        $state = Invoke-Service 'look'
        Assert-Steady $state
    }
    if (-not $present -and $PSCmdlet.ShouldProcess($Path, 'write the row of statistics')) {
        $runs = $state -in $running
        try {
            if ($runs) {
                $null = Invoke-Service 'stop'
            }
            Write-Row $file $uri
        }
        catch { $problem = $_.Exception.GetBaseException().Message }
        finally {
            # Both are said: why there is no row, and that the scanner is refused.
            if ($runs) { try { $null = Invoke-Service 'start' } catch { $problem = "$problem $($_.Exception.Message)".Trim() } }
        }
    }
    # With a problem, what was stopped and started is all that changed.
    $Ansible.Changed = if ($problem) { $runs } else { -not $present }
}
catch {
    $cause = $_.Exception.GetBaseException()
    $problem = $cause.Message
    if ($cause -is [DllNotFoundException]) {
        $problem = "This computer has no winsqlite3.dll to write Orthanc's index $Path with; update Windows, which brings it since Windows 10 and Server 2016."
    }
}

$Ansible.Result = @{ problem = $problem; present = $present }
