# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folder paths of Linux and of Windows, judged on whichever machine the code runs."""

from __future__ import annotations

import ntpath
import posixpath
import re

_WINDOWS = re.compile(r"^(?:[A-Za-z]:[\\/]|\\\\[^\\]+\\[^\\]+)")


def looks_windows(path: str) -> bool:
    """Whether the path is an absolute one of Windows (a drive or a share)."""
    return bool(_WINDOWS.match(path))


def is_absolute(path: str, windows: bool) -> bool:
    """Whether the path is absolute for the operating system on which Syncthing runs."""
    return looks_windows(path) if windows else path.startswith("/")


def tidy(path: str) -> str:
    """The path without doubled, trailing or dotted parts; Syncthing stores whatever spelling it is given."""
    if looks_windows(path):
        return ntpath.normpath(path)
    return posixpath.normpath(path) if path.startswith("/") else path


def same_path(one: str, other: str) -> bool:
    """Whether both name the same directory. Case does not count on Windows."""
    return _parts(one) == _parts(other)


def overlap(one: str, other: str) -> bool:
    """Whether one directory is the other or lies inside it."""
    first, second = _parts(one), _parts(other)
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def _parts(path: str) -> list[str]:
    """The components of a path; a path that is not absolute is one component of its own and overlaps nothing."""
    path = tidy(path)
    if looks_windows(path):
        return ["windows", *(part for part in path.casefold().split("\\") if part)]
    if path.startswith("/"):
        return ["posix", *(part for part in path.split("/") if part)]
    return ["relative " + path]
