# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small operations on the files of drive C:."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from . import security
from .windows import Failure, Windows


def digest(path: Path, algorithm: str = "sha1") -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def make_folder(windows: Windows, path: Path) -> None:
    """A folder with those above it, which gets the rights of its parent as on NTFS."""
    for parent in reversed([path, *path.parents]):
        if not parent.exists():
            parent.mkdir()
            security.inherit(windows, parent)
        elif not parent.is_dir():
            raise Failure(f"An item with the specified name {parent.name} already exists and is not a folder.")
