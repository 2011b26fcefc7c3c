# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A script as a short text."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: packed_script
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
short_description: A script as a short text
description:
  - Packs a script that is a parameter of another one. Modules for Windows write their arguments to the event log, in
    one event of at most 31,839 characters, and warn when it does not fit.
positional: _input
options:
  _input:
    description: The text of the script.
    type: str
    required: true
"""

EXAMPLES = r"""
packed: "{{ lookup('ansible.builtin.file', 'look.ps1') | mediverse.pacs.packed_script }}"
"""

RETURN = r"""
_value:
  description: The text in UTF-8, as gzip, in base64. The same for the same text.
  type: str
"""


def packed_script(text: str) -> str:
    """Gzip in base64."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"packed_script": packed_script}
