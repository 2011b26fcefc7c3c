# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of settings: those that nobody reads, those without effect, and where every other one comes from."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _site_settings as settings
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites import read
from ansible_collections.mediverse.pacs.plugins.plugin_utils._specifications import ROLES

from tests.unit.settings.specs import EVERY, GIVEN, OWN, ROOT
from tests.unit.sites.site_file import changed

NAMES = settings.Names(
    options=[*EVERY, *OWN],
    prefixes=["mediverse_", *(f"{role}_" for role in ROLES)],
    given=GIVEN,
    own=["mediverse_lab_*", "cloud_pacs_room"],
)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("cloud_pacs_titel", "; did you mean cloud_pacs_title?"),
        ("cloud_pacs_colour_of_the_door", "; remove it, or list it in mediverse_own_names if it is yours."),
        (
            "mediverse_rest_prot",
            "; did you mean mediverse_rest_port, which the site file has (sites.kanifing.cloud.rest_port)?",
        ),
        ("mediverse_winrm_pasword", "; did you mean mediverse_winrm_password?"),
        # A slip in what would have been the prefix.
        ("cloud_pac_title", "; did you mean cloud_pacs_title?"),
        ("orthanc_windows_gatway_installer", "; did you mean orthanc_windows_gateway_installer?"),
    ],
)
def test_a_name_that_nobody_reads(name: str, end: str) -> None:
    assert NAMES.unknown(name, "kanifing") == f"{name} is read by no role and no playbook{end}"


@pytest.mark.parametrize(
    "name",
    [
        *("cloud_pacs_title", "cloud_pacs_site_id", "mediverse_login", "mediverse_rest_port", "mediverse_site_secrets"),
        *("ansible_user", "proxy_title", "cloud_title", "mediverse", "mediverse_lab_state", "cloud_pacs_room"),
    ],
)
def test_a_name_that_is_known_or_none_of_ours(name: str) -> None:
    assert NAMES.unknown(name, "kanifing") is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "mediverse_rest_port",
            "mediverse_rest_port comes from the site file (sites.kanifing.cloud.rest_port); "
            "set it there and remove it here.",
        ),
        (
            "cloud_pacs_rest_port",
            "cloud_pacs_rest_port has no effect, because the playbook takes it from the site file "
            "(sites.kanifing.cloud.rest_port); remove it here.",
        ),
        (
            "site_proof_viewer_username",
            "site_proof_viewer_username has no effect, because the playbook takes it from mediverse_viewer_user; "
            "set that and remove it here.",
        ),
        (
            "mediverse_purposes",
            "mediverse_purposes has no effect, because the playbook sets it itself; remove it here.",
        ),
        ("cloud_pacs_title", None),
        ("mediverse_winrm_password", None),
        ("cloud_pacs_room", None),
    ],
)
def test_a_setting_without_effect(name: str, sentence: str | None) -> None:
    assert NAMES.without_effect(name, "kanifing") == sentence


@pytest.mark.parametrize(
    ("name", "wrong", "repeated"),
    [
        ("mediverse_largest_instance_mb", "cloud_pacs_orthanc_memory", True),
        # Two steps away.
        ("nginx_proxy_manager_proxy_hosts", "cloud_pacs_orthanc_memory", True),
        ("nginx_proxy_manager_access_lists", "mediverse_viewers", True),
        ("nginx_proxy_manager_access_lists", "cloud_pacs_orthanc_memory", False),
        ("cloud_pacs_orthanc_memory", "cloud_pacs_orthanc_memory", False),
        ("nginx_proxy_manager_access_lists", "nginx_proxy_manager_access_lists", False),
    ],
)
def test_what_only_repeats_another_mistake(name: str, wrong: str, repeated: bool) -> None:
    assert NAMES.repeats(name, {wrong}) is repeated


def test_everything_that_the_playbooks_set_has_a_sentence() -> None:
    for name in GIVEN:
        assert (NAMES.without_effect(name, "kanifing") or "").startswith(f"{name} ")


def test_the_keys_of_the_site_file_are_those_of_the_inventory_plugin() -> None:
    hosts = read(changed().encode(), "mediverse.sites.yml")
    made = {name for host in hosts for name in host.variables if name.startswith("mediverse_")}
    assert made == set(settings.SITE_FILE_KEYS)


def _assigned(entries: Any) -> set[str]:
    """What the tasks below register, and which facts they set."""
    found: set[str] = set()
    for entry in entries if isinstance(entries, list) else ():
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if key == "register":
                found.add(value)
            elif key.endswith("set_fact"):
                found |= set(value)
            else:
                found |= _assigned(value)
    return found


def test_what_is_set_while_a_play_runs_is_known() -> None:
    found: set[str] = set()
    for pattern in ("playbooks/**/*.yml", "roles/*/tasks/**/*.yml"):
        for path in ROOT.glob(pattern):
            found |= _assigned(yaml.safe_load(path.read_text()))
    assert {name for name in found if not name.startswith("__")} == settings.RUNTIME_NAMES


def test_every_setting_that_the_playbooks_read_is_specified() -> None:
    """Whatever has a default in a playbook may be set by an operator."""
    read_with_default: set[str] = set()
    for path in (ROOT / "playbooks").rglob("*.yml"):
        read_with_default |= set(re.findall(r"(?<!\w)(mediverse_\w+) \| default", path.read_text()))
    local = {"mediverse_only_look"} | settings.RUNTIME_NAMES
    assert read_with_default - local == {
        *("mediverse_admin_email", "mediverse_minimum_free_gb", "mediverse_secrets", "mediverse_viewer_user"),
        *(
            "mediverse_sheets",
            "mediverse_wireguard_installer",
            "mediverse_operator",
            "mediverse_winrm_from",
            "mediverse_viewers",
            "mediverse_installer_sha256",
        ),
        *(f"mediverse_installers{end}" for end in ("", "_from", "_ca")),
        *(f"mediverse_{name}_version" for name in ("orthanc", "syncthing_setup", "syncthing", "wireguard")),
        *(f"mediverse_reconcile_{name}" for name in ("from", "until", "resend", "replace")),
    }
    assert read_with_default - local < set(OWN)
