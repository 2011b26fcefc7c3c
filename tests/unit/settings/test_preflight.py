# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``site.yml`` against hosts that write down everything that reaches them: wrong settings touch none of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.conftest import COLLECTIONS
from tests.unit.sites.site_file import changed

ROOT = Path(__file__).resolve().parents[3]
SECRET = "q7-planted-Secret"
# Whatever Ansible would do on a host comes to one of these, modules of every kind included.
CONNECTION = """
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = "{{name: {name}, short_description: Writes down what reaches the host, options: {{}}}}"


class Connection(ConnectionBase):
    transport = "{name}"
    has_pipelining = False

    def _touched(self, *what, **more):
        with Path({log!r}).open("a") as log:
            print(*what, file=log)
        raise AnsibleConnectionFailure("No route to host")

    exec_command = put_file = fetch_file = _touched

    def _connect(self):
        return self

    def close(self):
        pass
"""
# The cloud alone is switched on.
CLOUD_IS_HERE = """
from ansible.plugins.connection import local

Off = Connection


class Connection(local.Connection):
    transport = "ssh"

    def _connect(self):
        if self._play_context.remote_addr != "203.0.113.10":
            Off._touched(self)
        return super()._connect()
"""
RIGHT = f"""
mediverse_winrm_password: {SECRET}-winrm
mediverse_secrets: {{orthanc_admin: {SECRET}-admin, viewer_login: {SECRET}-login}}
mediverse_viewers: {{anna: {SECRET}-anna}}
mediverse_own_names: [mediverse_room_*]
mediverse_room_number: 7
orthanc_windows_gateway_installer: {{src: /nonexistent.exe, sha256: "{"0" * 64}", version: 26.8.1}}
cloud_pacs_root: /opt/elsewhere
# Of another role, which has it as a default.
cloud_pacs_title: "As in {{{{ nginx_proxy_manager_root }}}}"
"""


class Done(NamedTuple):
    """How a run ended, and all that it said."""

    code: int
    said: str


class Site(NamedTuple):
    """``folder``: an inventory with two sites. ``log``: what reached their hosts. ``first``: the first play alone."""

    folder: Path
    log: Path
    first: Path

    def run(self, *options: str, playbook: Path = ROOT / "playbooks" / "site.yml") -> Done:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "2000"}
        environment |= {"ANSIBLE_CONNECTION_PLUGINS": str(self.first.parent)}
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.folder)]
        command += [str(playbook), *options]
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "inventory", tmp_path / "touched.log", tmp_path / "first.yml")
    for place in ("group_vars", "host_vars"):
        (made.folder / place).mkdir(parents=True)
    # In the place of Ansible's own: the site file says how a host is reached, and no variable may say otherwise.
    for name in ("ssh", "winrm"):
        (tmp_path / f"{name}.py").write_text(CONNECTION.format(log=str(made.log), name=name))
    (made.folder / "mediverse.sites.yml").write_text(changed(second=True), encoding="utf-8")
    (made.folder / "group_vars" / "all.yml").write_text(RIGHT)
    # To read the roles of the other plays takes most of the time of a run that none of them is part of.
    made.first.write_text(yaml.safe_dump([_look(yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text()))]))
    return made


def _look(plays: list[dict[str, Any]]) -> dict[str, Any]:
    """The play of the site's playbook that looks before anything is changed, with its files found from anywhere."""
    (play,) = [play for play in plays if play["name"] == "Look before anything is changed"]
    (task,) = play["tasks"]
    task["ansible.builtin.import_tasks"] = str(ROOT / "playbooks" / task["ansible.builtin.import_tasks"])
    return {**play, "vars_files": [str(ROOT / "playbooks" / file) for file in play["vars_files"]]}


def test_right_settings_lead_to_the_hosts(site: Site) -> None:
    """Otherwise the log of the others would be empty because nothing is ever written to it."""
    done = site.run("-l", "kanifing")
    assert done.code != 0
    assert "of the settings" not in done.said
    assert "kanifing-cloud (203.0.113.10:22) does not answer by SSH; check" in done.said
    assert site.log.exists()


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("all", "cloud_pacs_wait_timeout: soon", "cloud_pacs_wait_timeout is 'soon'; expected a whole number."),
        (
            "kanifing",
            "cloud_pacs_pull: sometimes",
            "cloud_pacs_pull is 'sometimes'; expected always, missing or never.",
        ),
        (
            "orthanc_gateways",
            "orthanc_windows_gateway_storage_limit_mb: 10 GB",
            "orthanc_windows_gateway_storage_limit_mb is '10 GB'; expected a whole number.",
        ),
        (
            "all",
            "orthanc_windows_gateway_keep_awake: ja",
            "orthanc_windows_gateway_keep_awake is 'ja'; expected true or false.",
        ),
        (
            "all",
            "orthanc_windows_gateway_forwarder: {office_hours: {from: '07:00', to: '17:00', mbit: much}}",
            "orthanc_windows_gateway_forwarder.office_hours.mbit is 'much'; expected a number.",
        ),
        (
            "all",
            "orthanc_windows_gateway_installer: {src: /x.exe, version: 26.8.1}",
            "orthanc_windows_gateway_installer.sha256 is not set; expected text.",
        ),
        ("all", "docker_host_packages: docker-ce", "docker_host_packages is 'docker-ce'; expected a list."),
        # What no specification can say, and the role itself would say much later.
        (
            "cloud_pacs",
            "docker_host_packages: [docker ce]",
            "docker_host_packages holds 'docker ce', which is no name of a package;",
        ),
        ("all", "docker_host_network: -x", "docker_host_network is '-x', which is no name of a Docker network;"),
        (
            "all",
            "cloud_pacs_http_threads: 0",
            "cloud_pacs_http_threads is 0, which is not a whole number; expected a whole number from 1 to 1000.",
        ),
        (
            "kanifing",
            "orthanc_windows_gateway_forwarder: {jobs: 99}",
            "orthanc_windows_gateway_forwarder.jobs is 99; expected a whole number from 1 to 64.",
        ),
        (
            "all",
            "syncthing_pair_hub_mode: '9999'",
            "syncthing_pair_hub_mode is '9999', which is no mode;",
        ),
        ("all", "delivery_ledger_named: many", "delivery_ledger_named is 'many'; expected a whole number."),
        (
            "all",
            "cloud_pacs_titel: x",
            "cloud_pacs_titel is read by no role and no playbook; did you mean cloud_pacs_title?",
        ),
        (
            "kanifing",
            "mediverse_rest_port: abc",
            "mediverse_rest_port comes from the site file (sites.kanifing.cloud.rest_port); set it there",
        ),
        (
            "cloud_pacs",
            "cloud_pacs_packed_uploads: true",
            "cloud_pacs_packed_uploads has no effect, because the playbook takes it from orthanc_windows_gateway_",
        ),
        (
            "all",
            "cloud_pacs_title: '{{ nosuch }}'",
            "cloud_pacs_title cannot be worked out: 'nosuch' is undefined; expected text.",
        ),
        (
            "all",
            "mediverse_winrm_password: ''",
            "mediverse_winrm_password is not set; give the password of Administrator",
        ),
        ("all", "mediverse_winrm_password: 123456", "mediverse_winrm_password is a number; expected text, so put it"),
        ("all", "cloud_pacs_orthanc_memory: 4", "cloud_pacs_orthanc_memory is 4, which is less than the 6m that"),
        ("all", "mediverse_viewers: [anna]", "mediverse_viewers is a list; expected a map."),
        ("all", "mediverse_secrets: {orthanc_amdin: x}", "mediverse_secrets.orthanc_amdin is unknown; did you mean"),
        ("all", "mediverse_viewers: {anna: short}", "mediverse_viewers has a password of 'anna' that is not usable"),
    ],
)
def test_a_wrong_setting_touches_no_host(site: Site, file: str, text: str, sentence: str) -> None:
    place = site.folder / "group_vars" / f"{file}.yml"
    name = text.partition(":")[0]
    kept = "".join(line for line in RIGHT.splitlines(True) if not line.startswith(f"{name}:")) if file == "all" else ""
    place.write_text(f"{kept}{text}\n")
    done = site.run("-l", "kanifing", playbook=site.first)
    assert done.code != 0
    assert "1 of the settings cannot be right:" in done.said, done.said
    assert sentence in done.said
    assert f"\n  group_vars/{file}.yml: {name}" in done.said
    assert not site.log.exists()


def test_all_that_a_new_gateway_lacks_at_once(site: Site) -> None:
    place = site.folder / "group_vars" / "all.yml"
    place.write_text("".join(line for line in RIGHT.splitlines(True) if not line.startswith("orthanc_windows")))
    done = site.run("-l", "kanifing", playbook=site.first)
    assert "3 of the settings cannot be right:" in done.said, done.said
    assert "orthanc_windows_gateway_installer is not set; expected a map with src, sha256 and version." in done.said
    for name in ("syncthing_pair_installer", "syncthing_pair_archive"):
        assert (
            f"{name} is not set; expected a map with src and sha256, unless the PC has Syncthing already." in done.said
        )
    assert not site.log.exists()


def test_another_inventory_cannot_lead_elsewhere(site: Site) -> None:
    lines = ("kanifing-cloud ansible_host=192.0.2.5", "hub ansible_port=2222")
    (site.folder / "old.ini").write_text("\n".join([*lines, "[kanifing:vars]", "ansible_host_key_checking=false", ""]))
    done = site.run("-l", "kanifing", playbook=site.first)
    assert "4 of the settings cannot be right:" in done.said, done.said
    place = "ansible_host stands in the site file (sites.kanifing.cloud.host); change it there"
    assert done.said.count(f"\n  kanifing-cloud: {place}") == 1
    assert done.said.count("\n  hub: ansible_port stands in the site file (hub.port); change it there") == 1
    assert "\n  kanifing-gateway: ansible_host_key_checking cannot be set" in done.said
    assert not site.log.exists()


@pytest.mark.parametrize("name", ["verify", "reconcile", "capture"])
def test_the_other_playbooks_have_the_same_rules(site: Site, name: str) -> None:
    (site.folder / "old.ini").write_text("hub ansible_port=2222\n[kanifing]\nkanifing-cloud mediverse_titel=x\n")
    with (site.folder / "group_vars" / "kanifing.yml").open("a") as file:
        file.write("ansible_shell_type: powershell\nsite_proof_timeout: x\ndelivery_ledger_peer: me\n")
    done = site.run("-l", "kanifing", playbook=ROOT / "playbooks" / f"{name}.yml")
    assert done.code != 0
    assert done.said.count("\n  hub: ansible_port stands in the site file (hub.port); change it there") == 1, done.said
    assert done.said.count("\n  group_vars/kanifing.yml: delivery_ledger_peer has no effect") == 1
    assert not site.log.exists()


@pytest.mark.parametrize("options", [(), ("--check",)])
@pytest.mark.parametrize(("name", "file"), [("verify", "proof.json"), ("reconcile", "ledger.json")])
def test_a_cloud_that_is_off_takes_the_place_of_the_report(
    site: Site, name: str, file: str, options: tuple[str, ...]
) -> None:
    """Yesterday's would be taken for today's, and only an exit code tells otherwise."""
    report = site.folder.parent / "reports" / file
    report.parent.mkdir()
    report.write_text('{"checks": []}')
    place = "site_proof_directory" if name == "verify" else "delivery_ledger_directory"
    given = ("-l", "kanifing", "-e", f"{place}={report.parent}", *options)
    done = site.run(*given, playbook=ROOT / "playbooks" / f"{name}.yml")
    written = json.loads(report.read_text())
    assert written["checks"], done.said
    (row,) = written["checks"]
    assert (row["result"], written["site"]) == ("failed", "kanifing")
    assert (
        "kanifing-cloud (203.0.113.10:22) does not answer by SSH; check that it is switched on, that the network is "
        "up, and its address in the site file. It keeps the secrets that everything else needs." in row["detail"]
    )
    assert row["detail"] in done.said
    assert (done.code, SECRET in done.said + report.read_text()) == (2, False)


def test_a_hub_and_a_gateway_that_are_off_are_rows_of_the_proof(site: Site) -> None:
    """In check mode, which writes no secrets on the host that stands in for the cloud: this one."""
    (site.folder.parent / "ssh.py").write_text(CONNECTION.format(log=str(site.log), name="ssh") + CLOUD_IS_HERE)
    place = site.folder.parent / "reports"
    given = json.dumps({"site_proof_directory": str(place), "site_proof_checks": ["redirect", "link", "echo"]})
    done = site.run("-l", "kanifing", "--check", "-e", given, playbook=ROOT / "playbooks" / "verify.yml")
    assert (place / "proof.json").exists(), done.said
    rows = {row["check"]: row for row in json.loads((place / "proof.json").read_text())["checks"]}
    assert {name: row["result"] for name, row in rows.items()} == dict.fromkeys(("redirect", "link", "echo"), "failed")
    assert rows["redirect"]["detail"].startswith("Nothing could be looked at from hub, which cannot be reached:")
    assert rows["link"]["detail"].startswith("hub: No route to host")
    assert rows["echo"]["detail"].startswith("kanifing-gateway: ")
    assert done.code == 2


def test_all_mistakes_of_all_sites_at_once_without_a_secret(site: Site) -> None:
    group_vars = site.folder / "group_vars"
    (group_vars / "all.yml").write_text(
        f"{RIGHT}cloud_pacs_wait_timeout: '{SECRET}-admin'\n"
        f"orthanc_windows_gateway_more_peers: [{{name: a, url: 'https://u:{SECRET}@h', 'password:{SECRET}': x}}]\n"
        f"syncthing_pair_gui_password_hash: ['{SECRET}']\n"
        "mediverse_room_code: Room-4711\n"
        "cloud_pacs_http_threads: '{{ mediverse_room_code | to_datetime }}'\n"
    )
    (group_vars / "kanifing.yml").write_text("cloud_pacs_upload: maybe\n")
    (site.folder / "host_vars" / "brikama-cloud.yml").write_text("cloud_pacs_memory: 2g\n")
    done = site.run("-vvvv", "--diff", "-e", "nginx_proxy_manager_http_port=http")
    assert done.code != 0
    for sentence in (
        "group_vars/all.yml: cloud_pacs_wait_timeout is '********'; expected a whole number.",
        "group_vars/all.yml: syncthing_pair_gui_password_hash is a list; expected text.",
        "group_vars/all.yml: orthanc_windows_gateway_more_peers[0] has a key that is no name;",
        "group_vars/all.yml: orthanc_windows_gateway_more_peers[0].password is not set; expected text.",
        "group_vars/all.yml: cloud_pacs_http_threads cannot be worked out: the filter to_datetime fails; expected",
        "group_vars/kanifing.yml: cloud_pacs_upload is 'maybe'; expected true or false.",
        "host_vars/brikama-cloud.yml: cloud_pacs_memory is read by no role and no playbook; did you mean",
        "-e: nginx_proxy_manager_http_port is 'http'; expected a whole number.",
    ):
        # Once for all hosts together, however many have it.
        assert done.said.count(f"\n  {sentence}") == 1, (sentence, done.said)
    assert SECRET not in done.said
    # Of which nobody knows that it is secret.
    assert "Room-4711" not in done.said
    assert not site.log.exists()
