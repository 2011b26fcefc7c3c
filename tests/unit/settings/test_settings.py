# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the specifications of the roles allow, what is said about the rest, and that no secret is part of it."""

from __future__ import annotations

import copy
import datetime
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mediverse.pacs.plugins.action.site_settings import ROLES, options_of
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.secrets import masker
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _site_settings as settings
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites import read

from tests.unit.sites.site_file import changed

ROOT = Path(__file__).resolve().parents[3]
SECRET = "q8-planted-Secret"
OF_ROLES = {role: options_of(ROOT / "roles" / role) for role in ROLES}
EVERY = {name: spec for options in OF_ROLES.values() for name, spec in options.items()}
OWN = options_of(ROOT / "playbooks")
GIVEN = yaml.safe_load((ROOT / "playbooks" / "vars" / "roles.yml").read_text())


def judge(option: str, value: Any, secrets: tuple[str, ...] = ()) -> list[str]:
    options = {option: (EVERY | OWN)[option]}
    return [said for _, said in settings.problems(options, {option: value}, masker(("", one) for one in secrets))]


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("cloud_pacs_wait_timeout", "soon", "cloud_pacs_wait_timeout is 'soon'; expected a whole number."),
        ("cloud_pacs_wait_timeout", "1_000", "cloud_pacs_wait_timeout is '1_000'; expected a whole number."),
        ("cloud_pacs_wait_timeout", True, "cloud_pacs_wait_timeout is true; expected a whole number."),
        ("cloud_pacs_wait_timeout", 1.5, "cloud_pacs_wait_timeout is 1.5; expected a whole number."),
        ("cloud_pacs_wait_timeout", None, "cloud_pacs_wait_timeout is empty; expected a whole number."),
        ("cloud_pacs_pull", "sometimes", "cloud_pacs_pull is 'sometimes'; expected always, missing or never."),
        ("cloud_pacs_upload", "ja", "cloud_pacs_upload is 'ja'; expected true or false."),
        ("cloud_pacs_title", True, "cloud_pacs_title is true; expected text, so put it in quotes."),
        ("cloud_pacs_title", 26.1, "cloud_pacs_title is 26.1; expected text, so put it in quotes."),
        (
            "cloud_pacs_title",
            datetime.date(2026, 11, 1),
            "cloud_pacs_title is 2026-11-01; expected text, so put it in quotes.",
        ),
        ("cloud_pacs_title", [], "cloud_pacs_title is a list; expected text."),
        ("cloud_pacs_list_days", "30,7", "cloud_pacs_list_days is '30,7'; expected a list."),
        ("cloud_pacs_list_days", [30, "x"], "cloud_pacs_list_days[1] is 'x'; expected a whole number."),
        ("cloud_pacs_list_days", [None], "cloud_pacs_list_days[0] is empty; expected a whole number."),
        ("site_proof_worklist_limit", "3,5", "site_proof_worklist_limit is '3,5'; expected a number."),
        (
            "orthanc_windows_gateway_installer",
            "/x.exe",
            "orthanc_windows_gateway_installer is '/x.exe'; expected a map with src, sha256 and version.",
        ),
        (
            "orthanc_windows_gateway_installer",
            {"src": "x", "sha256": "0a" * 32},
            "orthanc_windows_gateway_installer.version is not set; expected text.",
        ),
        (
            "orthanc_windows_gateway_installer",
            {"src": "x", "sha256": 0, "version": "26.8.1"},
            "orthanc_windows_gateway_installer.sha256 is 0, which is no SHA-256 checksum; "
            "expected 64 hexadecimal digits in quotes.",
        ),
        (
            "syncthing_pair_archive",
            {"src": "x", "sha256": "0a" * 31},
            f"syncthing_pair_archive.sha256 is '{'0a' * 30}...', which is no SHA-256 checksum; "
            "expected 64 hexadecimal digits in quotes.",
        ),
        (
            "cloud_pacs_orthanc_memory",
            4,
            "cloud_pacs_orthanc_memory is 4, which is less than the 6m that Docker needs for a container; "
            "expected a limit such as 2g.",
        ),
        ("cloud_pacs_title", 7, "cloud_pacs_title is 7; expected text, so put it in quotes."),
        ("syncthing_pair_hub_mode", 2750, "syncthing_pair_hub_mode is 2750; expected text, so put it in quotes."),
        (
            "mediverse_winrm_password",
            123456,
            "mediverse_winrm_password is a number; expected text, so put it in quotes.",
        ),
        (
            "mediverse_winrm_password",
            datetime.date(2026, 11, 1),
            "mediverse_winrm_password is a date; expected text, so put it in quotes.",
        ),
        (
            "mediverse_winrm_password",
            True,
            "mediverse_winrm_password is true or false; expected text, so put it in quotes.",
        ),
        (
            "orthanc_windows_gateway_forwarder",
            {"jbos": 3},
            "orthanc_windows_gateway_forwarder.jbos is unknown; did you mean jobs?",
        ),
        (
            "orthanc_windows_gateway_forwarder",
            {"office_hours": {"from": "07:00", "to": "17:00", "mbit": "x"}},
            "orthanc_windows_gateway_forwarder.office_hours.mbit is 'x'; expected a number.",
        ),
        (
            "orthanc_windows_gateway_forwarder",
            {"skip_origins": ["lua"]},
            "orthanc_windows_gateway_forwarder.skip_origins[0] is 'lua'; "
            "expected DicomProtocol, RestApi, Plugins or Lua.",
        ),
        (
            "nginx_proxy_manager_access_lists",
            [{"name": "x", "clients": [{"address": "all", "directive": "permit"}]}],
            "nginx_proxy_manager_access_lists[0].clients[0].directive is 'permit'; expected allow or deny.",
        ),
        ("mediverse_viewers", ["anna"], "mediverse_viewers is a list; expected a map."),
        ("mediverse_minimum_free_gb", "5 GB", "mediverse_minimum_free_gb is '5 GB'; expected a whole number."),
    ],
)
def test_a_mistake_is_one_sentence(option: str, value: Any, sentence: str) -> None:
    assert judge(option, value) == [sentence]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cloud_pacs_wait_timeout", "180"),
        ("cloud_pacs_wait_timeout", 180.0),
        ("cloud_pacs_upload", "Yes"),
        ("cloud_pacs_upload", 0),
        ("site_proof_worklist_limit", "0.5"),
        ("orthanc_windows_gateway_forwarder", {"skip_http_users": None, "office_hours": None}),
        ("orthanc_windows_gateway_scanners", {"ct1": {"anything": 1}}),
        ("mediverse_viewers", None),
        ("mediverse_winrm_ca", None),
    ],
)
def test_what_is_unusual_and_right(option: str, value: Any) -> None:
    assert judge(option, value) == []


def test_a_number_that_a_template_gave_is_text() -> None:
    spec = EVERY["orthanc_windows_gateway_installer"]
    written = {"version": "{{ v }}", "src": 7}
    assert settings.as_written(spec, written, {"version": 26, "src": 7}) == {"version": "26", "src": 7}
    assert settings.as_written({"type": "list", "elements": "str"}, ["{{ v }}", 5], [26, 5]) == ["26", 5]
    assert settings.as_written({"type": "int"}, "{{ v }}", 26) == 26
    assert settings.as_written({"type": "str"}, "{{ v }}", True) is True


def test_secrets_are_for_a_known_purpose_and_texts() -> None:
    given = {
        "orthanc_amdin": SECRET,
        "a": None,
        "b": "",
        "c": 123456,
        "d": "short",
        f"password:{SECRET}": "x",
        "e": SECRET,
    }
    refused = lambda text: "is short" if text == "short" else None  # noqa: E731
    found = [said for _, said in settings.secrets(given, ["orthanc_admin", "a", "b", "c", "d", "e"], refused)]
    empty = "is empty; give a text, or remove it, and a secret is made on the first run."
    assert found == [
        "mediverse_secrets.orthanc_amdin is unknown; did you mean orthanc_admin?",
        f"mediverse_secrets.a {empty}",
        f"mediverse_secrets.b {empty}",
        "mediverse_secrets.c is a number; expected text, so put it in quotes.",
        "mediverse_secrets.d is refused: it is short.",
        "mediverse_secrets has a key that is no name; expected orthanc_admin, a, b, c, d or e, and a space after each "
        "colon.",
    ]


def test_what_must_be_given_is_asked_for() -> None:
    sentences = [said for _, said in settings.problems(OF_ROLES["cloud_pacs"], {}, str)]
    assert "cloud_pacs_admin_password is not set; expected text." in sentences
    assert len(sentences) == sum(bool(spec.get("required")) for spec in OF_ROLES["cloud_pacs"].values())


def test_all_mistakes_of_a_map_are_told_at_once() -> None:
    peer = {"name": ["x"], "url": None, "timeout": "long", "largest": 3}
    assert judge("orthanc_windows_gateway_peer", peer) == [
        "orthanc_windows_gateway_peer.largest is unknown; did you mean largest_mb?",
        "orthanc_windows_gateway_peer.name is a list; expected text.",
        "orthanc_windows_gateway_peer.url is empty; expected text.",
        "orthanc_windows_gateway_peer.username is not set; expected text.",
        "orthanc_windows_gateway_peer.password is not set; expected text.",
        "orthanc_windows_gateway_peer.timeout is 'long'; expected a whole number.",
    ]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cloud_pacs_admin_password", [SECRET]),
        ("cloud_pacs_admin_password", {"x": SECRET}),
        ("orthanc_windows_gateway_peer", SECRET),
        ("orthanc_windows_gateway_peer", f"https://gateway:{SECRET}@pacs.example.org"),
        ("orthanc_windows_gateway_peer", {f"password:{SECRET}": None}),
        ("orthanc_windows_gateway_peer", {"password": [SECRET]}),
        ("orthanc_windows_gateway_peer", {"http_headers": SECRET}),
        ("orthanc_windows_gateway_more_peers", [SECRET]),
        ("orthanc_windows_gateway_more_peers", {"password": SECRET}),
        ("nginx_proxy_manager_access_lists", [{"name": "x", "items": [SECRET]}]),
        ("nginx_proxy_manager_access_lists", [{"name": "x", "items": [{"username": "a", "password": [SECRET]}]}]),
        ("mediverse_secrets", SECRET),
        ("mediverse_secrets", [SECRET]),
        ("mediverse_viewers", SECRET),
        ("cloud_pacs_rest_port", f"http://admin:{SECRET}@127.0.0.1"),
        ("cloud_pacs_rest_port", f"http://127.0.0.1/?pw={SECRET}"),
    ],
)
def test_no_secret_is_shown(option: str, value: Any) -> None:
    sentences = judge(option, value)
    assert sentences
    assert SECRET not in " ".join(sentences)


def test_a_secret_that_stands_in_another_setting_too_is_masked() -> None:
    values = {"cloud_pacs_admin_password": SECRET, "cloud_pacs_rest_port": f"8042 {SECRET}"}
    known = list(settings.secret_texts(EVERY, values))
    assert known == [SECRET]
    assert judge("cloud_pacs_rest_port", values["cloud_pacs_rest_port"], tuple(known)) == [
        "cloud_pacs_rest_port is '8042 ********'; expected a whole number."
    ]


def test_every_secret_of_a_setting_is_known() -> None:
    values = {
        "nginx_proxy_manager_access_lists": [{"name": "x", "items": [{"username": "u", "password": "p1"}]}],
        "orthanc_windows_gateway_peer": {"password": "p2", "http_headers": {"X": "p3"}, "name": "n"},
        "mediverse_secrets": {"orthanc_admin": "p4"},
    }
    assert sorted(settings.secret_texts(EVERY | OWN, values)) == ["p1", "p2", "p3", "p4"]


# Of each kind that YAML can make.
VALUES: list[Any] = [
    *(None, True, 0, 7, -1, 1.5, "", "x", "7", "1.5", "yes", "ja", " 7", "0x10", "a=b", "[1]", '{"a": 1}'),
    *([], ["x"], [7], [[]], [{}], [{"name": 1}], {}, {"x": 1}, {"name": []}, {"from": "x"}, datetime.date(2026, 1, 1)),
]


@pytest.mark.parametrize("option", sorted(EVERY))
def test_never_kinder_than_ansible(option: str) -> None:
    """Whatever Ansible refuses when the role begins is refused before anything is changed."""
    validator = ArgumentSpecValidator({option: EVERY[option]})
    for value in VALUES:
        try:
            refused = bool(validator.validate({option: copy.deepcopy(value)}).error_messages)
        except TypeError:
            # It fails over what it cannot look into.
            refused = True
        if refused:
            assert judge(option, value), value


@pytest.mark.parametrize("role", ROLES)
def test_the_defaults_are_right(role: str) -> None:
    text = (ROOT / "roles" / role / "defaults" / "main.yml").read_text().replace("!unsafe", "")
    plain = {name: value for name, value in yaml.safe_load(text).items() if "{{" not in str(value)}
    assert plain
    options = {name: OF_ROLES[role][name] for name in plain}
    assert list(settings.problems(options, plain, str)) == []


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
        read_with_default |= set(re.findall(r"(mediverse_\w+) \| default", path.read_text()))
    local = {"mediverse_only_look"} | settings.RUNTIME_NAMES
    assert read_with_default - local == {
        *("mediverse_admin_email", "mediverse_minimum_free_gb", "mediverse_secrets", "mediverse_viewer_user"),
        *("mediverse_viewers", *(f"mediverse_reconcile_{name}" for name in ("from", "until", "resend", "replace"))),
    }
    assert read_with_default - local < set(OWN)
