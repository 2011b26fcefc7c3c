# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of Syncthing on a gateway is seen to, by what the look told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_tasks import Done, RoleTasks

SID = "S-1-5-21-1-2-3-1002"
DIRECTORY = r"C:\ProgramData\Mediverse\Worklists"
HOME = r"C:\ProgramData\Syncthing"
ABOVE = DIRECTORY.rpartition("\\")[0]
GOOD = "Running delayed restart:5000,restart:30000,restart:60000 86400 False"
MAKE, WRITE, FIND, KEEP, CLOSE = (
    "Install | Make the worklist directory",
    "Install | Let Syncthing write worklist entries",
    "Install | Let Syncthing find the worklist directory",
    "Install | Keep the service running",
    "Install | Close the way in that the installer opened",
)


def pair(folder: Path, **told: Any) -> Done:
    """``told``: what the look tells otherwise."""
    seen = {
        "folders": {DIRECTORY: f"O:BAD:PAI(A;OICI;0x1301bf;;;{SID})", ABOVE: f"O:BAD:PAI(A;;0x100001;;;{SID})"},
        "names": {HOME: ["config.xml"]},
        "accounts": {"SyncthingServiceAcct": SID},
        "contents": {rf"{HOME}\cert.pem": "QQ=="},
        "services": {"syncthing": GOOD},
        "rules": {"Syncthing": 0},
        **told,
    }
    known = {
        "__syncthing_pair_found": {"exists": True, "services": [{"state": "started"}]},
        "__syncthing_pair_requests": {"rc": 0},
        "syncthing_pair_gateway_home": HOME,
        "syncthing_pair_gateway_directory": DIRECTORY,
    }
    names = [f"ansible.windows.{name}" for name in ("win_powershell", "win_file", "win_acl", "win_service")]
    role = RoleTasks(folder, "syncthing_pair", [*names, "community.windows.win_firewall_rule"])
    answers = {"Install | See what the gateway has now": {"result": seen}}
    return role.run("install.yml", {}, answers=answers, known=known)


@pytest.mark.parametrize(
    ("told", "due"),
    [
        ({}, []),
        ({"services": {"syncthing": GOOD.replace("Running", "Stopped")}}, [KEEP]),
        ({"services": {"syncthing": GOOD.replace("delayed", "auto")}}, [KEEP]),
        ({"services": {"syncthing": GOOD.replace("30000", "30001")}}, [KEEP]),
        ({"services": {"syncthing": GOOD.replace("86400", "864000")}}, [KEEP]),
        ({"services": {"syncthing": GOOD.replace("False", "True")}}, []),
        ({"services": {"syncthing": ""}}, [KEEP]),
        ({"rules": {"Syncthing": 1}}, [CLOSE]),
        # Nobody told.
        ({"rules": {"Syncthing": -1}}, [CLOSE]),
        ({"folders": {DIRECTORY: "", ABOVE: ""}}, [MAKE, WRITE, FIND]),
    ],
)
def test_what_is_as_it_should_be_costs_no_command(told: dict[str, Any], due: list[str], tmp_path: Path) -> None:
    done = pair(tmp_path, **told)
    assert (done.code, done.tasks[1:]) == (0, due), done.text


@pytest.mark.parametrize(("seen", "read"), [("QQ==", "skipping"), ("", "ok")])
def test_a_certificate_that_was_not_seen_is_read(seen: str, read: str, tmp_path: Path) -> None:
    for name in ("config.xml", "cert.pem"):
        # Here a backslash is a letter like any other.
        (tmp_path / f"home\\{name}").write_text("x")
    home = str(tmp_path / "home")
    known = {
        "syncthing_pair_gateway_home": home,
        "__syncthing_pair_seen": {"result": {"contents": {rf"{home}\cert.pem": seen}}},
    }
    done = RoleTasks(tmp_path, "syncthing_pair", []).run("configure.yml", {}, known=known)
    task = done.text.partition("Read the certificate of the gateway's Syncthing] ")[2].lstrip("* ")
    assert task.startswith(read), done.text
