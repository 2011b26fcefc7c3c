# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Windows side adds: win_uri's arguments, its failures, and what stays hidden."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mediverse.pacs.plugins.action import orthanc_peer as action
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Endpoint
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_peer
from ansible_collections.mediverse.pacs.plugins.plugin_utils._win_transport import WinTransport

from ..fake_api import FakeApi

REFUSED = "Unhandled exception occurred when sending web request. Exception: Connection refused (127.0.0.1:8042)"


def _transport(result: dict[str, Any], url: str = "http://127.0.0.1:8042", retry_for: float = 0) -> WinTransport:
    return WinTransport(Endpoint("Orthanc", url, retry_for=retry_for), lambda arguments: result)


def test_arguments_of_win_uri(api: FakeApi) -> None:
    api.windows = True
    api.expect("GET", "/peers/c/configuration").reply(404)
    api.run(orthanc_peer, name="c", state="absent", api_username="u", api_password="ü", api_timeout=7)
    (sent,) = api.win_uri_calls
    assert sent["status_code"] == list(range(100, 600))
    assert sent["follow_redirects"] == "none"
    assert sent["return_content"] is True
    assert sent["use_proxy"] is False
    assert sent["validate_certs"] is True
    assert sent["timeout"] == 7
    assert sent["headers"]["Authorization"] == "Basic dTrDvA=="
    assert "body" not in sent
    assert not {"url_username", "url_password"} & set(sent)


def test_a_body_is_text(api: FakeApi) -> None:
    api.windows = True
    api.expect("GET", "/peers/c/configuration").reply(404)
    api.expect("PUT", "/peers/c").reply(500)
    api.run(orthanc_peer, name="c", url="http://ü.test/")
    body = api.win_uri_calls[1]["body"]
    assert isinstance(body, str)
    assert json.loads(body) == {"Url": "http://ü.test/"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (REFUSED, "unreachable"),
        ("Unhandled exception … Exception: Unable to connect to the remote server", "unreachable"),
        ("Unhandled exception … Exception: The operation has timed out", "timeout"),
        ("… Exception: Could not establish trust relationship for the SSL/TLS secure channel.", "tls"),
        ("", "unreachable"),
    ],
)
def test_failures_without_a_status(said: str, kind: str) -> None:
    with pytest.raises(ApiError) as caught:
        _transport({"failed": True, "msg": said, "status_code": None}).request("GET", "/x")
    assert caught.value.kind == kind
    assert caught.value.failure["status"] is None
    assert "Orthanc at http://127.0.0.1:8042" in caught.value.msg


def test_a_status_outside_2xx_is_an_answer() -> None:
    answer = _transport({"status_code": 404, "content": "no", "content_type": "text/plain"}).request("GET", "/x")
    assert (answer.status, answer.text, answer.headers) == (404, "no", {"content-type": "text/plain"})


def test_proxy_of_the_machine_serves_for_other_hosts() -> None:
    seen: list[dict[str, Any]] = []

    def execute(arguments: dict[str, Any]) -> dict[str, Any]:
        seen.append(arguments)
        return {"status_code": 200}

    WinTransport(Endpoint("Orthanc", "https://pacs.test"), execute).request("GET", "/x")
    assert seen[0]["use_proxy"] is True


def test_result_and_invocation_hide_secrets(api: FakeApi) -> None:
    api.windows = True
    api.expect("GET", "/peers/c/configuration").reply(404)
    options = {"name": "c", "url": "http://x/", "password": "peer-secret", "http_headers": {"X": "header-secret"}}
    result = api.run(orthanc_peer, check_mode=True, **options, api_username="u", api_password="api-secret")
    assert result["invocation"]["module_args"]["api_password"] == "********"
    for secret in ("peer-secret", "header-secret", "api-secret", "Basic "):
        assert secret not in api.output


def test_wrong_options_are_refused_like_on_linux(both: FakeApi) -> None:
    result = both.run(orthanc_peer, name="c", colour="red")
    assert result["failed"]
    assert "Unsupported parameters for" in result["msg"]
    assert "colour" in result["msg"]


def test_constraints_between_options_hold(both: FakeApi) -> None:
    result = both.run(orthanc_peer, name="c", url="http://x", certificate_file="a.pem")
    assert "certificate_file, certificate_key_file" in result["msg"]


def test_ca_path_has_no_meaning_there(api: FakeApi) -> None:
    api.windows = True
    assert "ca_path has no effect on a Windows target" in api.run(orthanc_peer, name="c", ca_path="/x")["msg"]


def _action(windows: bool, async_val: int = 0) -> Any:
    task = mock.MagicMock(args={"name": "c"}, async_val=async_val, check_mode=False)
    connection = mock.MagicMock(has_native_async=False)
    connection._shell._IS_WINDOWS = windows
    return action.ActionModule(task, connection, mock.MagicMock(), mock.MagicMock(), None, None)


def test_on_linux_the_module_itself_runs() -> None:
    plugin = _action(windows=False)
    with mock.patch.object(plugin, "_execute_module", return_value={"changed": True}) as execute:
        assert plugin.run(task_vars={"a": 1})["changed"]
    execute.assert_called_once_with(task_vars={"a": 1}, wrap_async=0)


def test_no_background_on_windows() -> None:
    with pytest.raises(AnsibleActionFail, match="remove async"):
        _action(windows=True, async_val=10).run(task_vars={})
