# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook of a revocation, with stand-ins for what it asks of hosts: in which order, and what its end says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.access.playbooks import CONFIGURATION, ROOT, build, given, play
from tests.unit.role_tasks import Done

ROLES = ("cloud_pacs", "nginx_proxy_manager")
SECRETS = {"secrets": {"orthanc_gateway": "made"}}
LOCK, SEE, BRING, FORGET = (
    "Take its keys and its token away, and end what is open",
    "See whether the PC may know the login",
    "Make another login, or read the stored one",
    "Forget what was kept of the PC",
)
GOOD: dict[str, dict[str, Any]] = {
    "Compare the settings with what the roles know": {"problems": []},
    SEE: {"replaces": True, "built": True, "pc": "mark"},
    BRING: SECRETS,
    FORGET: {"came": False},
    # No Syncthing at the hub.
    "Look for the hub's Syncthing": {"stat": {"exists": False}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection with stand-ins in it, and a site file."""
    return build(tmp_path_factory.mktemp("revoke"), ("docker_host", *ROLES))


def revoke(folder: Path, *options: str, answers: dict[str, dict[str, Any]] | None = None, site: str = "far") -> Done:
    """``answers``: of stand-ins, by the name of their task."""
    return play(folder, "revoke", site, options, {**GOOD, **(answers or {})})


def test_the_hub_is_first_and_the_pc_is_forgotten_last(folder: Path) -> None:
    done = revoke(folder)
    assert done.code == 0, done.text
    assert done.tasks == [
        "Reach the hub",
        LOCK,
        "Look for the hub's Syncthing",
        "Compare the settings with what the roles know",
        "Reach the host",
        SEE,
        BRING,
        "Secrets of the machine",
        "Role cloud_pacs",
        "Role nginx_proxy_manager",
        FORGET,
    ]
    assert "The PC of far is locked out of the hub and of the cloud. A new one begins with a stick" in done.text
    assert given(folder, LOCK) == [{"site": "far", "state": "revoke"}]
    (bring,), (end,) = given(folder, BRING), given(folder, FORGET)
    assert bring["forgotten"] == ["orthanc_gateway"]
    assert end == {"site": "far", "state": "ended", "former": False, "login": "made", "pc": "mark"}


def test_a_cloud_to_which_another_run_has_brought_the_old_login_gets_the_stored_one(folder: Path) -> None:
    answers = {SEE: {"replaces": False, "built": True, "pc": ""}}
    done = revoke(folder, "-e", json.dumps({"mediverse_secrets": {"orthanc_gateway": "known to it"}}), answers=answers)
    assert done.code == 0, done.text
    assert done.tasks[-4:] == ["Secrets of the machine", "Role cloud_pacs", "Role nginx_proxy_manager", FORGET]
    (bring,), (end,) = given(folder, BRING), given(folder, FORGET)
    assert (bring["forgotten"], bring["supplied"], end["login"]) == ([], {}, "")
    assert given(folder, "Secrets of the machine")[0]["supplied"] == {}


def test_a_site_that_was_never_built_gets_no_cloud(folder: Path) -> None:
    done = revoke(folder, answers={SEE: {"replaces": False, "built": False, "pc": ""}})
    assert done.code == 0, done.text
    assert done.tasks[-2:] == [SEE, FORGET]


@pytest.mark.parametrize("enrolled", [False, True])
def test_a_hub_that_was_never_opened_has_nothing_of_a_pc_that_was_set_up_by_hand(folder: Path, enrolled: bool) -> None:
    look = "Look whether the hub was ever opened for PCs"
    done = revoke(
        folder, "-e", "mediverse_winrm_password=of-it", site="near", answers={look: {"stat": {"exists": enrolled}}}
    )
    assert done.code == 0, done.text
    assert done.tasks[:2] == ["Reach the hub", look]
    assert (LOCK in done.tasks) is enrolled
    assert given(folder, SEE)[0]["by_hand"] is True


def test_in_check_mode_nothing_is_said_to_be_done(folder: Path) -> None:
    done = revoke(folder, "--check")
    assert done.code == 0, done.text
    assert "Role nginx_proxy_manager" in done.tasks
    assert "The PC of far is locked out of the hub and of the cloud, or would be." in done.text


def test_the_devices_of_the_site_alone_are_let_go(folder: Path) -> None:
    devices = [{"name": name, "device_id": name.upper()} for name in ("near", "far", "other")]
    done = revoke(
        folder,
        answers={
            "Look for the hub's Syncthing": {"stat": {"exists": True}},
            "Read its configuration": {"content": CONFIGURATION},
            "See which devices are the site's": {"devices": devices},
        },
    )
    assert done.code == 0, done.text
    known = {"api_url": "http://127.0.0.1:8384", "api_key": "key-of-it"}
    assert given(folder, "Let them go") == [{**known, "device_id": "FAR", "state": "absent"}]


def test_a_pc_that_was_accepted_meanwhile_stays_and_is_told(folder: Path) -> None:
    done = revoke(folder, answers={FORGET: {"came": True}})
    assert done.code != 0
    assert "Another PC was accepted for far meanwhile. It stays; the one before it is locked out." in done.text


@pytest.mark.parametrize("former", ["former=ture", "former", "former="])
def test_a_slip_in_who_is_locked_out_locks_nobody_out(folder: Path, former: str) -> None:
    done = revoke(folder, "-e", former)
    assert (done.code != 0, done.tasks) == (True, [])
    assert "-e former=true for the one that was replaced, spelled so. Nothing was changed." in done.text


def test_secrets_of_the_operator_that_cannot_be_read_keep_no_tunnel_open(folder: Path) -> None:
    secrets = {"mediverse_secrets": {"orthanc_gateway": "{{ lookup('file', '/nowhere/of/this/test') }}"}}
    done = revoke(folder, "-e", json.dumps(secrets))
    assert done.code != 0
    assert LOCK in done.tasks
    assert "NOT locked out of everything. The cloud:" in done.text
    whole = {"mediverse_secrets": "{{ lookup('file', '/nowhere/of/this/test') }}"}
    assert LOCK in revoke(folder, "-e", json.dumps(whole)).tasks


def test_a_run_that_has_begun_before_a_revocation_reads_the_login_again() -> None:
    plays = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())
    first = [
        play["tasks"][0] for play in plays if play["name"] in ("Cloud PACS and viewer", "Gateway beside the scanner")
    ]
    assert first == [{"name": "Secrets", "ansible.builtin.include_tasks": "tasks/secrets.yml"}] * 2


def test_of_a_former_pc_the_cloud_alone_is_asked(folder: Path) -> None:
    done = revoke(folder, "-e", "former=true", answers={BRING: {"secrets": {"orthanc_gateway": "new"}}})
    assert done.code == 0, done.text
    assert done.tasks == [
        "Compare the settings with what the roles know",
        "Reach the host",
        SEE,
        BRING,
        "Secrets of the machine",
        "Role cloud_pacs",
        "Role nginx_proxy_manager",
        FORGET,
    ]
    assert given(folder, FORGET)[0]["former"] is True
    assert (
        "The former PC of far is locked out of the cloud; the worklists follow with mediverse.pacs.site," in done.text
    )


CLOUD = "The PC of far is NOT locked out of everything. The cloud: the PC may know the login by which it sends images."


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"Role nginx_proxy_manager": {"lost": True}}, f"{CLOUD} Its host was lost in between. Mend that"),
        (
            {"Compare the settings with what the roles know": {"problems": ["x is no number."]}},
            f"{CLOUD} Nothing was changed, because 1 of the settings",
        ),
        (
            {
                "Reach the hub": {"failed": True, "msg": "It does not answer."},
                "Look for the hub's Syncthing": {"lost": True},
                "Role cloud_pacs": {"lost": True},
            },
            "everything. The hub: It does not answer. The worklists: the hub's Syncthing may still know the PC.",
        ),
    ],
    ids=["lost in a role", "wrong settings", "nobody answers"],
)
def test_whatever_becomes_of_the_parts_the_end_says_what_is_left(
    folder: Path, answers: dict[str, dict[str, Any]], said: str
) -> None:
    done = revoke(folder, answers=answers)
    assert done.code != 0
    assert said in done.text, done.text
    assert FORGET not in done.tasks
    assert (
        "again (with -e former=true where another PC was accepted since; without that it ends every PC and" in done.text
    )
