# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``gateway_way``: what a run is told of the way to an enrolled PC, by Ansible's own connection to the hub."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.mediverse.pacs.plugins.action import gateway_way
from ansible_collections.mediverse.pacs.plugins.module_utils._access import report as reports
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _enrolled as enrolled
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _forward as forward
from ansible_collections.mediverse.pacs.plugins.plugin_utils._reach import of_host
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites import read

from tests.unit.access import test_forward
from tests.unit.access.certificates import server
from tests.unit.access.hub import Hub
from tests.unit.access.hub_programs import report
from tests.unit.access.test_forward import PC, STRANGER, processes
from tests.unit.sites.site_file import REMOVED, changed

hub, pc, playbook = test_forward.hub, test_forward.pc, test_forward.playbook
REPORT = report(certificate=PC[0])
KEPT = enrolled.Pc(reports.fingerprint(REPORT), PC[0], "Kept_2-for-the-PC")
ENTRY = {"fingerprint": KEPT.fingerprint, "address": "127.0.0.1", "report": REPORT}
ACCESS: dict[str, Any] = {"accepted": ENTRY, "way": "wireguard"}


def connection(hub: Hub, **more: str) -> Any:
    """As a task that is delegated to the hub has it."""
    made = connection_loader.get("ansible.builtin.ssh", PlayContext())
    options = {
        "ansible_host": "127.0.0.1",
        "ansible_port": hub.port,
        "ansible_ssh_private_key_file": str(hub.folder / "other"),
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={hub.folder / 'known_hosts'}",
        **more,
    }
    made.set_options(var_options=options)
    return made


def call(over: Any = None, **given: Any) -> dict[str, Any]:
    action = object.__new__(gateway_way.ActionModule)
    action._connection, action._play_context = over, PlayContext()
    defaults = {"site": "kanifing", "kind": "tunnel", "host": "", "access": ACCESS, "pc": KEPT.text(), "by": "ssh"}
    action.validate_argument_spec = lambda __: (None, {**defaults, **given})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway_way.ActionBase, "run", lambda *__: {})
        done: dict[str, Any] = action.run(task_vars={})
    assert (done["changed"], done["_ansible_no_log"]) == (False, True)
    return done


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, playbook: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(os, "getppid", lambda: playbook.pid)


def test_by_a_route_or_a_vpn_of_its_own_the_address_is_the_pcs(tmp_path: Path) -> None:
    for given, address in (({"by": "route"}, "127.0.0.1"), ({"kind": "own", "host": "10.8.0.12"}, "10.8.0.12")):
        way = call(**given)
        assert (way["host"], way["port"], way["address"], way["password"]) == (address, 5986, address, KEPT.password)
        assert Path(way["ca"]).read_text() == KEPT.pem()


def test_through_the_hub_as_ansible_itself_logs_in(
    hub: Hub, pc: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(enrolled, "WINRM_PORT", pc)
    hub.start(forwarding="local")
    way = call(connection(hub))
    assert (way["host"], way["address"], way["comes"]) == ("127.0.0.1", "127.0.0.1", "wireguard")
    assert way["port"] != pc
    forward.answers(way["port"], Path(way["ca"]))
    # Nothing secret stands on a command line.
    assert not processes(KEPT.password)
    # A PC with another certificate is host_reach's to tell of.
    other = report(certificate=STRANGER[0])
    kept = KEPT._replace(fingerprint=reports.fingerprint(other), certificate=STRANGER[0])
    entry = {**ENTRY, "fingerprint": kept.fingerprint, "report": other}
    call(connection(hub), pc=kept.text(), access={**ACCESS, "accepted": entry})
    # And one that the hub alone names is spoken to by nobody.
    with pytest.raises(AnsibleActionFail, match="names another PC for kanifing than the one that is kept"):
        call(connection(hub), access={**ACCESS, "accepted": entry})


def test_a_hub_that_lets_nobody_forward_is_told(hub: Hub, pc: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolled, "WINRM_PORT", pc)
    hub.start(forwarding="remote")
    with pytest.raises(AnsibleActionFail, match=r"sshd forwards nothing; .* to_gateways: route below hub"):
        call(connection(hub))


def test_a_hub_that_is_away_or_asks_for_a_password_is_told(hub: Hub) -> None:
    with pytest.raises(AnsibleActionFail, match=r"The hub does not answer by SSH; .* Nothing was changed\."):
        call(connection(hub))
    with pytest.raises(AnsibleActionFail, match=r"reached by a password, .* to_gateways: route"):
        call(connection(hub, ansible_password="secret"))


def test_without_an_accepted_pc_it_says_what_to_do() -> None:
    for given in ({"pc": ""}, {"access": {"accepted": None, "way": "none"}}):
        with pytest.raises(AnsibleActionFail, match=r"No PC was accepted for kanifing; make its stick .* Nothing was"):
            call(**given)


@pytest.mark.parametrize(("of", "trusted"), [(PC, True), (STRANGER, False)])
def test_winrm_trusts_the_pinned_certificate_alone_and_asks_no_proxy(
    of: tuple[str, str], trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible's own connection, with the variables of the inventory, and what an operator is told of its trouble."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    (tmp_path / "pinned.pem").write_text(KEPT.pem())
    text = changed(("sites.kanifing.gateway.host", REMOVED), ("sites.kanifing.gateway.user", REMOVED))
    (there,) = [host.variables for host in read(text.encode(), "x") if host.name == "kanifing-gateway"]
    way = {"host": "127.0.0.1", "address": "10.98.0.2", "comes": "wireguard"}
    with server(of[1], tmp_path) as port:
        known = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_password": "x"}
        known["ansible_winrm_ca_trust_path"] = str(tmp_path / "pinned.pem")
        made = connection_loader.get("ansible.builtin.winrm", PlayContext())
        options = {**there, **known}
        # As Ansible hands over what a connection takes beside its options.
        extras = {name: value for name, value in options.items() if name.startswith("ansible_winrm_")}
        made.set_options(var_options={**options, "_extras": extras})
        with pytest.raises(AnsibleConnectionFailure) as caught:
            made._connect()
    said = of_host("kanifing-gateway", {**there, **known, "mediverse_way": way}, str(caught.value))
    assert "proxy" not in str(caught.value).lower()
    assert ("shows another certificate than the PC that was accepted" in said) is not trusted, said
