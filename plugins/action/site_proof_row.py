# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one row of a proof; see the module of the same name for its options."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail

from ..module_utils._site.report import said_by
from ..plugin_utils._proof import ProofAction

# Nothing that a check says by itself is as long; what a program says may be.
_LONGEST = 4000


class ActionModule(ProofAction):
    """What it returns is registered under one name: the proof so far, which the next one is given."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "check": {"type": "dict", "options": {"check": {"type": "str"}, "title": {"type": "str"}}},
        "so_far": {"type": "dict"},
        "judged": {"type": "dict"},
        "failure": {"type": "raw"},
    }

    def decide(self, options: dict[str, Any]) -> dict[str, Any]:
        """The rows of before and this one. A check takes the time since the row before it."""
        now = time.time()
        if not options["check"]:
            return {"rows": [], "started": _shown(now), "clock": now}
        so_far = options["so_far"]
        row = {
            **{"check": options["check"]["check"], "title": options["check"]["title"]},
            **self._outcome(options),
            "seconds": round(now - float(so_far["clock"]), 2),
        }
        return {"rows": [*so_far["rows"], row], "started": so_far["started"], "clock": now}

    def _outcome(self, options: dict[str, Any]) -> dict[str, str]:
        if options["failure"] is not None:
            return {"result": "failed", "detail": self.shown(said_by(options["failure"]), _LONGEST)}
        judged = options["judged"] or {}
        # Of another check, when this one ended without its judge.
        if judged.get("check") != options["check"]["check"] or judged.get("failed"):
            raise AnsibleActionFail(f"The check {options['check']['check']} ended without being judged.")
        return {"result": "passed", "detail": str(judged["msg"])}


def _shown(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
