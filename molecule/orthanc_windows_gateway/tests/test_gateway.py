# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished gateway: what the simulated Windows remembers, and how the real Orthanc on it behaves."""

from __future__ import annotations

import base64
import json
import re
import shlex
import socket
from typing import Any

import pytest
import testinfra
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at run time

LAB = "mediverse-orthanc-windows-gateway"
ADMIN = "admin:gateway-p$w'%\"1"
ADDRESS = "172.30.80.50"
PROGRAM = r"C:\Program Files\Orthanc Server"
FULL_CONTROL = 2032127
testinfra_hosts = [f"docker://{LAB}-demo-gateway"]


@pytest.fixture
def state(host: Any) -> dict[str, Any]:
    return dict(json.loads(host.file("/srv/windows/state.json").content_string))


@pytest.fixture
def scanner() -> Any:
    return testinfra.get_host(f"docker://{LAB}-scanner")


def windows_file(host: Any, path: str) -> Any:
    return host.file("/srv/windows/C/" + path.replace("\\", "/"))


def rest(host: Any, path: str, method: str = "GET") -> Any:
    """Calls the gateway's REST API from the gateway itself; its answer, or the HTTP status when it is no success."""
    program = (
        "import sys, urllib.request as u, urllib.error as e\n"
        "url, headers = 'http://127.0.0.1:8042' + sys.argv[1], {'Authorization': sys.argv[3]}\n"
        "r = u.Request(url, method=sys.argv[2], headers=headers)\n"
        "try: print(u.urlopen(r, timeout=20).read().decode())\n"
        "except e.HTTPError as x: print(x.code)\n"
    )
    login = "Basic " + base64.b64encode(ADMIN.encode()).decode()
    return json.loads(host.check_output("python3 -c %s %s %s %s", program, path, method, login))


def test_firewall_lets_only_the_scanner_in(state: dict[str, Any]) -> None:
    (rule,) = [rule for rule in state["firewall"]["rules"] if rule["Name"] == "Mediverse DICOM"]
    assert (rule["RemoteAddresses"], rule["LocalPorts"], rule["Enabled"]) == ("172.30.80.40", "4242", True)
    assert rule["ApplicationName"] == rf"{PROGRAM}\Orthanc.exe"
    assert not [other for other in state["firewall"]["rules"] if other["LocalPorts"] == "8042"]


def test_service_comes_back_after_a_crash(state: dict[str, Any]) -> None:
    service = state["services"]["Orthanc"]
    assert (service["state"], service["start_mode"]) == ("started", "auto")
    assert [action["type"] for action in service["failure_actions"]] == ["restart"] * 3
    assert service["failure_reset_period_sec"] == 86400
    registry = state["registry"][r"hklm\system\currentcontrolset\services\orthanc"]["values"]
    assert registry["environment"]["data"] == ["TCP_NODELAY=1"]


def test_task_wakes_the_forwarder(state: dict[str, Any], host: Any) -> None:
    task = state["tasks"][r"\Mediverse forwarder"]
    assert (task["username"], task["enabled"]) == (r"NT AUTHORITY\SYSTEM", True)
    assert task["triggers"][0]["repetition"] == {"interval": "PT1M"}
    (action,) = task["actions"]
    # Windows' own command line, with the places where the lab keeps drive C:.
    command = action["arguments"].partition('-Command "')[2].removesuffix('"').replace("\\", "/")
    command = command.replace("C:", "/srv/windows/C")
    script, __, credentials, *__ = re.findall("'([^']*)'", command)
    assert host.file(script).is_file
    assert host.file(credentials).is_file
    assert "gateway-p" not in action["arguments"]
    if host.file("/opt/pwsh/pwsh").exists:
        host.run_expect([0], f"/opt/pwsh/pwsh -NoProfile -NonInteractive -Command {shlex.quote(command)}")
        # The role ran it as well.
        assert task["last_result"] == 0


def test_everybody_can_start_the_self_test(state: dict[str, Any], host: Any) -> None:
    folder = windows_file(host, r"Program Files\Mediverse")
    assert {"selftest.cmd", "selftest.ps1", "wake.ps1"} <= set(folder.listdir())
    assert windows_file(host, r"Users\Public\Desktop\Mediverse self-test.cmd").is_file
    # It has the rights of Program Files: others read, administrators write.
    assert not [name for name in state["acl"] if name.startswith((r"c:\program files\mediverse", r"c:\users"))]


@pytest.mark.parametrize(
    "folder",
    [r"c:\orthanc", r"c:\programdata\mediverse", PROGRAM.lower() + r"\configuration", PROGRAM.lower() + r"\logs"],
)
def test_folders_belong_to_system_and_administrators(state: dict[str, Any], folder: str) -> None:
    acl = state["acl"][folder]
    assert acl["protected"]
    assert {entry["account"] for entry in acl["entries"]} == {r"NT AUTHORITY\SYSTEM", r"BUILTIN\Administrators"}
    assert {entry["rights"] for entry in acl["entries"]} == {FULL_CONTROL}


def test_scanner_adapter_is_static_and_the_other_untouched(state: dict[str, Any]) -> None:
    session, own = state["interfaces"]
    assert [(item["address"], item["prefix"]) for item in own["addresses"]] == [(ADDRESS, 27)]
    assert own["stored"] == {"addresses": [{"address": ADDRESS, "prefix": 27}], "gateway": None}
    assert (own["dhcp"], own["gateway"], own["register_dns"]) == (False, None, False)
    assert [item["address"] for item in session["addresses"]] == ["172.30.80.30"]
    assert (session["gateway"], session["register_dns"]) == ("172.30.80.1", True)


def test_scanner_is_acknowledged_at_once_and_nobody_else(state: dict[str, Any]) -> None:
    found = {
        key.rpartition("\\")[2]: entry["values"]["tcpackfrequency"]
        for key, entry in state["registry"].items()
        if "tcpackfrequency" in entry["values"]
    }
    guid = state["interfaces"][1]["guid"].lower()
    assert found == {guid: {"name": "TcpAckFrequency", "type": "dword", "data": 1}}
    assert rf"hklm\system\currentcontrolset\services\tcpip\parameters\interfaces\{guid}" in state["registry"]


def test_pc_stays_awake(state: dict[str, Any]) -> None:
    assert state["power"]["timeouts"]["standby-timeout-ac"] == 0
    assert state["power"]["timeouts"]["hibernate-timeout-ac"] == 0
    power = state["registry"][r"hklm\system\currentcontrolset\control\session manager\power"]["values"]
    assert power["hiberbootenabled"]["data"] == 0


def test_configuration_folder_is_owned(host: Any) -> None:
    folder = windows_file(host, r"Program Files\Orthanc Server\Configuration")
    names = {name for name in folder.listdir() if name.endswith(".json")}
    assert names == {"orthanc.json", "worklists.json", "credentials.json"}
    main = windows_file(host, r"Program Files\Orthanc Server\Configuration\orthanc.json").content_string
    assert "gateway-p" not in main
    assert "cloud-p" not in main
    assert all("\\" not in path for path in json.loads(main)["LuaScripts"])


def test_scanner_is_served(scanner: Any, host: Any) -> None:
    echo = json.loads(scanner.check_output("dicom-echo --host %s", ADDRESS))
    assert echo["ok"]
    sent = json.loads(scanner.check_output("send-study --host %s --count 2 --size 32", ADDRESS))
    assert sent["ok"]
    assert len(sent["sent"]) == 2
    found = rest(host, "/instances?expand")
    stored = {instance["MainDicomTags"]["SOPInstanceUID"] for instance in found}
    assert {image["sop_instance_uid"] for image in sent["sent"]} <= stored
    assert json.loads(scanner.check_output("find-worklist --host %s", ADDRESS))["entries"] == []


def test_unknown_ae_title_is_refused(scanner: Any, host: Any) -> None:
    before = rest(host, "/statistics")["CountInstances"]
    answer = scanner.run("send-study --host %s --calling STRANGER --count 1 --size 32", ADDRESS)
    assert answer.rc != 0
    assert scanner.run("send-study --host %s --called SOMEBODY --count 1 --size 32", ADDRESS).rc != 0
    assert rest(host, "/statistics")["CountInstances"] == before


def test_known_title_from_a_wrong_address_is_refused() -> None:
    socket.create_connection((ADDRESS, 4242), timeout=30).close()  # it is not the network that refuses
    caller = AE("CT_SCANNER")  # the scanner's title, but from the controller
    caller.add_requested_context(Verification)
    association = caller.associate(ADDRESS, 4242, ae_title="MEDIVERSE")
    accepted = association.is_established and bool(association.send_c_echo())
    association.abort()
    assert not accepted


def test_index_has_its_row_of_statistics(host: Any) -> None:
    program = (
        "import sqlite3\n"
        "index = sqlite3.connect('file:/srv/windows/C/Orthanc/index?mode=ro&immutable=1', uri=True)\n"
        "print(index.execute('SELECT * FROM sqlite_stat1').fetchall())\n"
    )
    assert host.check_output("python3 -c %s", program) == "[('Resources', 'ResourceTypeIndex', '1000000 250000')]"


def test_partners_of_orthanc(host: Any) -> None:
    assert set(rest(host, "/modalities")) == {"ct1", "self-test"}
    assert rest(host, "/modalities/ct1/echo", "POST") == {}
    assert rest(host, "/modalities/self-test/echo", "POST") == {}
    peer = rest(host, "/peers/MediverseCloud_demo/configuration")
    assert peer["Url"] == "https://demo.pacs.mediverse.test/"
    assert str(peer["Timeout"]) == "3600"
    assert str(rest(host, "/peers/archive/configuration")["Timeout"]) == "600"


def test_rest_api_is_closed_to_others(scanner: Any, host: Any) -> None:
    assert scanner.run("python3 -c %s", f"import socket; socket.create_connection(('{ADDRESS}', 8042), 3)").rc != 0
    listening = host.check_output("cat /proc/net/tcp")
    assert "0100007F:1F6A" in listening  # 127.0.0.1:8042


@pytest.mark.parametrize("destination", ["MediverseCloud_demo", "archive"])
def test_backlog_can_be_asked_for(host: Any, destination: str) -> None:
    status = rest(host, f"/peers/{destination}-status/configuration")
    behind = rest(host, f"/changes?type=NewInstance&since={status['Read']}")["Changes"]
    stored = rest(host, "/statistics")["CountInstances"]
    # There is no cloud in this lab: every image waits.
    assert int(status["Pending"]) + len(behind) == stored
    assert status["Sent"] == "0"
