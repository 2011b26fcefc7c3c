# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the gateway's side of a delivery ledger, and writes its report on the controller."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.utils.display import Display

from ..module_utils._engine.secrets import masked, masker
from ..module_utils._ledger.days import require_order
from ..module_utils._ledger.words import row_of_forwarder, rows_of_days, rows_of_pairs, stopped, verdict
from ..module_utils._site.report import as_data, said_by, table
from ..module_utils.orthanc._service import ORTHANC
from ..plugin_utils._ledger import AskError, Ledger, Rules
from ..plugin_utils._progress import Progress
from ..plugin_utils._report_file import write_report
from ..plugin_utils._rest_action import RestAction

_LIST: dict[str, Any] = {"type": "list", "elements": "str"}
_CONNECTION = ORTHANC.argument_spec()

ARGUMENTS: dict[str, Any] = {
    **_CONNECTION,
    "step": {"type": "str", "required": True, "choices": ["range", "open", "sum", "compare", "report", "stop"]},
    "first": {"type": "str", "default": "yesterday"},
    "last": {"type": "str", "default": "today"},
    "so_far": {"type": "dict"},
    "answers": {"type": "list", "elements": "dict", "default": []},
    "md5": {"type": "bool", "default": True},
    "peer": {"type": "str"},
    "cloud": {"type": "str"},
    "failure": {"type": "raw"},
    "failed_on": {"type": "str"},
    "skip_patients": _LIST,
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
    ("step", "stop", ["failure", "site", "directory"]),
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
        # What a server says may hold a login; no result does, and so no report.
        logins = [(params["api_username"] or "", params["api_password"] or "")]
        logins += [(one["username"], one["password"]) for one in params["logins"]]
        hide = masker(logins)
        host = str(variables.get("inventory_hostname", "gateway"))
        if params["step"] == "range":
            return {"changed": False, **result, **_range(params)}
        if params["step"] == "stop":
            return {"changed": False, **result, **_stop(params, host, hide)}
        display = Display()
        self._progress = Progress(host, display.display, bool(display.verbosity))
        connection = {name: params[name] for name in _CONNECTION if params[name] is not None}

        def ask(module: str, **options: Any) -> dict[str, Any]:
            try:
                return self.ask(module, {**connection, **options}, variables)
            except AnsibleConnectionFailure as error:
                # For Ansible that is no failure, which the role could report, and ledger.json would stay an older one.
                return {"failed": True, "changed": False, "msg": f"cannot be reached: {error.message}"}

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
            skip_patients=params["skip_patients"] or (),
        )
        check_mode = bool(self._task.check_mode)
        try:
            _require_answers(params["answers"])
            found = _step(Ledger(ask, rules, self._progress.stage), params, check_mode)
        except ValueError as error:
            raise AnsibleActionFail(f"The range of days cannot be: {error}.") from None
        except AskError as error:
            kept = {key: error.answer[key] for key in ("failure",) if key in error.answer}
            where = (params["cloud"] or "the cloud") if error.answer in params["answers"] else host
            return {**result, "failed": True, "changed": False, "msg": hide(f"{where}: {error}"), **kept}
        found = masked(found, hide, keys=True)
        if params["step"] == "report":
            began = time.time()
            forwarder = ask("orthanc_delivery_info", destinations=[params["peer"]])
            row = masked(row_of_forwarder(forwarder, time.time() - began), hide, keys=True)
            found = _report(found, params, row, check_mode)
        return {"changed": False, **result, **found}

    def _hidden(self, module: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._progress.beat()
        return super()._hidden(module, arguments, task_vars)


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


def _range(params: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing, when the range can be, as far as that is known without the gateway's clock."""
    try:
        require_order(params["first"], params["last"], datetime.now(UTC).date())
    except ValueError as error:
        raise AnsibleActionFail(f"The range of days cannot be: {error}.") from None
    return {}


def _require_answers(answers: Sequence[Mapping[str, Any]]) -> None:
    """The cloud was reached each time; a host that was not has answered nothing of what it was asked."""
    for answer in answers:
        if "differing" not in answer:
            raise AskError(answer)


def _report(
    found: Mapping[str, Any], params: Mapping[str, Any], forwarder: dict[str, Any], check_mode: bool
) -> dict[str, Any]:
    """Writes the report; the lines of the table, and what is wrong."""
    days = found["days"]
    rows: list[Mapping[str, Any]] = [*rows_of_days(days, found["now"], params["md5"]), *rows_of_pairs(days)]
    rows.append(forwarder)
    path = _write(params, rows, found["began"])
    return {"lines": table(rows, params["site"]), "verdict": verdict(rows, days, check_mode), "path": path}


def _stop(params: Mapping[str, Any], host: str, hide: Callable[[str], str]) -> dict[str, Any]:
    """Writes a report of what stopped the ledger: the one of an earlier day must not be taken for it."""
    said = " ".join(hide(said_by(params["failure"])).split())
    row = stopped(params["site"], params["failed_on"] or host, said)
    path = _write(params, [row], datetime.now(UTC).isoformat(timespec="seconds"))
    return {"lines": table([row], params["site"]), "verdict": row["detail"], "path": path}


def _write(params: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], began: str) -> str:
    """The file of the report."""
    path = Path(params["directory"]) / "ledger.json"
    try:
        write_report(path, json.dumps(as_data(rows, params["site"], began), indent=4) + "\n")
    except OSError as error:
        raise AnsibleActionFail(
            f"The report cannot be written to {path} ({error.strerror}). Set delivery_ledger_directory to a directory "
            "of the controller that you may write to."
        ) from None
    return str(path)
