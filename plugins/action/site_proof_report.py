# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the reports of a proof on the controller; see the module of the same name for its options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail

from ..module_utils._engine.secrets import masked
from ..module_utils._site.report import as_data, as_junit, table
from ..plugin_utils._proof import ProofAction
from ..plugin_utils._report_file import write_report

_LEFT_OUT = "it writes, and this is check mode"
# A play that ends in the middle of a check is not a check that passed.
_LOST = "it ended without a result; look at what the run said about it"


class ActionModule(ProofAction):
    """Reports are written in check mode, too: they are about the site, and no part of it."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "site": {"type": "str", "required": True},
        "label": {"type": "str"},
        "directory": {"type": "path", "required": True},
        "checks": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {"check": {"type": "str"}, "title": {"type": "str"}, "writes": {"type": "bool"}},
        },
        "so_far": {"type": "dict", "required": True},
    }

    def decide(self, options: dict[str, Any]) -> dict[str, Any]:
        """The table, and one sentence when something is wrong."""
        # Once more where files are made of it: a row may have come from anywhere.
        so_far = masked(options["so_far"], self._hide, keys=True)
        site, started, directory = options["site"], so_far["started"], Path(options["directory"])
        kept = {row["check"]: row for row in so_far["rows"]}
        rows = [kept.get(one["check"]) or self._without(one) for one in options["checks"]]
        try:
            data = json.dumps(as_data(rows, site, started), indent=4, ensure_ascii=False)
            write_report(directory / "proof.json", f"{data}\n")
            write_report(directory / "proof.xml", as_junit(rows, site, started))
        except OSError as error:
            raise AnsibleActionFail(
                f"The reports cannot be written to {directory} ({error.strerror}). Check site_proof_directory."
            ) from None
        bad = "; ".join(row["title"] for row in rows if row["result"] == "failed")
        verdict = f"{bad}: see the table above and {directory}/proof.json." if bad else ""
        return {"table": table(rows, options["label"] or site), "verdict": verdict}

    def _without(self, check: dict[str, Any]) -> dict[str, Any]:
        left_out = self._task.check_mode and check["writes"]
        row = {"check": check["check"], "title": check["title"], "seconds": 0.0}
        return {**row, "result": "skipped" if left_out else "failed", "detail": _LEFT_OUT if left_out else _LOST}
