# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of variables that nobody reads, that say a thing twice, or that say otherwise than the site file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _connections as connections
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _vars_files as vars_files
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites import read

from tests.conftest import ROOT
from tests.unit.sites.site_file import changed
from tests.unit.sites.test_command_line import refused, run

SECRET = "q9-planted-Secret"
GIVEN = {host.name: host.variables for host in read(changed(second=True).encode(), "mediverse.sites.yml")}
GROUPS = {
    "all": [*GIVEN, "old-nas"],
    "ungrouped": ["old-nas"],
    **{group: [host for host in GIVEN if host.startswith(group)] for group in ("kanifing", "brikama", "hub")},
    "cloud_pacs": [host for host in GIVEN if host.endswith("-cloud")],
    "orthanc_gateways": [host for host in GIVEN if host.endswith("-gateway")],
}
CERTIFICATES = "the certificates of the gateways are always verified; name their authority in mediverse_winrm_ca"
HOST_KEYS = "the keys of SSH hosts are always verified; add them to known_hosts and remove it here."


def said(owner: str, of_a_group: bool, **variables: Any) -> list[str]:
    hosts = {name: GIVEN[name] for name in (GROUPS[owner] if of_a_group else [owner]) if name in GIVEN}
    return list(connections.settled(variables, hosts, of_a_group))


@pytest.mark.parametrize(
    ("host", "name", "value", "place"),
    [
        ("hub", "ansible_host", "192.0.2.9", "hub.host"),
        ("kanifing-cloud", "ansible_host", "192.0.2.9", "sites.kanifing.cloud.host"),
        ("kanifing-cloud", "ansible_ssh_host", "192.0.2.9", "sites.kanifing.cloud.host"),
        ("kanifing-cloud", "ansible_user", "{{ someone }}", "sites.kanifing.cloud.user"),
        ("kanifing-gateway", "ansible_port", 5985, "sites.kanifing.gateway.port"),
        ("kanifing-gateway", "ansible_winrm_user", "bob", "sites.kanifing.gateway.user"),
    ],
)
def test_how_a_host_is_reached_stands_in_the_site_file(host: str, name: str, value: Any, place: str) -> None:
    sentence = f"{name} stands in the site file ({place}); change it there and remove it here."
    assert said(host, False, **{name: value}) == [sentence]


@pytest.mark.parametrize("name", ["ansible_password", "ansible_winrm_pass", "ansible_winrm_ca_trust_path"])
def test_what_proves_an_enrolled_pc_is_kept_and_not_given(name: str) -> None:
    pc = {"ansible_connection": "winrm", "ansible_winrm_proxy": None, "ansible_password": "", "mediverse_site": "k"}
    pc["ansible_winrm_ca_trust_path"] = ""
    hosts = {"k-cloud": {"ansible_connection": "ssh"}, "k-gateway": pc}
    (sentence,) = connections.settled({name: "x"}, hosts, of_a_group=False)
    assert sentence.startswith(f"{name} cannot be set for k-gateway: it is an enrolled PC, which its own certificate")
    # The site file wins over a group, but only by a name that it gives itself.
    assert len(list(connections.settled({name: "x"}, hosts, of_a_group=True))) == (name not in pc)
    by_hand = {"k-gateway": {"ansible_connection": "winrm"}}
    assert list(connections.settled({name: "x"}, by_hand, of_a_group=False)) == []
    assert list(connections.settled({"ansible_winrm_proxy": None}, hosts, of_a_group=False)) == []


@pytest.mark.parametrize(
    ("owner", "variables"),
    [
        ("all", {"ansible_user": "deploy"}),
        ("all", {"ansible_connection": "local"}),
        ("cloud_pacs", {"ansible_connection": "winrm"}),
        ("kanifing", {"ansible_host": "192.0.2.9"}),
        ("orthanc_gateways", {"ansible_connection": "psrp"}),
    ],
)
def test_a_group_cannot_say_it_either(owner: str, variables: dict[str, Any]) -> None:
    (sentence,) = said(owner, True, **variables)
    assert "the site file" in sentence


@pytest.mark.parametrize(
    ("owner", "of_a_group", "variables"),
    [
        ("all", True, {"ansible_user": "root", "ansible_connection": "ssh", "ansible_port": "22"}),
        ("orthanc_gateways", True, {"ansible_user": "Administrator", "ansible_connection": "winrm"}),
        ("kanifing-cloud", False, {"ansible_host": "203.0.113.10", "ansible_connection": "ssh"}),
        ("old-nas", False, {"ansible_host": "192.0.2.9", "ansible_host_key_checking": False}),
        (
            "all",
            True,
            {
                "ansible_become": True,
                "ansible_become_password": "x",
                "ansible_python_interpreter": "/usr/bin/python3.13",
                "ansible_ssh_private_key_file": "~/.ssh/hospital",
                "ansible_ssh_common_args": "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=/srv/known -J bastion",
                "ansible_winrm_server_cert_validation": "validate",
                "ansible_winrm_scheme": "https",
                "ansible_winrm_transport": "kerberos",
                "ansible_winrm_read_timeout_sec": 300,
                "ansible_host_key_checking": True,
            },
        ),
    ],
)
def test_what_agrees_and_what_is_harmless(owner: str, of_a_group: bool, variables: dict[str, Any]) -> None:
    assert said(owner, of_a_group, **variables) == []


@pytest.mark.parametrize(
    ("name", "value", "end"),
    [
        ("ansible_winrm_server_cert_validation", "ignore", f"cannot be set: {CERTIFICATES} and remove it here."),
        ("ansible_winrm_server_cert_validation", "{{ checked }}", f"cannot be set: {CERTIFICATES} and remove it here."),
        ("ansible_winrm_scheme", "http", "cannot be set: gateways are reached over HTTPS only; remove it here."),
        ("ansible_winrm_message_encryption", "never", "cannot be set: messages are always encrypted; remove it here."),
        ("ansible_host_key_checking", False, f"cannot be set: {HOST_KEYS}"),
        ("ansible_ssh_host_key_checking", "no", f"cannot be set: {HOST_KEYS}"),
        (
            "ansible_ssh_common_args",
            "-o StrictHostKeyChecking=no",
            f"cannot switch StrictHostKeyChecking off: {HOST_KEYS}",
        ),
        (
            "ansible_ssh_extra_args",
            "-o 'StrictHostKeyChecking off'",
            f"cannot switch StrictHostKeyChecking off: {HOST_KEYS}",
        ),
        (
            "ansible_ssh_args",
            "-oStrictHostKeyChecking=accept-new",
            f"cannot switch StrictHostKeyChecking off: {HOST_KEYS}",
        ),
    ],
)
def test_nothing_is_trusted_without_proof(name: str, value: Any, end: str) -> None:
    assert said("all", True, **{name: value}) == [f"{name} {end}"]


UNVERIFIED = "-o StrictHostKeyChecking=no"
LOCAL = "the connection is 'local'; hosts of a site have SSH or WinRM, so remove it here."


@pytest.mark.parametrize(
    ("environment", "options", "sentence"),
    [
        ({"ANSIBLE_HOST_KEY_CHECKING": "False"}, (), "ANSIBLE_HOST_KEY_CHECKING: host_key_checking cannot be set"),
        ({"ANSIBLE_SSH_HOST_KEY_CHECKING": "0"}, (), "ANSIBLE_SSH_HOST_KEY_CHECKING: host_key_checking cannot be set"),
        ({"ANSIBLE_SSH_ARGS": UNVERIFIED}, (), "ANSIBLE_SSH_ARGS: ssh_args cannot switch StrictHostKeyChecking off"),
        ({}, (f"--ssh-common-args={UNVERIFIED}",), "--ssh-common-args: ssh_common_args cannot switch"),
        ({}, (f"--ssh-extra-args={UNVERIFIED}",), "--ssh-extra-args: ssh_extra_args cannot switch"),
        ({"ANSIBLE_TRANSPORT": "local"}, (), f"ANSIBLE_TRANSPORT: {LOCAL}"),
        ({}, ("-c", "local"), f"--connection: {LOCAL}"),
        ({}, ("-e", "ansible_host_key_checking=no"), "-e: ansible_host_key_checking cannot be set"),
    ],
)
def test_ansible_s_own_settings_weaken_nothing(
    tmp_path: Path,
    environment: dict[str, str],
    options: tuple[str, ...],
    sentence: str,
) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(changed(), encoding="utf-8")
    words = refused(
        run("ansible-playbook", "mediverse.pacs.verify", "-i", ".", *options, at=tmp_path, more=environment)
    )
    assert sentence in words


def test_an_ansible_cfg_weakens_nothing(tmp_path: Path) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(changed(), encoding="utf-8")
    lines = (
        "[defaults]",
        "host_key_checking = False",
        "transport = local",
        "[ssh_connection]",
        f"ssh_args={UNVERIFIED}",
    )
    (tmp_path / "ansible.cfg").write_text("\n".join(lines))
    words = refused(run("ansible-playbook", "mediverse.pacs.reconcile", "-i", ".", at=tmp_path))
    for sentence in ("host_key_checking cannot be set", "ssh_args cannot switch StrictHostKeyChecking off", LOCAL):
        assert f"{tmp_path / 'ansible.cfg'}: {sentence}" in words


def _named(place: Path, *names: str) -> list[str]:
    for name in names:
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x: 1\n")
    return list(vars_files.ownerless(vars_files.files([place]), GROUPS))


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("group_vars/kanifng.yml", "has no group 'kanifng'; did you mean kanifing?"),
        ("group_vars/Kanifing/vault.yml", "has no group 'Kanifing'; did you mean kanifing?"),
        ("group_vars/orthanc-gateways", "has no group 'orthanc-gateways'; did you mean orthanc_gateways?"),
        ("group_vars/hospital.yml", "has no group 'hospital'; rename it after one, or remove it."),
        ("group_vars/old-nas.yml", "has no group 'old-nas'; it is the name of a host, so move it to host_vars."),
        ("host_vars/kanifing_cloud.yml", "has no host 'kanifing_cloud'; did you mean kanifing-cloud?"),
        ("host_vars/kanifing.yml", "has no host 'kanifing'; it is the name of a group, so move it to group_vars."),
    ],
)
def test_a_file_named_after_nobody(tmp_path: Path, name: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = "group_vars/Kanifing" if "Kanifing/" in name else name
    assert _named(tmp_path, name) == [f"{shown} is read by nobody, because this inventory {end}"]


def test_files_that_are_read_or_are_none_of_variables(tmp_path: Path) -> None:
    names = (
        "all/vault.yml",
        "all.yml",
        "ungrouped.yml",
        "kanifing.yaml",
        "cloud_pacs",
        "README",
        "notes.txt",
        "a.yml~",
    )
    hosts = ("hub.yml", "old-nas.json", "localhost.yml", "kanifing-cloud/disk.yml", "kanifng.yml.bak", ".kanifng.yml")
    assert _named(tmp_path, *(f"group_vars/{name}" for name in names), *(f"host_vars/{name}" for name in hosts)) == []


def _slips(place: Path, text: str) -> list[str]:
    found = vars_files.VarsFile(place / "all.yml", vars_files.GROUP_VARS, "all")
    found.path.write_text(text)
    return [one.partition("all.yml: ")[2] for one in vars_files.slips(found, DataLoader(), ("mediverse_", "cloud_"))]


def test_a_key_that_stands_twice_is_told_without_its_value(tmp_path: Path) -> None:
    text = f"mediverse_secrets:\n  a: {SECRET}\n  a: {SECRET}\nown: [{{b: 1, b: 2}}]\n"
    text += f"password:{SECRET}: 1\npassword:{SECRET}: 2\n"
    found = _slips(tmp_path, text)
    assert found[:2] == [
        "mediverse_secrets.a stands twice, in lines 2 and 3; keep one of them.",
        "own[0].b stands twice, in lines 4 and 4; keep one of them.",
    ]
    assert len(found) == 3
    assert SECRET not in "".join(found)


def test_a_number_that_yaml_reads_as_another_one(tmp_path: Path) -> None:
    text = "cloud_wait: 0300\ncloud_ports: [8_0, 1:30]\ncloud_a: '0300'\ncloud_b: 0\ncloud_c: 0o17\nmode: 0644\n"
    end = "for YAML; write it without the zero or in quotes."
    assert _slips(tmp_path, text) == [
        f"cloud_wait in line 1 is the octal number 192 {end}",
        f"cloud_ports[1] in line 2 is a number in base 60 {end}",
    ]


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    link = tmp_path / "group_vars" / "kanifing.yml"
    link.parent.mkdir()
    link.symlink_to("gone.yml")
    (found,) = vars_files.files([tmp_path])
    (said,) = vars_files.slips(found, DataLoader(), ())
    assert said.endswith("kanifing.yml cannot be read: No such file or directory.")
    assert vars_files.plain(found, DataLoader()) == {}


VAULT = "$ANSIBLE_VAULT;1.1;AES256\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f'a: "{SECRET}\nb: 1\n', "line 1, column 4: the file is not valid YAML: the quote that opens here is never"),
        (f"a: [{SECRET}", "line 1, column 4: the file is not valid YAML: the brace or bracket that opens here"),
        (f"\ta: {SECRET}", "line 1, column 1: the file is not valid YAML: a tab stands there; indent with spaces."),
        (f"a: @{SECRET}", "line 1, column 4: the file is not valid YAML: a word begins with a special character"),
        (f"a: {{{{ {SECRET} }}}}", "line 1 has a map or a list in the place of a key; quote a text that begins"),
        (f"a: !{SECRET} x", "line 1 holds a tag that Ansible does not know, a word that begins with '!'; quote it"),
        (f"a: !vault {SECRET}", "line 1 holds !vault without what ansible-vault encrypt_string printed; expected all"),
        (f"- {SECRET}\n", "a list stands there; expected settings, each as name: value."),
        (SECRET, "a text stands there; expected settings, each as name: value."),
        (f"!!set {{{SECRET}}}", "a tag stands there; expected settings, each as name: value."),
        (f"a: 1\n7: {SECRET}\n", "line 2 has no text in the place of a name; expected name: value."),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: the file is not valid YAML: a second document begins"),
        ("\x00", "line 1 holds the control character U+0000; take it out."),
        ("[" * 3000, ""),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_not_quoted(tmp_path: Path, text: str, sentence: str) -> None:
    (said,) = _slips(tmp_path, text)
    assert said.startswith(sentence)
    assert SECRET not in said


@pytest.mark.parametrize(
    "text",
    ["", "# nothing yet\n", "null\n", "{}\n", f"a: !vault |\n  {VAULT}  3030\n", "a: !unsafe '{{ b }}'\n", VAULT],
)
def test_a_file_that_ansible_can_read_or_decrypts(tmp_path: Path, text: str) -> None:
    assert _slips(tmp_path, text) == []


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        (
            "group_vars/all.yml",
            "a: 2026-13-45",
            "is not read by Ansible, because a value in it is not what it looks like",
        ),
        ("group_vars/kanifing.yml", f"a: !!bool {SECRET}", "is not read by Ansible, because a value in it is not what"),
        (
            "group_vars/all/vault.yml",
            VAULT,
            "cannot be decrypted; give the password of its vault with --ask-vault-pass",
        ),
        ("host_vars/hub.yml", VAULT, "cannot be decrypted; give the password of its vault with --ask-vault-pass"),
        ("host_vars/kanifing-cloud.yml", VAULT, "cannot be decrypted; give the password of its vault with"),
    ],
)
def test_a_file_that_only_ansible_finds_unreadable(tmp_path: Path, file: str, text: str, sentence: str) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(changed(second=True), encoding="utf-8")
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    words = refused(run("ansible-playbook", "mediverse.pacs.verify", "-i", ".", "-l", "kanifing", at=tmp_path))
    assert f"{file} {sentence}" in words
    assert SECRET not in words


def test_the_vault_of_another_site_is_nobody_s_business(tmp_path: Path) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(changed(second=True), encoding="utf-8")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "brikama.yml").write_text(VAULT)
    options = ("-i", ".", "-l", "kanifing", "--list-hosts")
    done = run("ansible-playbook", "mediverse.pacs.verify", *options, at=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["site", "verify", "reconcile"])
def test_every_playbook_refuses_them_before_its_first_play(tmp_path: Path, name: str) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(changed(), encoding="utf-8")
    for file, text in {
        "group_vars/kanifng.yml": "x: 1\n",
        "group_vars/orthanc_gateways.yml": "ansible_winrm_server_cert_validation: ignore\n",
        "host_vars/hub.yml": f"mediverse_own_names: [a]\nmediverse_own_names: [{SECRET}]\nansible_host: 192.0.2.9\n",
    }.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    done = run(
        *("ansible-playbook", f"mediverse.pacs.{name}", "-i", str(tmp_path), "-e", "ansible_port=2222"), at=tmp_path
    )
    words = refused(done)
    for sentence in (
        "group_vars/kanifng.yml is read by nobody, because this inventory has no group 'kanifng'",
        f"group_vars/orthanc_gateways.yml: ansible_winrm_server_cert_validation cannot be set: {CERTIFICATES}",
        "host_vars/hub.yml: mediverse_own_names stands twice, in lines 1 and 2; keep one of them.",
        "host_vars/hub.yml: ansible_host stands in the site file (hub.host); change it there and remove it here.",
        "-e: ansible_port stands in the site file (port of each host); change it there and remove it here.",
        "Nothing was changed.",
    ):
        assert words.count(sentence) == 1, words


@pytest.mark.parametrize("place", ["inventories/lab", *(str(path) for path in ROOT.glob("molecule/*/inventory"))])
def test_the_inventories_of_the_labs_pass(tmp_path: Path, place: str) -> None:
    done = run(
        "ansible-playbook", "mediverse.pacs.site", "-i", str(ROOT / place), "--list-hosts", at=tmp_path, settings=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hosts (" in done.stdout
