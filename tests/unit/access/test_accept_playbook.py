# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook of an acceptance, with stand-ins for what it asks of hosts: in which order, and what is handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.access.playbooks import CONFIGURATION, build, given, play
from tests.unit.role_tasks import Done

OWN = "Read what is kept of the site's PC, the key for which it has encrypted, and who knows the login of the cloud"
ADMIT, KEEP, GIVE, SYNCTHING = (
    "Compare, admit and wait",
    "Keep the certificate and a password",
    "Give the account that password",
    "Look for the hub's Syncthing",
)
READ = {"secrets": {"gateway_pc": "before", "gateway_enrolment_key": "pem"}, "generated": []}
ADMITTED = {
    "changed": True,
    "accepted": {"report": {"password": "encrypted"}},
    "keeps": {"gateway_pc": "now", "gateway_login_state": "former of-it"},
    "expects": {"gateway_pc": "before", "gateway_login_state": "given of-it"},
    "another": True,
    "next": "What comes next.",
}
GOOD: dict[str, dict[str, Any]] = {
    "Compare the settings with what the roles know": {"problems": []},
    OWN: READ,
    ADMIT: ADMITTED,
    SYNCTHING: {"stat": {"exists": False}},
    "Ask the hub for the gateway's PC": {"access": {}},
    "Read what is kept of it": READ,
    "Open the way to it": {"host": "127.0.0.1", "port": 5986, "password": "of-it", "ca": "/nowhere"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection with stand-ins in it, and a site file."""
    return build(tmp_path_factory.mktemp("accept"))


def accept(folder: Path, *options: str, answers: dict[str, dict[str, Any]] | None = None) -> Done:
    """``answers``: of stand-ins, by the name of their task."""
    return play(folder, "accept", "far", options, {**GOOD, **(answers or {})})


def test_what_was_decided_is_kept_before_the_pc_gets_its_password(folder: Path) -> None:
    devices = [{"name": name, "device_id": name.upper()} for name in ("near", "far")]
    done = accept(
        folder,
        *("-e", "fingerprint=3fa2-91c0"),
        answers={
            SYNCTHING: {"stat": {"exists": True}},
            "Read its configuration": {"content": CONFIGURATION},
            "See which devices are the site's": {"devices": devices},
        },
    )
    assert done.code == 0, done.text
    assert done.tasks[3:] == [
        *(OWN, ADMIT, SYNCTHING, "Read its configuration", "See which devices are the site's", "Let them go", KEEP),
        *("Ask the hub for the gateway's PC", "Read what is kept of it", "Open the way to it", GIVE, "Knock"),
    ]
    assert "What comes next." in done.text
    (admit,), (keep,), (give,), (gone,) = (given(folder, task) for task in (ADMIT, KEEP, GIVE, "Let them go"))
    assert {name: admit["found"][name] for name in READ} == READ
    assert (admit["fingerprint"].strip(), admit["kind"], admit["state"]) == ("3fa2-91c0", "tunnel", "accepted")
    assert keep == {
        "site": "far",
        "purposes": ["gateway_pc"],
        "replaced": ADMITTED["keeps"],
        "forgotten": ["gateway_login_state"],
        "expected": ADMITTED["expects"],
    }
    assert give == {"site": "far", "key": "pem", "first": "encrypted"}
    assert gone["device_id"] == "FAR"


def test_the_pc_that_is_kept_goes_on_to_get_worklists(folder: Path) -> None:
    done = accept(folder, answers={ADMIT: {**ADMITTED, "another": False}})
    assert (done.code, SYNCTHING in done.tasks, KEEP in done.tasks) == (0, False, True), done.text


def test_worklists_that_cannot_be_taken_away_keep_no_pc_out(folder: Path) -> None:
    done = accept(folder, answers={SYNCTHING: {"failed": True, "msg": "It does not start."}})
    assert done.code == 0, done.text
    assert "may still send worklists to the PC before this one, until mediverse.pacs.site has run." in done.text
    assert done.tasks[-1] == "Knock"


def test_in_check_mode_nothing_is_kept(folder: Path) -> None:
    done = accept(folder, "--check")
    assert (done.code, done.tasks[-1]) == (0, ADMIT), done.text
    assert "This PC would be admitted" in done.text
