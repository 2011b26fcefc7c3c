# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the proof, the ledger and each role is run into its failure, and none of them says a secret.

What a task would say that works here is looked at in test_3_runs.py; this is about what is said only when it fails.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenarios import site_lab as site

CHECKS = (
    "certificate",
    "redirect",
    "login",
    "pacs",
    "limit",
    "viewer",
    "list",
    "ports",
    "neighbour",
    "echo",
    "inbound",
    "link",
    "worklists",
    "worklist",
    "image",
    "refused",
    "backlog",
)
# Wrong, and therefore planted where a password is expected; they look like no other text.
PLANTED = {
    name: f"wr0ng-{name} 'a' \"b\" $c\\n %41&<d>+#;"
    for name in ("viewer", "cloud", "gateway", "proxy", "winrm", "ledger gateway", "ledger cloud", "hub")
}
# With the right passwords.
BROKEN = {
    "site_proof_site": "nosuch",
    "site_proof_certificate_days": 99999,
    "site_proof_pacs_fqdn": "wrong-name.mediverse.test",
    "site_proof_login_address": "nobody.invalid",
    "site_proof_closed_ports": [443],
    "site_proof_scanners": ["nosuch"],
    # No rule of the firewall admits it.
    "site_proof_scanner_hosts": ["192.0.2.99"],
    "site_proof_syncthing_folder": "nosuch",
    "site_proof_worklist_limit": 0,
    "site_proof_peer": "nosuch",
    "site_proof_backlog_patience": 1,
}


class Failing:
    """Runs playbooks that must fail, and keeps all that they said."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.said: dict[str, str] = {}

    def run(self, name: str, playbook: str, variables: dict[str, Any], code: bool = True) -> site.Run:
        """``variables`` are given as an operator gives them; ``code``: whether the run has to fail as a whole."""
        given = self._folder / f"{name}.json"
        given.touch(mode=0o600)
        given.write_text(json.dumps(variables), encoding="utf-8")
        run = site.ansible(
            *(playbook, "-i", str(site.INVENTORY), "-l", "demo", "-vvv", "--diff", "-e", f"@{given}"),
            environment={
                **site.as_failures(f"{name}-as-failures.log"),
                "ANSIBLE_LOG_PATH": str(self._folder / f"{name}.log"),
            },
        )
        assert bool(run.code) == code, run.output[-3000:]
        self.said[f"{name}: output"] = run.output
        self.said[f"{name}: log"] = (self._folder / f"{name}.log").read_text(encoding="utf-8")
        self.said[f"{name}: callback"] = (site.STATE / f"{name}-as-failures.log").read_text(encoding="utf-8")
        return run

    def proof(self, name: str, **variables: Any) -> dict[str, str]:
        """Results of a proof by the name of the check, with what each said."""
        place = self._folder / name
        self.run(name, "playbooks/verify.yml", {"site_proof_directory": str(place), **variables})
        for file in ("proof.json", "proof.xml"):
            self.said[f"{name}: {file}"] = (place / file).read_text(encoding="utf-8")
        checks = json.loads(self.said[f"{name}: proof.json"])["checks"]
        return {one["check"]: one["detail"] for one in checks if one["result"] == "failed"}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Failing:
    return Failing(tmp_path_factory.mktemp("failing"))


@pytest.fixture
def cut_off() -> Iterator[str]:
    """A worklist file whose end never came. Old enough to be judged."""
    path = "/files/worklists_wl/demo/cut-off.wl"
    site.inside(site.HUB, "sh", "-c", f"cat > {path} && touch -d '-10 minutes' {path}", data=bytes(128) + b"DICM")
    yield path.rpartition("/")[2]
    site.inside(site.HUB, "rm", "-f", path)


def test_every_check_of_the_proof_with_the_right_passwords(failing: Failing, cut_off: str) -> None:
    known = yaml.safe_load((site.REPOSITORY / "roles" / "site_proof" / "vars" / "main.yml").read_text(encoding="utf-8"))
    every = {one["check"] for one in known["__site_proof_all_checks"]}
    assert every == set(CHECKS), "a new check has to be run into its failure here, too"
    failed = failing.proof("broken", **BROKEN)
    assert set(failed) == set(CHECKS), failed
    assert "Scanner nosuch does not answer an echo" in failed["echo"]
    assert "in the cloud" in failed["image"] or "DICOMweb" in failed["image"]
    assert f"reaches no scanner, or not rightly: {cut_off} does not say its transfer syntax" in failed["worklists"]
    assert "No container of pacs-nosuch answers" in failed["neighbour"]


@pytest.fixture
def unguarded() -> Iterator[None]:
    """The rules that close container addresses are there, and no packet comes to them."""
    raw = ("iptables", "-w", "-t", "raw")
    site.inside(site.CLOUD, *raw, "-D", "PREROUTING", "-j", "MEDIVERSE-GUARD")
    try:
        yield
    finally:
        site.inside(site.CLOUD, "mediverse-container-guard", "apply")
        site.inside(site.CLOUD, "mediverse-container-guard", "verify")


def test_containers_that_are_not_closed_any_more(failing: Failing, unguarded: None) -> None:
    failed = failing.proof("unguarded", site_proof_checks=["neighbour"])
    said = "Container addresses are not closed (iptables lacks rules or passes them by); run the playbook again."
    assert failed == {"neighbour": said}


def test_every_check_of_the_proof_that_logs_in_with_a_wrong_password(failing: Failing) -> None:
    wrong = {f"site_proof_{name}_password": PLANTED[name] for name in ("viewer", "gateway", "proxy")}
    checks = ["certificate", "login", "list", "echo", "worklist", "image", "refused", "backlog"]
    failed = failing.proof("wrong", site_proof_checks=checks, site_proof_backlog_patience=1, **wrong)
    assert set(failed) == set(checks), failed
    assert "refused the login" in failed["echo"]
    failed = failing.proof(
        "cloud",
        site_proof_checks=["image", "limit"],
        site_proof_cloud_password=PLANTED["cloud"],
        site_proof_largest_instance_mb=1,
    )
    assert "demo-cloud answers 401" in failed["image"]
    assert "instead of 413 to a file of 2 MiB" in failed["limit"]


def test_a_gateway_that_refuses_the_operator(failing: Failing) -> None:
    """Whatever the connection says, which knows the password too."""
    checks = ["echo", "worklist", "image", "backlog"]
    failed = failing.proof("winrm", site_proof_checks=checks, mediverse_winrm_password=PLANTED["winrm"])
    assert set(failed) == set(checks), failed


@pytest.fixture
def lost_image(study: dict[str, Any]) -> str:
    """An image that the cloud does not have any more; the test has it sent again."""
    known = site.wait("the study's arrival", lambda: site.CLOUD_ORTHANC.study(study["study_instance_uid"]), 60)
    instance = site.CLOUD_ORTHANC.get(f"/studies/{known}/instances")[0]
    site.CLOUD_ORTHANC.delete(f"/instances/{instance['ID']}")
    return str(instance["MainDicomTags"]["SOPInstanceUID"])


def test_the_ledger(failing: Failing, lost_image: str) -> None:
    place = site.STATE / "failing-ledger"
    common = {"delivery_ledger_directory": str(place)}
    playbook = "playbooks/reconcile.yml"
    failing.run("ledger-here", playbook, {**common, "delivery_ledger_gateway_password": PLANTED["ledger gateway"]})
    failing.run("ledger-there", playbook, {**common, "delivery_ledger_cloud_password": PLANTED["ledger cloud"]})
    run = failing.run(
        "ledger-peer", playbook, {**common, "delivery_ledger_resend": True, "delivery_ledger_peer": "nosuch"}
    )
    assert "has no peer 'nosuch'" in " ".join(run.output.split())
    report = (place / "ledger.json").read_text(encoding="utf-8")
    failing.said["ledger: report"] = report
    assert lost_image in report
    failing.run("ledger-mended", playbook, {**common, "delivery_ledger_resend": True}, code=False)
    failing.said["ledger: mended"] = (place / "ledger.json").read_text(encoding="utf-8")
    shutil.rmtree(place)


# Where each role fails although its arguments are in order, and what it then says. One task each, on the finished site.
_ROLES = [
    (
        "cloud_pacs",
        "verify",
        "demo-cloud",
        {"cloud_pacs_admin_password": PLANTED["cloud"], "__cloud_pacs_reachable": True},
        "does not hold",
    ),
    (
        "cloud_pacs",
        "validate",
        "demo-cloud",
        {"cloud_pacs_admin_password": PLANTED["cloud"] + "${x}"},
        "cloud_pacs_admin_password contains",
    ),
    (
        "nginx_proxy_manager",
        "configure",
        "demo-cloud",
        {"nginx_proxy_manager_admin_password": PLANTED["proxy"], "__nginx_proxy_manager_reachable": True},
        "Nginx Proxy Manager at http://127.0.0.1:81",
    ),
    (
        "nginx_proxy_manager",
        "validate",
        "demo-cloud",
        {
            "nginx_proxy_manager_access_lists": [
                {"name": "l", "items": [{"username": "u", "password": " " + PLANTED["viewer"]}]}
            ]
        },
        "has a person who could not log in",
    ),
    (
        "orthanc_windows_gateway",
        "orthanc",
        "demo-gateway",
        {"orthanc_windows_gateway_admin_password": PLANTED["gateway"]},
        "refused the login",
    ),
    (
        "syncthing_pair",
        "configure",
        "demo-gateway",
        # Nobody looked at the PC before, so the certificate is read.
        {
            "syncthing_pair_hub_api_url": "http://127.0.0.1:9",
            "__syncthing_pair_hub_key": PLANTED["hub"],
            "__syncthing_pair_certificate_seen": "",
        },
        "cannot be reached",
    ),
]


# Of a loop, what each of its items said.
_SAID = (
    "{{ ansible_failed_result.msg | default('') }} "
    "{{ ansible_failed_result.results | default([]) | map(attribute='msg', default='') | join(' ') }}"
)


def test_each_role(failing: Failing, tmp_path: Path) -> None:
    plays = []
    for number, (role, file, host, variables, __) in enumerate(_ROLES):
        include = {
            "ansible.builtin.include_role": {"name": f"mediverse.pacs.{role}", "tasks_from": file},
            "vars": variables,
        }
        went_on = {"ansible.builtin.fail": {"msg": f"part {number} did not fail"}}
        said = {"ansible.builtin.debug": {"msg": f"part {number} said: {_SAID}"}}
        block = {"block": [include, went_on], "rescue": [said]}
        plays.append(
            {
                "hosts": host,
                "gather_facts": False,
                "vars_files": [str(site.REPOSITORY / "playbooks" / "vars" / "roles.yml")],
                "tasks": [
                    {"ansible.builtin.include_tasks": str(site.REPOSITORY / "playbooks" / "tasks" / "secrets.yml")},
                    block,
                ],
            }
        )
    playbook = tmp_path / "roles.yml"
    playbook.touch(mode=0o600)
    playbook.write_text(yaml.safe_dump(plays, allow_unicode=True), encoding="utf-8")
    run = failing.run("roles", str(playbook), {}, code=False)
    text = " ".join(run.output.split())
    for number, (role, file, *___, sentence) in enumerate(_ROLES):
        part = text.partition(f"part {number} said: ")[2][:1500]
        assert sentence in part, f"{role} {file}: {part[:500]}"


def test_nobody_said_a_secret(failing: Failing) -> None:
    assert len(failing.said) >= 30, "the tests before this one have to run"
    known = {**site.all_secrets(), **{f"planted {name}": value for name, value in PLANTED.items()}}
    found = {name: site.leaks(text, known) for name, text in failing.said.items()}
    assert {name: leaks for name, leaks in found.items() if leaks} == {}


# How an echo was asked for once: a hidden task, and a loop over its results.
_FAULT = """
- name: Echo
  ansible.windows.win_uri:
    url: "{{ site_proof_gateway_url }}/modalities/{{ item }}/echo"
    method: POST
    headers:
      Authorization: "Basic {{ (site_proof_gateway_username ~ ':' ~ site_proof_gateway_password) | b64encode }}"
    content_type: application/json
    body: '{"Timeout": 5}'
    return_content: true
    status_code: [200, 401, 404, 500]
    timeout: 20
  loop: "{{ site_proof_scanners }}"
  register: __site_proof_seen
  failed_when: false
  no_log: true

- name: Judge the echoes
  ansible.builtin.assert:
    that: item.status_code | default(0) == 200
    quiet: true
  loop: "{{ __site_proof_seen.results }}"
  loop_control: {label: "{{ item.item }}"}
  delegate_to: localhost
  become: false
"""


def test_the_search_finds_a_fault_that_is_put_back(tmp_path: Path) -> None:
    """Otherwise nothing that is found to be clean here would say anything."""
    checkout = tmp_path / "ansible_collections" / "mediverse" / "pacs"
    for name in ("plugins", "roles", "playbooks", "meta"):
        shutil.copytree(site.REPOSITORY / name, checkout / name)
    shutil.copy(site.REPOSITORY / "galaxy.yml", checkout)
    (checkout / "roles" / "site_proof" / "tasks" / "checks" / "echo.yml").write_text("---" + _FAULT, encoding="utf-8")
    run = site.ansible(
        *("mediverse.pacs.verify", "-i", str(site.INVENTORY), "-l", "demo"),
        *("-e", json.dumps({"site_proof_checks": ["echo"], "site_proof_scanners": ["nosuch"]})),
        *("-e", json.dumps({"site_proof_directory": str(tmp_path / "proof")})),
        environment={"ANSIBLE_COLLECTIONS_PATH": f"{tmp_path}:{site.REPOSITORY / '.collections'}"},
    )
    assert run.code
    assert site.leaks(run.output, site.all_secrets()) == ["gateway_orthanc_admin"]


# Everything that a run leaves where its modules are unpacked: their whole input is part of them.
_LEFT = "find ~/.ansible/tmp -type f -name 'AnsiballZ_*' -exec cat {} +"


# What runs on the gateway, and its simulated Windows does not know how to keep a module's file.
_ON_THE_GATEWAY = {"echo", "inbound", "worklist", "image", "refused", "backlog"}


def test_the_hub_gets_no_login_of_the_viewer(tmp_path: Path) -> None:
    for container in (site.HUB, site.CLOUD):
        site.inside(container, "sh", "-c", "rm -rf ~/.ansible/tmp")
    run = site.ansible(
        *("playbooks/verify.yml", "-i", str(site.INVENTORY), "-l", "demo"),
        *("-e", json.dumps({"site_proof_checks": [name for name in CHECKS if name not in _ON_THE_GATEWAY]})),
        *("-e", json.dumps({"site_proof_directory": str(tmp_path / "proof")})),
        environment={"ANSIBLE_KEEP_REMOTE_FILES": "1"},
    )
    assert run.code == 0, run.output[-3000:]
    left = {container: site.inside(container, "sh", "-c", _LEFT) for container in (site.HUB, site.CLOUD)}
    for container in left:
        site.inside(container, "sh", "-c", "rm -rf ~/.ansible/tmp")
    # The search would find it, and the hub was asked.
    assert "viewer_login" in site.leaks(left[site.CLOUD], site.secrets())
    assert "http_probe" in left[site.HUB]
    assert site.leaks(left[site.HUB], site.secrets()) == []
