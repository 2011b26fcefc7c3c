# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two roles refuse wrong settings, all at once and before they look at a host; the others have tests of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.role_tasks import Done, RoleTasks

HOSTS = ("-i", "localhost,hub,")
LINK = {"site_id": "demo", "folder_id": "worklists-demo", "hub": "hub", "hub_address": "tcp://hub.example.org:22000"}


def link(folder: Path, **change: Any) -> Done:
    role = RoleTasks(folder, "syncthing_pair", ["ansible.windows.win_service_info"])
    # Nobody listens at this port, so the role's first look at the hub is its end.
    given = {**LINK, "hub_directory": "/files/demo", "hub_api_url": "http://127.0.0.1:9", **change}
    variables = {f"syncthing_pair_{name}": value for name, value in given.items()}
    return role.run("validate.yml", {**variables, "ansible_connection": "local"}, *HOSTS)


def test_the_worklist_link_looks_at_the_hub_when_its_settings_are_right(tmp_path: Path) -> None:
    done = link(tmp_path)
    assert "Syncthing on the hub hub does not answer at http://127.0.0.1:9" in done.text
    assert "invalid escape" not in done.text


def test_the_worklist_link_tells_all_mistakes(tmp_path: Path) -> None:
    done = link(tmp_path, hub="localhost", hub_mode=2750, gui_password_hash="Tell-Nobody-42")
    assert done.code != 0
    assert "syncthing_pair_hub is 'localhost', which is no other host of the inventory" in done.text
    assert "syncthing_pair_hub_mode is 2750, which is no mode" in done.text
    assert "syncthing_pair_gui_password_hash must be a bcrypt hash" in done.text
    assert "does not answer" not in done.text
    assert "Tell-Nobody-42" not in done.text


def test_the_engine_tells_all_mistakes(tmp_path: Path) -> None:
    role = RoleTasks(tmp_path, "docker_host", [])
    done = role.run("validate.yml", {"docker_host_install": "ja", "docker_host_packages": ["docker ce"]})
    assert done.code != 0
    assert "docker_host_install is 'ja'" in done.text
    assert "docker_host_packages holds 'docker ce'" in done.text
    assert "Ask the engine" not in done.text


def test_what_role_settings_cannot_work_out_has_a_name(tmp_path: Path) -> None:
    role = RoleTasks(tmp_path, "docker_host", [])
    done = role.run("validate.yml", {"docker_host_project": "{{ nowhere }}"})
    assert done.code != 0
    assert "docker_host_project cannot be worked out: 'nowhere' is undefined; expected text." in done.text
    assert "Ask the engine" not in done.text


def test_a_secret_that_cannot_be_worked_out_is_not_shown(tmp_path: Path) -> None:
    """A filter says what it was given, and whoever looks for a key which one; any option may refer to a password."""
    role = RoleTasks(tmp_path, "cloud_pacs", [])
    date = "{{ 'Tell-Nobody-42' | to_datetime }}"
    given = {
        "my_password": "Tell-Nobody-42",
        "my_word": "Tell_Nobody_42",
        "my_map": {"a": 1},
        "my_title": "{{ my_password | to_datetime }}",
        "cloud_pacs_admin_password": date,
        "cloud_pacs_title": "{{ my_title }}",
        "cloud_pacs_rest_port": "{{ my_map[my_word] }}",
        "cloud_pacs_list_days": ["{{ my_map.days }}"],
        "cloud_pacs_upload": "{{ lookup('vars', my_word) }}",
    }
    done = role.run("validate.yml", given)
    assert done.code != 0
    for sentence in (
        "cloud_pacs_title cannot be worked out: the filter to_datetime fails; expected text.",
        "cloud_pacs_admin_password cannot be worked out: the filter to_datetime fails; expected text.",
        "cloud_pacs_list_days cannot be worked out: 'days' is undefined; expected a list.",
        "cloud_pacs_rest_port cannot be worked out: its template fails (AnsibleUndefinedVariable); expected a whole",
        "cloud_pacs_upload cannot be worked out: its template fails (Ansible",
    ):
        assert sentence in done.text, done.text
    assert "Nobody-42" not in done.text
    assert "Nobody_42" not in done.text
