# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lets several scripts of the role look at this computer in one command: each as win_powershell would run it by itself in check mode, so
# that none changes anything. Each has its own names, and one that fails keeps no other from looking.
# Result: {parts: {name: {result, changed, problem}}}: what the script told, whether it would change something, and why it failed, one
# sentence or an empty text. Of one that failed the result is empty.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # Each a table: name, script and parameters. The script is gzip in base64: what a module is given goes to the event log of Windows, in
    # one event of at most 31,839 characters.
    [Parameter(Mandatory = $true)][object[]]$Parts
)

$ErrorActionPreference = 'Stop'

function Expand-Script([string]$Packed) {
    $memory = New-Object -TypeName System.IO.MemoryStream -ArgumentList @(, [Convert]::FromBase64String($Packed))
    $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $memory, ([System.IO.Compression.CompressionMode]::Decompress)
    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $gzip, ([System.Text.Encoding]::UTF8)
    try { return $reader.ReadToEnd() } finally { $reader.Dispose() }
}

$told = @{}
foreach ($part in $Parts) {
    $Ansible.Result = @{}
    $Ansible.Changed = $false
    $seen = @{ result = @{}; changed = $false; problem = '' }
    try {
        $given = @{}
        # Not by its keys: a parameter may have that very name.
        foreach ($entry in $part['parameters'].GetEnumerator()) { $given[$entry.Key] = $entry.Value }
        $null = & ([scriptblock]::Create((Expand-Script $part['script']))) @given -WhatIf
        $seen.result = $Ansible.Result
        $seen.changed = [bool]$Ansible.Changed
    }
    catch { $seen.problem = $_.Exception.GetBaseException().Message }
    $told[$part['name']] = $seen
}

$Ansible.Changed = $false
$Ansible.Diff = @{}
$Ansible.Result = @{ parts = $told }
