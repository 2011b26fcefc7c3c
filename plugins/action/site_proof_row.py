# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one row of a proof; see the module of the same name for its options."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail

from ..module_utils._site.report import said_by, said_on
from ..module_utils._site.runs import RANDOM_BYTES, new_run
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
        "failed_on": {"type": "str"},
    }

    def decide(self, options: dict[str, Any]) -> dict[str, Any]:
        """The rows of before and this one. A check takes the time since the row before it."""
        now = time.time()
        if not options["check"]:
            run = new_run(datetime.fromtimestamp(now, UTC), os.urandom(RANDOM_BYTES))
            return {"rows": [], "run": run, "started": _shown(now), "clock": now}
        so_far = options["so_far"]
        row = {
            **{"check": options["check"]["check"], "title": options["check"]["title"]},
            **self._outcome(options),
            "seconds": round(now - float(so_far["clock"]), 2),
        }
        return {"rows": [*so_far["rows"], row], "run": so_far["run"], "started": so_far["started"], "clock": now}

    def _outcome(self, options: dict[str, Any]) -> dict[str, str]:
        failure = options["failure"]
        if failure is not None:
            judged_so = isinstance(failure, Mapping) and failure.get("check") == options["check"]["check"]
            # A judge names hosts where they matter; a module that fails names an address that several hosts have.
            said = said_by(failure) if judged_so else said_on(options["failed_on"] or "", failure)
            return {"result": "failed", "detail": self.shown(said, _LONGEST)}
        judged = options["judged"] or {}
        # Of another check, when this one ended without its judge.
        if judged.get("check") != options["check"]["check"] or judged.get("failed"):
            raise AnsibleActionFail(f"The check {options['check']['check']} ended without being judged.")
        return {"result": "passed", "detail": self.shown(str(judged["msg"]), _LONGEST)}


def _shown(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
