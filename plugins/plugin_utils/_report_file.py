# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes reports on the controller: whole or not at all, for their owner alone: they tell who was examined when."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

# Whatever a folder of reports holds. One that holds anything else is somebody's own, and its rights are not ours.
_REPORTS = {"proof.json", "proof.xml", "ledger.json"}


def write_report(path: Path, text: str) -> None:
    """Whoever waits for a report never reads half of one, also when two are written at once. Raises OSError."""
    _make(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _make(folder: Path) -> None:
    """Each folder that is made is closed, and so is one that an earlier version left open."""
    if not folder.is_dir():
        if folder.parent != folder:
            _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    elif folder.stat().st_mode & 0o077:
        # With what was left of writing one.
        names = [path.name.lstrip(".").partition("-")[0] for path in folder.iterdir()]
        if names and set(names) <= _REPORTS:
            # Where it is a colleague's it stays as it is; the files are closed anyway.
            with contextlib.suppress(PermissionError):
                folder.chmod(0o700)
