# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files of a folder come to lie on a Windows computer, and their sums."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
name: placed_files
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
short_description: Files of a folder as they lie on a Windows computer
description:
  - Gives the paths that the files of a folder of the controller have on a Windows computer once the folder is copied
    there, and their SHA-1, as M(ansible.windows.win_copy) compares them.
positional: _input
options:
  _input:
    description: The folder on the controller.
    type: path
    required: true
  destination:
    description: The folder on the computer, without a backslash at its end.
    type: str
    required: true
"""

EXAMPLES = r"""
sums: "{{ (role_path ~ '/files/forwarder') | mediverse.pacs.placed_files('C:\\Mediverse') }}"
"""

RETURN = r"""
_value:
  description: SHA-1 by path on the computer.
  type: dict
"""


def placed_files(folder: str, destination: str) -> dict[str, str]:
    """Path on the computer to SHA-1 in lower-case hex digits."""
    top = Path(folder)
    files = sorted(path for path in top.rglob("*") if path.is_file())
    return {
        "\\".join([destination, *path.relative_to(top).parts]): hashlib.sha1(path.read_bytes()).hexdigest()
        for path in files
    }


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"placed_files": placed_files}
