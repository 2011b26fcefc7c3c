# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lint.check_ps1``: PowerShell files parse, and those for gateways fit Windows PowerShell 5.1.

The checker is ``pscheck``; without it the parser of an installed ``pwsh`` finds at least syntax errors. Without
either there is nothing to check with, and the check says so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = "tests/lab/winrm/ps/"
"""Scripts of the lab run on PowerShell 7 only; the rules about 5.1 do not hold for them."""

_PARSE = """
$failed = 0
foreach ($file in $args) {
    $problems = $null
    $null = [System.Management.Automation.Language.Parser]::ParseFile($file, [ref] $null, [ref] $problems)
    foreach ($problem in $problems) {
        '{0}:{1}: error ParseError {2}' -f $file, $problem.Extent.StartLineNumber, $problem.Message
        $failed = 1
    }
}
exit $failed
"""


def tracked() -> list[str]:
    """PowerShell files of the repository, those not yet committed included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.ps1", "*.psm1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in set(done.stdout.splitlines()) if (ROOT / name).is_file())


def _parse(pwsh: str, names: list[str]) -> int:
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    script = f"& {{ {_PARSE} }} {quoted.replace(', ', ' ')}"
    return subprocess.run([pwsh, "-NoProfile", "-NonInteractive", "-Command", script], cwd=ROOT, check=False).returncode


def main() -> int:
    names = tracked()
    checker, pwsh = shutil.which("pscheck"), shutil.which("pwsh")
    if not names:
        print("no PowerShell files")
        return 0
    if checker is None and pwsh is None:
        print(f"SKIPPED: {len(names)} PowerShell files were not checked because neither pscheck nor pwsh is on PATH.")
        return 0
    code = 0
    if checker:
        code = subprocess.run(
            [checker, *(name for name in names if not name.startswith(LAB))], cwd=ROOT, check=False
        ).returncode
    rest = [name for name in names if name.startswith(LAB)] if checker else names
    if pwsh and rest:
        code = _parse(pwsh, rest) or code
    print(f"{len(names)} PowerShell files checked with {'pscheck' if checker else 'the parser of pwsh only'}")
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())
