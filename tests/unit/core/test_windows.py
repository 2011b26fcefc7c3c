# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Windows side adds: win_uri's arguments, its failures, and what stays hidden."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from unittest import mock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mediverse.pacs.plugins.action import orthanc_peer as action
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Api, Endpoint
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Request
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_info, orthanc_peer
from ansible_collections.mediverse.pacs.plugins.plugin_utils._win_transport import WinTransport

from ..fake_api import FakeApi

SENDING = "Unhandled exception occurred when sending web request. Exception: "


def _transport(result: dict[str, Any], url: str = "http://127.0.0.1:8042", retry_for: float = 0) -> WinTransport:
    return WinTransport(Endpoint("Orthanc", url, retry_for=retry_for), lambda __, arguments: result)


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
        ("Connection refused (127.0.0.1:8042)", "unreachable"),
        ("Unable to connect to the remote server", "unreachable"),
        ("The operation has timed out", "timeout"),
        ("Could not establish trust relationship for the SSL/TLS secure channel.", "tls"),
    ],
)
def test_failures_without_a_status(said: str, kind: str) -> None:
    with pytest.raises(ApiError) as caught:
        _transport({"failed": True, "msg": SENDING + said, "status_code": None}).request("GET", "/x")
    assert caught.value.kind == kind
    assert caught.value.failure["status"] is None
    assert "Orthanc at http://127.0.0.1:8042" in caught.value.msg


# What a computer that runs no script of ours says, in words that are also said of a line.
NOT_RUN: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"failed": True}, "it gave no reason"),
    "the module's own": (
        {"failed": True, "msg": "Unhandled exception while executing module: the certificate is not trusted"},
        "Unhandled exception while executing module: the certificate is not trusted",
    ),
    "no JSON": (
        {"failed": True, "msg": "MODULE FAILURE: see stdout/stderr", "module_stderr": "SSL timeout"},
        "MODULE FAILURE: see stdout/stderr",
    ),
    # As win_powershell reports what a script throws: without a sentence.
    "blocked": (
        {
            "failed": True,
            "result": {},
            "error": [{"exception": {"message": "This script contains bad content."}}],
        },
        "This script contains bad content",
    ),
    "no answers": ({"result": {}}, "it gave no reason"),
    "none at all": ({"result": {"answers": []}}, "it gave no reason"),
}


@pytest.mark.parametrize("case", NOT_RUN)
def test_a_computer_that_does_not_run_the_script_is_no_service_that_is_down(case: str) -> None:
    result, reason = NOT_RUN[case]
    for ask in (_one_request, _two_requests):
        with pytest.raises(ApiError) as caught:
            ask(_transport(result, retry_for=30))
        assert (caught.value.kind, caught.value.path) == ("no_script", "/x")
        assert f"does not run the script that asks Orthanc at http://127.0.0.1:8042 ({reason})" in caught.value.msg
        assert "AppLocker" in caught.value.msg
        assert "api_url" not in caught.value.msg


def test_an_address_that_is_none_is_not_the_computers_fault() -> None:
    said = "Unhandled exception while executing module: This operation is not supported for a relative URI."
    with pytest.raises(ApiError, match="Check api_url") as caught:
        _transport({"failed": True, "msg": said}, url="127.0.0.1:8042").request("GET", "/x")
    assert caught.value.kind == "unreachable"


def _one_request(transport: WinTransport) -> None:
    transport.request("GET", "/x")


def _two_requests(transport: WinTransport) -> None:
    next(transport.exchange(_asked("/x", "/y")))


def test_a_status_outside_2xx_is_an_answer() -> None:
    answer = _transport({"status_code": 404, "content": "no", "content_type": "text/plain"}).request("GET", "/x")
    assert (answer.status, answer.text, answer.headers) == (404, "no", {"content-type": "text/plain"})


def test_proxy_of_the_machine_serves_for_other_hosts() -> None:
    seen: list[dict[str, Any]] = []

    def execute(__: str, arguments: dict[str, Any]) -> dict[str, Any]:
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


def test_several_requests_are_one_trip_with_nothing_readable_in_it(api: FakeApi) -> None:
    api.windows = True
    api.expect("GET", "/system").reply(json={"Version": "1.13.0"})
    api.expect("GET", "/plugins").reply(json=["worklists"])
    result = api.run(orthanc_info, gather=["system", "plugins"], api_username="u", api_password="api-secret")
    assert (result["system"], result["plugins"], api.trips) == ({"Version": "1.13.0"}, ["worklists"], 1)
    assert [request.headers["authorization"] for request in api.requests] == ["Basic dTphcGktc2VjcmV0"] * 2
    assert "api-secret" not in api.output


def _several(*trips: list[dict[str, Any]], budget: float = 5) -> tuple[WinTransport, list[dict[str, Any]]]:
    """A transport whose trips end so; single requests are answered with 200. What it ran is in the list."""
    left, ran = list(trips), []

    def execute(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        ran.append({"module": module, **arguments})
        if module == "win_uri":
            return {"status_code": 200, "content": f"again {arguments['url']}"}
        return {"result": {"answers": left.pop(0)}}

    return WinTransport(Endpoint("Orthanc", "http://127.0.0.1:8042", retry_for=budget), execute), ran


def _told(status: int, text: str = "", **more: str) -> dict[str, Any]:
    body = base64.b64encode(gzip.compress(text.encode())).decode()
    return {"status": status, "headers": {}, "body": body, "seconds": 0.5, "kind": "", "reason": "", **more}


def _asked(*paths: str, method: str = "GET") -> list[Request]:
    return [Request(method, path) for path in paths]


def test_the_rest_is_asked_after_a_service_that_was_not_ready() -> None:
    """The script ends at the first request without an answer, so the others wait for the next trip."""
    transport, ran = _several([_told(0, kind="unreachable", reason="refused")], [_told(200, "b"), _told(404, "c")])
    answers = list(transport.exchange(_asked("/a", "/b", "/c")))
    assert [(one.status, one.text) for one in answers] == [
        (200, "again http://127.0.0.1:8042/a"),
        (200, "b"),
        (404, "c"),
    ]
    assert [one["module"] for one in ran] == ["win_powershell", "win_uri", "win_powershell"]


def test_a_busy_server_is_asked_again_for_that_answer_alone() -> None:
    transport, ran = _several([_told(200, "a"), _told(503), _told(200, "c")])
    assert [one.text for one in transport.exchange(_asked("/a", "/b", "/c"))] == [
        "a",
        "again http://127.0.0.1:8042/b",
        "c",
    ]
    assert len(ran) == 2


def test_what_might_happen_twice_is_not_repeated() -> None:
    transport, ran = _several([_told(503)] * 2)
    assert [one.status for one in transport.exchange(_asked("/a", "/b", method="POST"))] == [503, 503]
    assert len(ran) == 1


@pytest.mark.parametrize("kind", ["timeout", "tls", "unreachable"])
def test_without_an_answer_the_script_says_of_which_kind(kind: str) -> None:
    transport, __ = _several([_told(200, "a"), _told(0, kind=kind, reason="Der Vorgang ist abgelaufen.")])
    answers = transport.exchange(_asked("/a", "/b", method="POST"))
    assert next(answers).text == "a"
    with pytest.raises(ApiError) as caught:
        next(answers)
    assert (caught.value.kind, caught.value.path) == (kind, "/b")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_nothing_goes_out_again_when_the_caller_said_so(method: str) -> None:
    transport, ran = _several([_told(503), _told(200)], budget=0)
    assert [one.status for one in transport.exchange(_asked("/a", "/b", method=method))] == [503, 200]
    transport, refused = _several([_told(0, kind="unreachable", reason="refused")], budget=0)
    with pytest.raises(ApiError):
        next(transport.exchange(_asked("/a", "/b", method=method)))
    assert [one["module"] for one in (*ran, *refused)] == ["win_powershell"] * 2


def test_a_busy_server_is_given_the_time_it_asks_for() -> None:
    transport, ran = _several([{**_told(503), "headers": {"retry-after": "3"}}], budget=2)
    assert [one.status for one in transport.exchange(_asked("/a"))] == [503]
    assert len(ran) == 1


def test_logins_are_no_secret_string_because_a_cmdlet_would_make_it() -> None:
    """See tests/contract/test_several_requests.py for what the module makes of either."""
    transport, ran = _several([_told(200)] * 2)
    list(transport.exchange([Request("POST", "/a", b"x" * 100_000), Request("GET", "/b")]))
    (sent,) = ran
    assert "sensitive_parameters" not in sent
    assert list(sent["parameters"]) == ["Lines"]


def test_what_is_foreseen_is_one_trip_and_serves_once() -> None:
    transport, ran = _several([_told(200, '"a"'), _told(404)], [_told(200, '"n"')] * 2)
    api = Api(transport)
    api.foresee("/a", "/b")
    assert (api.read("/a"), api.read("/b"), len(ran)) == ("a", None, 1)
    assert api.send("GET", "/a").text == "again http://127.0.0.1:8042/a"


def test_a_write_lets_go_of_what_was_foreseen() -> None:
    transport, __ = _several([_told(200, '"a"'), _told(200, '"b"')])
    api = Api(transport)
    api.foresee("/a", "/b")
    api.send("PUT", "/a", json=1)
    assert api.send("GET", "/b").text.startswith("again")


def test_what_could_not_be_foreseen_is_told_when_it_is_read() -> None:
    transport, __ = _several([_told(0, kind="tls", reason="no")])
    api = Api(transport)
    api.foresee("/a", "/b")
    with pytest.raises(ApiError) as caught:
        api.read("/a")
    assert caught.value.kind == "tls"
