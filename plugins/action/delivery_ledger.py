# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the gateway's side of a delivery ledger, and writes its report on the controller."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display

from ..module_utils._engine.secrets import masked, masker
from ..module_utils._ledger.words import row_of_forwarder, rows_of_days, rows_of_pairs, verdict
from ..module_utils._site.report import as_data, table
from ..module_utils.orthanc._service import ORTHANC
from ..plugin_utils._ledger import AskError, Ledger, Rules
from ..plugin_utils._progress import Progress
from ..plugin_utils._rest_action import RestAction

_LIST: dict[str, Any] = {"type": "list", "elements": "str"}
_CONNECTION = ORTHANC.argument_spec()

ARGUMENTS: dict[str, Any] = {
    **_CONNECTION,
    "step": {"type": "str", "required": True, "choices": ["open", "sum", "compare", "report"]},
    "first": {"type": "str", "default": "yesterday"},
    "last": {"type": "str", "default": "today"},
    "so_far": {"type": "dict"},
    "answers": {"type": "list", "elements": "dict", "default": []},
    "md5": {"type": "bool", "default": True},
    "peer": {"type": "str"},
    "skip_http_users": _LIST,
    "skip_remote_aets": _LIST,
    "skip_origins": {**_LIST, "choices": ["DicomProtocol", "RestApi", "Plugins", "Lua"]},
    "resend": {"type": "bool", "default": False},
    "replace": {"type": "bool", "default": False},
    "named": {"type": "int", "default": 1000},
    "patience": {"type": "int", "default": 3600},
    "site": {"type": "str"},
    "directory": {"type": "path"},
    "logins": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
        },
    },
}
_REQUIRED_IF = [
    ("step", "sum", ["so_far"]),
    ("step", "compare", ["so_far", "peer"]),
    ("step", "report", ["so_far", "peer", "site", "directory"]),
]


class ActionModule(RestAction):
    """See the documentation of the module."""

    _supports_async = False
    _progress: Progress

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """One step."""
        result: dict[str, Any] = super(RestAction, self).run(tmp, task_vars)
        variables = task_vars or {}
        __, params = self.validate_argument_spec(ARGUMENTS, required_if=_REQUIRED_IF)
        display = Display()
        self._progress = Progress(
            str(variables.get("inventory_hostname", "gateway")), display.display, bool(display.verbosity)
        )
        connection = {name: params[name] for name in _CONNECTION if params[name] is not None}

        def ask(module: str, **options: Any) -> dict[str, Any]:
            return self.ask(module, {**connection, **options}, variables)

        rules = Rules(
            md5=params["md5"],
            leave_out={
                "http_user": params["skip_http_users"] or (),
                "remote_aet": params["skip_remote_aets"] or (),
                "origin": params["skip_origins"] or (),
            },
            peer=params["peer"] or "",
            resend=params["resend"],
            replace=params["replace"],
            named=params["named"],
            patience=params["patience"],
        )
        try:
            found = _step(Ledger(ask, rules, self._progress.stage), params, bool(self._task.check_mode))
        except ValueError as error:
            raise AnsibleActionFail(f"The range of days cannot be: {error}.") from None
        except AskError as error:
            kept = {key: error.answer[key] for key in ("failure",) if key in error.answer}
            return {**result, "failed": True, "changed": False, "msg": str(error), **kept}
        # What a server says may hold a login; no result does, and so no report.
        logins = [(params["api_username"] or "", params["api_password"] or "")]
        logins += [(one["username"], one["password"]) for one in params["logins"]]
        hide = masker(logins)
        found = masked(found, hide, keys=True)
        if params["step"] == "report":
            began = time.time()
            forwarder = ask("orthanc_delivery_info", destinations=[params["peer"]])
            row = masked(row_of_forwarder(forwarder, time.time() - began), hide)
            found = _report(found, params, row)
        return {"changed": False, **result, **found}

    def _win_uri(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._progress.beat()
        return super()._win_uri(arguments, task_vars)


def _step(ledger: Ledger, params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    if params["step"] == "open":
        began = datetime.now(UTC).isoformat(timespec="seconds")
        return {"began": began, **ledger.open(params["first"], params["last"])}
    so_far = params["so_far"]
    kept = {"began": so_far["began"]}
    if params["step"] == "sum":
        return {**kept, **ledger.sum_up(so_far)}
    if params["step"] == "compare":
        return {**kept, **ledger.compare(so_far, params["answers"], send=not check_mode)}
    return {**kept, "now": so_far["now"], "days": ledger.settle(so_far, params["answers"])}


def _report(found: Mapping[str, Any], params: Mapping[str, Any], forwarder: dict[str, Any]) -> dict[str, Any]:
    """Writes the report; the lines of the table, and what is wrong."""
    days = found["days"]
    rows: list[Mapping[str, Any]] = [*rows_of_days(days, found["now"], params["md5"]), *rows_of_pairs(days)]
    rows.append(forwarder)
    path = Path(params["directory"]) / "ledger.json"
    _write(path, json.dumps(as_data(rows, params["site"], found["began"]), indent=4) + "\n")
    return {"lines": table(rows, params["site"]), "verdict": verdict(rows, days), "path": str(path)}


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner alone: it tells who was examined when."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.stat().st_mode & 0o777 != 0o755:
            path.parent.chmod(0o755)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise AnsibleActionFail(
            f"The report cannot be written to {path} ({error.strerror}). Set delivery_ledger_directory to a directory "
            "of the controller that you may write to."
        ) from None
