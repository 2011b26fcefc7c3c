# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Writes one row of statistics into Orthanc's index, by the SQLite that Windows brings; Orthanc must be stopped then.
# In check mode it only looks, which is possible while Orthanc runs. Result: {problem, present}: present is how it was found.
# A problem is one sentence; then nothing was changed. Why the row: docs/decisions/0016-statistics-for-the-index.md.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # The file of the index.
    [Parameter(Mandatory = $true)][string]$Path
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

$problem = ''
$present = $false
$Ansible.Changed = $false

try {
    $file = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
    $parts = @($file.Replace('\', '/').TrimStart('/') -split '/' | ForEach-Object { [Uri]::EscapeDataString($_) })
    $uri = 'file:///' + ($parts -join '/')
    $sqlite = Add-Type -Namespace Mediverse -Name Sqlite -MemberDefinition $functions -PassThru
    $present = Test-Row $file $uri
    $Ansible.Diff = @{ before = @{ present = $present }; after = @{ present = $true } }
    if (-not $present -and $PSCmdlet.ShouldProcess($Path, 'write the row of statistics')) {
        Use-Index $uri $read_write_create_uri { Assert-Code $index ($sqlite::sqlite3_exec($index, $new_row, $none, $none, $none)) $ok }
        if (-not (Test-Row $file $uri)) { throw "The row of statistics did not arrive in Orthanc's index $Path; run the role again." }
    }
    $Ansible.Changed = -not $present
}
catch {
    $cause = $_.Exception.GetBaseException()
    $problem = $cause.Message
    if ($cause -is [DllNotFoundException]) {
        $problem = "This computer has no winsqlite3.dll to write Orthanc's index $Path with; update Windows, which brings it since Windows 10 and Server 2016."
    }
}

$Ansible.Result = @{ problem = $problem; present = $present }
