# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a stick, makes what is new for it, and writes it. Runs on the controller."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._rules import addresses
from ..plugin_utils import _stick as stick
from ..plugin_utils._specifications import COLLECTION

_SELF_TEST = "roles/orthanc_windows_gateway/files/pc/Program Files/Mediverse"
# Names on the stick, and where the collection has these files.
_OWN = {
    "enrol.cmd": "roles/gateway_access/files/enrol.cmd",
    "enrol.ps1": "roles/gateway_access/files/enrol.ps1",
    "watch.ps1": "roles/gateway_access/files/watch.ps1",
    "selftest.cmd": f"{_SELF_TEST}/selftest.cmd",
    "selftest.ps1": f"{_SELF_TEST}/selftest.ps1",
}
ARGUMENTS: dict[str, Any] = {
    "drive": {"type": "path", "required": True},
    "site": {"type": "str", "required": True},
    "label": {"type": "str", "required": True},
    "operator": {"type": "str", "default": ""},
    "hub_host": {"type": "str", "required": True},
    "ports": {"type": "list", "elements": "int", "required": True},
    "installers": {"type": "dict", "required": True},
    "way": {"type": "str", "choices": ["tunnel", "own"], "default": "tunnel"},
    "address": {"type": "str", "default": ""},
    "winrm_from": {"type": "list", "elements": "str", "default": []},
    "sheets": {"type": "path"},
    "hours": {"type": "int", "default": 48},
    "fresh": {"type": "dict", "no_log": True},
    "hub": {"type": "dict"},
    "enrolment_key": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """See the documentation of the module."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Without ``hub`` it looks and makes what is new, with it it writes."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, given = self.validate_argument_spec(ARGUMENTS)
        drive = Path(given["drive"])
        try:
            _way(given)
            copies = {**_copies(given["installers"]), **_sheets(given)}
            stick.look(drive, copies)
            if given["hub"] is None:
                return {**result, "changed": False, "fresh": _fresh(given["hours"]), "_ansible_no_log": True}
            if self._task.check_mode:
                return {**result, "changed": True, "files": []}
            texts = _texts(given)
            return {
                **result,
                "changed": True,
                "files": stick.write(drive, texts, copies),
                "ends": given["fresh"]["ends"],
            }
        except stick.StickError as error:
            raise AnsibleActionFail(str(error)) from None


def _copies(installers: dict[str, Any]) -> dict[str, Path]:
    found = {name: COLLECTION / path for name, path in _OWN.items()}
    for name, installer in installers.items():
        path = Path(str(installer["src"]))
        if path.is_file() and stick.checksum(path) != str(installer["sha256"]).lower():
            raise stick.StickError(f"{path} is not the file whose SHA-256 the settings have for {name}; get it again.")
        found[f"installers/{path.name}"] = path
    return found


def _way(given: dict[str, Any]) -> None:
    """StickError where a PC in a VPN of the site's own would let in nobody, or somebody who is not meant."""
    if given["way"] == "own" and not given["winrm_from"]:
        raise stick.StickError(
            "mediverse_winrm_from is not set; give the addresses from which this machine reaches the PC in the VPN of "
            "the site, as a list."
        )
    for one in given["winrm_from"]:
        if wrong := addresses.ipv4_network(one):
            raise stick.StickError(f"mediverse_winrm_from holds {one!r}, which {wrong}.")


def _sheets(given: dict[str, Any]) -> dict[str, Path]:
    """The pages that ``scanner_sheet.yml`` has written of this site, if it has."""
    folder = Path(given["sheets"]) if given["sheets"] else None
    pages = sorted(folder.glob(f"{given['site']}-*.html")) if folder else []
    return {f"sheets/{page.name}": page for page in pages}


def _fresh(hours: int) -> dict[str, str]:
    private, public = stick.token_key()
    now = datetime.now(UTC)
    return {
        "token": secrets.token_urlsafe(18),
        "private": private,
        "public": public,
        "enrolment_key": stick.enrolment_key(),
        "made": f"{now:{stick.TIME}}",
        "ends": f"{now + timedelta(hours=hours):{stick.TIME}}",
    }


def _texts(given: dict[str, Any]) -> dict[str, str]:
    hub, fresh, host = given["hub"], given["fresh"], given["hub_host"]
    own = given["way"] == "own"
    values = {
        "format": 1,
        "site": given["site"],
        "label": given["label"],
        "token": fresh["token"],
        "made": fresh["made"],
        "ends": fresh["ends"],
        "way": given["way"],
        "address": given["address"] if own else hub["address"],
        "network": hub["network"],
        "hub": {
            "host": host,
            "ssh_port": hub["ssh_port"],
            "wireguard_port": hub["wireguard_port"],
            "wireguard_key": hub["wireguard_key"],
            "address": hub["hub_address"],
        },
        "winrm_from": given["winrm_from"] if own else [hub["hub_address"]],
        "enrolment_key": stick.public_numbers(given["enrolment_key"]),
        "ports": given["ports"],
        "installers": {name: f"installers/{Path(str(one['src'])).name}" for name, one in given["installers"].items()},
    }
    ends = datetime.strptime(fresh["ends"], stick.TIME)
    return {
        "START-HERE.html": stick.page(
            label=given["label"],
            operator=given["operator"],
            ends=f"{ends:%d %B %Y, %H:%M}",
            sheets=bool(_sheets(given)),
            tunnel=not own,
        ),
        "stick.json": stick.contents(values),
        "known_hosts": stick.known_hosts(host, hub["ssh_port"], hub["host_key"]),
        "report-key": fresh["private"],
    }
