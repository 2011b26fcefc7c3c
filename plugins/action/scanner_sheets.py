# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a page for each scanner of a deployed gateway on the controller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils._engine.secrets import masked, masker
from ..module_utils.orthanc._service import ORTHANC
from ..plugin_utils import _sheet as sheet
from ..plugin_utils._report_file import write_report
from ..plugin_utils._rest_action import RestAction

try:
    import segno
except ImportError:
    segno = None  # type: ignore[assignment]  # asked below, before anything is made

_CONNECTION = ORTHANC.argument_spec()
_ADAPTER: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "mac": {"type": "str"},
    "link": {"type": "bool", "required": True},
    "hardware": {"type": "bool", "default": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "default_route": {"type": "bool", "default": False},
}
ARGUMENTS: dict[str, Any] = {
    **_CONNECTION,
    "site": {"type": "str", "required": True},
    "label": {"type": "str"},
    "viewer": {"type": "str", "required": True},
    "aet": {"type": "str", "required": True},
    "port": {"type": "int", "default": 4242},
    "address": {"type": "str", "default": ""},
    "encoding": {"type": "str", "default": "Utf8"},
    "scanners": {"type": "dict", "required": True},
    "adapters": {"type": "list", "elements": "dict", "required": True, "options": _ADAPTER},
    "directory": {"type": "path", "required": True},
}
_GATHER = ["system", "modalities", "plugins", "transfer_syntaxes", "default_encoding"]
_DATE = re.compile(r'<meta name="date" content="(\d{4}-\d\d-\d\d)">')


class ActionModule(RestAction):
    """See the documentation of the module."""

    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Asks the gateway, compares, writes."""
        result: dict[str, Any] = super(RestAction, self).run(tmp, task_vars)
        variables = task_vars or {}
        __, params = self.validate_argument_spec(ARGUMENTS)
        site = _site(params)
        if segno is None:
            raise AnsibleActionFail(
                "The sheets have a code that a camera reads, and the Python library segno, which draws it, is missing "
                "where ansible-playbook runs. Install it there: pip install segno."
            )
        connection = {name: params[name] for name in _CONNECTION if params[name] is not None}
        deployed = self.ask("orthanc_info", {**connection, "gather": _GATHER}, variables)
        if deployed.get("failed") or deployed.get("unreachable"):
            return {**result, **deployed}
        # What a server says may hold a login; no page and no result does.
        hide = masker([(params["api_username"] or "", params["api_password"] or "")])
        deployed = masked(deployed, hide, keys=True)
        pages = sheet.sheets(site, deployed, params["adapters"])
        folder = Path(params["directory"])
        try:
            written = [self._write(folder / f"{site.name}-{one['scanner']}.html", one) for one in pages]
            removed = self._forget(folder, site.name, {one["path"] for one in written})
        except OSError as error:
            raise AnsibleActionFail(
                f"The sheets cannot be written to {folder} ({error.strerror}). Set mediverse_sheets to a folder of the "
                "controller that you may write to."
            ) from None
        differs = list(dict.fromkeys([said for one in pages for said in one["differs"]]))
        differs += [*sheet.missing(site, deployed), *sheet.strangers(deployed)]
        diff = [one.pop("diff") for one in written]
        return {
            **result,
            "changed": bool(removed) or any(one["changed"] for one in written),
            "sheets": written,
            "removed": removed,
            "differs": differs,
            "warnings": differs,
            **({"diff": [one for one in diff if one]} if self._task.diff else {}),
        }

    def _write(self, path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
        """A page in which nothing but its date would be new stays as it is, and so does the paper at the scanner."""
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        text = sheet.qr_text(data)
        # At 40 mm the squares are large enough for a camera, and every seventh may be soiled.
        code = segno.make(text, micro=False, error="m").svg_inline(omitsize=True, border=2)
        kept = _DATE.search(before)
        after = sheet.render(data, code, kept[1]) if kept else ""
        changed = after != before or not before
        if changed:
            after = sheet.render(data, code, datetime.now(UTC).date().isoformat())
            if not self._task.check_mode:
                write_report(path, after)
        diff = {"before": before, "after": after, "before_header": str(path), "after_header": str(path)}
        return {
            "scanner": data["scanner"],
            "path": str(path),
            "changed": changed,
            "differs": data["differs"],
            "notes": data["notes"],
            "diff": diff if changed else {},
        }

    def _forget(self, folder: Path, site: str, kept: set[str]) -> list[str]:
        """Sheets of this site's scanners that are gone: somebody would type in what no longer holds."""
        gone = []
        for path in sorted(folder.glob(f"{site}-*.html")) if folder.is_dir() else ():
            if str(path) not in kept and sheet.mark(site) in path.read_text(encoding="utf-8", errors="replace"):
                gone.append(str(path))
                if not self._task.check_mode:
                    path.unlink()
        return gone


def _site(params: Mapping[str, Any]) -> sheet.Site:
    scanners = params["scanners"]
    for name, scanner in scanners.items():
        wrong = [key for key in ("aet", "host", "port") if not isinstance(scanner, Mapping) or not scanner.get(key)]
        if wrong:
            raise AnsibleActionFail(
                f"The scanner {name} has no {' and no '.join(wrong)}; give each of its three values."
            )
    return sheet.Site(
        name=params["site"],
        label=params["label"] or params["site"],
        viewer=params["viewer"],
        aet=params["aet"],
        port=params["port"],
        address=params["address"] or "",
        encoding=params["encoding"],
        scanners=scanners,
    )
