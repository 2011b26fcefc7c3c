# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging on, large files, long tasks, and what must not work."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import COLLECTIONS
from tests.contract.controller import Controller
from tests.contract.endpoints import RunningEndpoint

Gateway = tuple[Controller, RunningEndpoint]


def test_wrong_password_is_refused(gateway: Gateway) -> None:
    result = gateway[0].run([{"ansible.windows.win_ping": {}}], ansible_password="wrong")[0]
    assert result["unreachable"] is True
    assert "credentials were rejected" in result["msg"]


def test_untrusted_certificate_is_refused(gateway: Gateway) -> None:
    result = gateway[0].run(
        [{"ansible.windows.win_ping": {}}], ansible_winrm_ca_trust_path="/etc/ssl/certs/ca-certificates.crt"
    )[0]
    assert result["unreachable"] is True
    assert "CERTIFICATE_VERIFY_FAILED" in result["msg"]


def test_a_policy_that_constrains_powershell_is_told(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    controller, endpoint = gateway
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(COLLECTIONS))
    reach: dict[str, Any] = {"mediverse.pacs.host_reach": {}}
    assert "failed" not in controller.run([reach])[0]
    for mode in ("ConstrainedLanguage", "FullLanguage"):
        endpoint.windows.state["language_mode"] = mode
        endpoint.windows.save()
        result = controller.run([reach])[0]
        if mode == "FullLanguage":
            assert "failed" not in result
        else:
            assert "runs no module of Ansible, because a policy about programs (App Control" in result["msg"], result
            assert result["msg"].endswith("have Administrator or this PC excepted from it. Nothing was changed.")


def test_large_file_there_and_back(gateway: Gateway) -> None:
    controller, endpoint = gateway
    content = bytes(range(256)) * 2500  # more than two pieces of a transfer
    (controller.folder / "large.bin").write_bytes(content)
    results = controller.run(
        [
            {"ansible.windows.win_copy": {"src": "large.bin", "dest": r"C:\Windows\Temp\large.bin"}},
            {
                "ansible.builtin.fetch": {
                    "src": r"C:\Windows\Temp\large.bin",
                    "dest": str(controller.folder / "back.bin"),
                    "flat": True,
                }
            },
        ]
    )
    assert [result["changed"] for result in results] == [True, True]
    assert (controller.folder / "back.bin").read_bytes() == content
    assert endpoint.windows.path(r"c:/windows/TEMP/Large.bin").read_bytes() == content


def test_tree_with_names_beyond_ascii(gateway: Gateway) -> None:
    controller, endpoint = gateway
    folder = controller.folder / "tree" / "Größe"
    folder.mkdir(parents=True)
    (folder / "ä b.txt").write_text("ü\n", encoding="utf-8")
    (controller.folder / "tree" / "empty").mkdir()
    task = {"ansible.windows.win_copy": {"src": "tree/", "dest": r"C:\Daten"}}
    assert [controller.run([task])[0]["changed"] for __ in range(2)] == [True, False]
    assert endpoint.windows.path(r"C:\Daten\Größe\ä b.txt").read_text(encoding="utf-8") == "ü\n"
    assert endpoint.windows.path(r"C:\Daten\empty").is_dir()


def test_asynchronous_and_become(gateway: Gateway) -> None:
    system = {"become": True, "become_method": "runas", "become_user": "SYSTEM"}
    results = gateway[0].run(
        [
            {"ansible.windows.win_ping": {"data": "later"}, "async": 120, "poll": 1},
            {"ansible.windows.win_ping": {}, **system},
        ]
    )
    assert [result["ping"] for result in results] == ["later", "pong"]


def test_task_longer_than_the_operation_timeout(gateway: Gateway) -> None:
    task = {"ansible.windows.win_wait_for": {"port": 1, "timeout": 4}}
    timeouts: dict[str, Any] = {"ansible_winrm_operation_timeout_sec": 2, "ansible_winrm_read_timeout_sec": 30}
    result = gateway[0].run([task], **timeouts)[0]
    assert result["msg"] == "timeout while waiting for 127.0.0.1:1 to start listening"


def test_command_line_longer_than_windows_allows(gateway: Gateway) -> None:
    result = gateway[0].run([{"ansible.builtin.raw": f"Write-Output '{'x' * 4000}'"}])[0]
    assert result["rc"] == 1
    assert "too long" in result["stderr"]


def test_what_nobody_modelled_fails_loudly(gateway: Gateway) -> None:
    results = gateway[0].run(
        [
            {"ansible.windows.win_whoami": {}},
            {"ansible.windows.win_command": "format C:"},
            {"ansible.windows.win_service": {"name": "W32Time", "sid_info": "unrestricted"}},
            {"ansible.builtin.raw": "Stop-Computer"},
        ]
    )
    assert all(result["failed"] for result in results)
    assert "no model of the module win_whoami" in results[0]["msg"]
    assert "no model for this command: 'format C:'" in results[1]["msg"]
    assert "does not model the option sid_info" in results[2]["msg"]
    assert "no model for this command: 'Stop-Computer'" in results[3]["stderr"]
