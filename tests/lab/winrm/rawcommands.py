# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that arrive as text: ``raw`` tasks and the clean-up that Ansible itself sends."""

from __future__ import annotations

import re
import shutil

from .windows import Failure, Windows

# ansible-core 2.19 writes Remove-Item 'path' -Force -Recurse;, 2.21 quotes only where it must.
_REMOVE = re.compile(
    r"""Remove-Item\s+(?:'((?:[^']|'')+)'|"([^"]+)"|([^\s'"]+))(?:\s+-(?:Force|Recurse))*\s*;?\s*$""", re.S
)


def run(windows: Windows, script: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error); raises Failure for a script that nobody modelled."""
    body = re.sub(r"(?s)\bIf \(-not \$\?\).*$", "", script).replace("Set-StrictMode -Version Latest", "").strip()
    match = _REMOVE.match(body)
    if match:
        quoted, double, bare = match.groups()
        target = windows.path(quoted.replace("''", "'") if quoted else double or bare)
        if target.is_dir():
            shutil.rmtree(target)
        elif target.exists():
            target.unlink()
        return 0, "", ""
    if re.fullmatch(r"(?i)whoami(\.exe)?", body):
        return 0, f"{windows.computer.lower()}\\{windows.user.lower()}\r\n", ""
    if body == "$ExecutionContext.SessionState.LanguageMode":
        return 0, f"{windows.state['language_mode']}\r\n", ""
    raise Failure(f"The simulated Windows has no model for this command: {body[:200]!r}")
