# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh machine: who may come is what its state says at that moment."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab.winrm import admission, initial
from tests.lab.winrm.__main__ import machine as new_machine
from tests.lab.winrm.auth import Logons
from tests.lab.winrm.clock import Clock
from tests.lab.winrm.listening import Attendant
from tests.lab.winrm.windows import Windows

POLICY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
HUB = "10.98.0.1"


@pytest.fixture
def fresh(tmp_path: Path) -> Windows:
    (tmp_path / "pc").mkdir()
    state = initial.fresh("CT-PC", "8A4E1F0C-3B5D-4C1E-9F7A-0123456789AB")
    (tmp_path / "pc" / "state.json").write_text(json.dumps(state))
    return new_machine(tmp_path / "pc", "mediverse", "CT-PC")


def rule(**change: Any) -> dict[str, Any]:
    known = initial.fresh("CT-PC", "")["firewall"]["rules"][0]
    return {**known, "Enabled": True, "LocalPorts": "5986", "RemoteAddresses": HUB, **change}


@pytest.mark.parametrize(
    ("rules", "address", "inside"),
    [
        ([], HUB, False),
        ([], "127.0.0.1", True),
        ([rule()], HUB, True),
        ([rule()], "10.98.0.2", False),
        ([rule(RemoteAddresses="10.98.0.0/255.255.255.0,192.168.1.7")], "10.98.0.9", True),
        ([rule(RemoteAddresses="*")], "203.0.113.7", True),
        ([rule(Enabled=False)], HUB, False),
        ([rule(LocalPorts="5985")], HUB, False),
        ([rule(LocalPorts="80,5980-5990")], HUB, True),
        ([rule(Protocol=17)], HUB, False),
        ([rule(Direction=2)], HUB, False),
        ([rule(Profiles=2)], HUB, False),
        ([rule(), rule(Action=0)], HUB, False),
    ],
)
def test_the_firewall_lets_in_whom_a_rule_names(
    fresh: Windows, rules: list[dict[str, Any]], address: str, inside: bool
) -> None:
    fresh.state["firewall"]["rules"] = rules
    assert admission.admits(fresh, address, 5986) is inside


def test_without_its_service_the_firewall_is_none(fresh: Windows) -> None:
    fresh.state["services"]["mpssvc"]["state"] = "stopped"
    assert admission.admits(fresh, HUB, 5986)


def user(**change: Any) -> dict[str, Any]:
    return {"sid": "S-1-5-21-7-1002", "groups": ["Administrators"], "enabled": True, "password": "right", **change}


@pytest.mark.parametrize(
    ("change", "may"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"groups": ["Users"]}, False),
        ({"password": ""}, False),
    ],
)
def test_an_administrator_with_a_password_logs_on(fresh: Windows, change: dict[str, Any], may: bool) -> None:
    fresh.registry.set(POLICY, "LocalAccountTokenFilterPolicy", "dword", 1)
    fresh.state["users"]["mediverse"] = user(**change)
    assert ("mediverse" in Logons(fresh).accounts()) is may


@pytest.mark.parametrize("entry", [r"CT-PC\mediverse", "S-1-5-21-7-1002", "S-1-5-114", "Everyone"])
def test_who_is_denied_does_not(fresh: Windows, entry: str) -> None:
    fresh.registry.set(POLICY, "LocalAccountTokenFilterPolicy", "dword", 1)
    fresh.state["users"]["mediverse"] = user()
    fresh.state["rights"]["SeDenyNetworkLogonRight"].append(entry)
    assert Logons(fresh).accounts() == {}


def test_without_the_policy_the_network_takes_the_rights_of_all_but_the_built_in_account(fresh: Windows) -> None:
    fresh.state["users"]["mediverse"] = user()
    assert Logons(fresh).accounts() == {}
    fresh.state["users"]["Administrator"] |= {"enabled": True, "password": "right"}
    assert list(Logons(fresh).accounts()) == ["Administrator"]


def test_what_somebody_else_wrote_is_kept(fresh: Windows) -> None:
    file = fresh.root / "state.json"
    theirs = json.loads(file.read_text())
    theirs["tasks"] = {"\\x": {}}
    theirs["timezone"] = "theirs"
    file.write_text(json.dumps(theirs))
    fresh.state["timezone"] = "ours"
    fresh.save()
    kept = json.loads(file.read_text())
    assert (kept["tasks"], kept["timezone"]) == ({"\\x": {}}, "ours")
    assert fresh.state["tasks"] == {"\\x": {}}


def certificate() -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CT-PC")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        who, who, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1)
    )
    der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
    thumbprint = hashlib.sha1(der).hexdigest().upper()
    return {"thumbprint": thumbprint, "name": "x", "der": base64.b64encode(der).decode(), "key": pem}


@pytest.fixture
def port(fresh: Windows) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    attendant = Attendant(fresh, Clock(fresh), None)
    thread = threading.Thread(target=attendant.run)
    thread.start()
    yield number
    attendant.stop()
    thread.join()


def answers(port: int, user: str, password: str) -> int:
    """The status of an empty message, 0 where nobody listens."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("POST", "/wsman", b"", {"Authorization": f"Basic {login}"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def becomes(wanted: int, port: int, password: str = "right") -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(http.client.HTTPException):
            if answers(port, "mediverse", password) == wanted:
                return True
        time.sleep(0.1)
    return False


def test_the_port_is_open_while_the_state_has_a_listener(fresh: Windows, port: int) -> None:
    assert becomes(0, port)
    shown = certificate()
    fresh.registry.set(POLICY, "LocalAccountTokenFilterPolicy", "dword", 1)
    fresh.state["users"]["mediverse"] = user()
    fresh.state["services"]["WinRM"]["state"] = "started"
    fresh.state["certificates"] = [shown]
    item = {"Address": "*", "Transport": "HTTPS", "Port": str(port), "Enabled": "true", "Hostname": ""}
    fresh.state["winrm_listeners"] = [{**item, "CertificateThumbprint": shown["thumbprint"]}]
    fresh.save()
    assert becomes(200, port)
    assert (
        base64.b64encode(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))).decode()
        == shown["der"]
    )
    assert answers(port, "mediverse", "wrong") == answers(port, "Invité", "") == 401
    fresh.state["users"]["mediverse"]["password"] = "another"
    fresh.save()
    assert becomes(200, port, "another")
    assert answers(port, "mediverse", "right") == 401
    fresh.state["services"]["WinRM"]["state"] = "stopped"
    fresh.save()
    assert becomes(0, port, "another")
