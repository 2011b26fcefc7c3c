# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of judges have in common: a verdict as a sentence, and answers to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mediverse.pacs.plugins.module_utils._site.judges import JUDGES
from ansible_collections.mediverse.pacs.plugins.module_utils._site.verdict import CheckFailed

UNREACHABLE = {"unreachable": True, "changed": False, "msg": "Connection refused"}


def good(check: str, **given: Any) -> str:
    said: str = JUDGES[check](**given)
    return said


def bad(check: str, **given: Any) -> str:
    """The sentence of a check that does not pass; empty when it does."""
    try:
        JUDGES[check](**given)
    except CheckFailed as error:
        return str(error)
    return ""


def probed(**answers: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of ``http_probe``, with what its answers have in common."""
    common = {"method": "GET", "status": 0, "error": "", "headers": {}, "body": "", "open": False, "skipped": False}
    return {"answers": {name: {**common, "url": f"https://v/{name}", **one} for name, one in answers.items()}}
