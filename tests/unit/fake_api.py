# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP API that expects certain requests in a certain order, and runs modules against itself.

    api.expect("GET", "/peers/cloud/configuration").reply(404)
    api.expect("PUT", "/peers/cloud", json={"Url": "http://c:1/"}).reply()
    api.expect("GET", "/peers/cloud/configuration").reply(json={"Url": "http://c:1/"})
    result = api.run(orthanc_peer, name="cloud", url="http://c:1")
    assert result["changed"]

Anything else than the next expected request fails the test, and so does an expectation that nobody met. In check mode
every request but GET fails, expected or not, unless the expectation is marked ``harmless`` (a login).

The module runs in this process, as a whole: options, HTTP client, exit. The fake stands where the bytes would leave
the process. With ``api.windows = True`` the same call goes through the action plugin instead, and the fake stands in
for ``win_uri`` and for the script that makes several requests; ``trips`` counts how often one of them was run.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import importlib
import io
import json as json_module
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
import requests
from ansible.errors import AnsibleActionFail
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response, Taken, Until

ANYTHING: Any = object()
_NOT_ASKED = {"status": -1, "headers": {}, "body": "", "seconds": 0}


class UnexpectedError(BaseException):
    """Not an Exception, so that no handler of the code under test can swallow it."""


class Expectation:
    """One request that has to come, and the answer it gets."""

    def __init__(self, method: str, path: str, json: Any, headers: Mapping[str, str], harmless: bool) -> None:
        self.method, self.path, self.json, self.headers, self.harmless = method, path, json, headers, harmless
        self.status, self.body = 200, b""
        self.answer_headers: dict[str, str] = {}
        self.error: Exception | None = None

    def reply(
        self, status: int = 200, json: Any = None, text: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with JSON, with text, or with an empty body."""
        self.status, self.answer_headers = status, {k.lower(): v for k, v in (headers or {}).items()}
        if json is not None:
            self.body = json_module.dumps(json).encode()
            self.answer_headers.setdefault("content-type", "application/json")
        elif text is not None:
            self.body = text.encode()
            self.answer_headers.setdefault("content-type", "text/plain")

    def fail(self, error: Exception) -> None:
        """Do not answer: raise what ``requests`` would raise."""
        self.error = error


class Request:
    """What arrived."""

    def __init__(self, method: str, url: str, headers: Mapping[str, Any], body: bytes) -> None:
        parts = urlsplit(url)
        self.method, self.base = method, f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path + (f"?{parts.query}" if parts.query else "")
        self.headers = {k.lower(): v.decode() if isinstance(v, bytes) else str(v) for k, v in headers.items()}
        self.body = body

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json_module.loads(self.body)


class FakeApi:
    """See the module's docstring."""

    def __init__(self) -> None:
        self.windows = False
        self.requests: list[Request] = []
        self.output = ""
        self.win_uri_calls: list[dict[str, Any]] = []
        self.trips = 0
        self._expected: list[Expectation] = []
        self._check = False

    def expect(
        self,
        method: str,
        path: str,
        json: Any = ANYTHING,
        headers: Mapping[str, str] | None = None,
        harmless: bool = False,
    ) -> Expectation:
        """Append an expectation; ``json`` and ``headers`` are compared when given."""
        self._expected.append(Expectation(method, path, json, headers or {}, harmless))
        return self._expected[-1]

    @property
    def writes(self) -> list[str]:
        """The requests that were not GET, as ``METHOD path``."""
        return [f"{r.method} {r.path}" for r in self.requests if r.method != "GET"]

    def done(self) -> None:
        """Fail when an expected request never came."""
        left = [f"{e.method} {e.path}" for e in self._expected]
        assert not left, f"never requested: {', '.join(left)}"

    def answer(self, request: Request) -> Expectation:
        """Find the answer to a request, which has to be the next one expected."""
        self.requests.append(request)
        label = f"{request.method} {request.path}"
        if not self._expected:
            raise UnexpectedError(f"{label} {request.body!r}, but nothing more was expected")
        expected = self._expected.pop(0)
        if (request.method, request.path) != (expected.method, expected.path):
            raise UnexpectedError(f"{label} {request.body!r}, but expected {expected.method} {expected.path}")
        if self._check and request.method != "GET" and not expected.harmless:
            raise UnexpectedError(f"{label} in check mode")
        if expected.json is not ANYTHING and request.json != expected.json:
            raise UnexpectedError(f"{label} with {request.json!r}, but expected {expected.json!r}")
        for name, value in expected.headers.items():
            if request.headers.get(name.lower()) != value:
                raise UnexpectedError(f"{label}: header {name} is {request.headers.get(name.lower())!r}, not {value!r}")
        return expected

    def run(self, module: Any, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """Run a module (the Python module object) and return its result; what it printed is in ``output``."""
        self._check = check_mode
        given = {name: value for name, value in options.items() if value is not None}
        return self._run_action(module, given) if self.windows else self._run_module(module, given)

    def _run_module(self, module: Any, options: dict[str, Any]) -> dict[str, Any]:
        out = io.StringIO()
        arguments = {**options, "_ansible_check_mode": self._check, "_ansible_diff": True}
        with (
            patch_module_args(arguments),
            self._network(),
            contextlib.redirect_stdout(out),
            pytest.raises(SystemExit),
        ):
            module.main()
        result: dict[str, Any] = json_module.loads(out.getvalue())
        # How a module tells Ansible from 2.22 on what to hide. Ansible takes it out before anybody sees the result.
        result.pop("_ansible_new_secrets", None)
        self.output = json_module.dumps(result, ensure_ascii=False)
        return result

    @contextlib.contextmanager
    def _network(self) -> Iterator[None]:
        def send(adapter: Any, prepared: Any, **kwargs: Any) -> requests.Response:
            body = prepared.body if isinstance(prepared.body, bytes) else (prepared.body or "").encode()
            expected = self.answer(Request(prepared.method, prepared.url, prepared.headers, body))
            if expected.error:
                raise expected.error
            response = requests.Response()
            response.status_code = expected.status
            response.headers.update(expected.answer_headers)
            response.raw, response.request, response.url = io.BytesIO(expected.body), prepared, prepared.url
            return response

        with mock.patch("requests.adapters.HTTPAdapter.send", send), mock.patch("time.sleep"):
            yield

    def _run_action(self, module: Any, options: dict[str, Any]) -> dict[str, Any]:
        name = module.__name__.rsplit(".", 1)[-1]
        plugin = importlib.import_module(f"ansible_collections.mediverse.pacs.plugins.action.{name}")
        task = mock.MagicMock(args=options, check_mode=self._check, async_val=0, no_log=False, diff=True)
        connection = mock.MagicMock()
        connection._shell._IS_WINDOWS = True
        action = plugin.ActionModule(task, connection, mock.MagicMock(), mock.MagicMock(), None, None)

        def execute(module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
            assert action._task.no_log, "the module would write the headers to the event log"
            self.trips += 1
            return {"ansible.windows.win_uri": self._win_uri, "ansible.windows.win_powershell": self._script}[
                module_name
            ](module_args)

        with mock.patch.object(action, "_execute_module", execute), mock.patch("time.sleep"):
            try:
                result: dict[str, Any] = action.run(task_vars={})
            except AnsibleActionFail as error:
                result = {"failed": True, "msg": str(error)}
        self.output = json_module.dumps(result)
        return result

    def _win_uri(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer the way the real module does, as far as the transport looks."""
        self.win_uri_calls.append(arguments)
        headers, body = arguments["headers"], arguments.get("body", "")
        expected = self.answer(Request(arguments["method"], arguments["url"], headers, body.encode()))
        if expected.error:
            said = f"Unhandled exception occurred when sending web request. Exception: {expected.error}"
            return {"failed": True, "msg": said, "status_code": None}
        result: dict[str, Any] = {"changed": False, "status_code": expected.status, "content": expected.body.decode()}
        result.update({name.replace("-", "_"): value for name, value in expected.answer_headers.items()})
        result["invocation"] = {"module_args": arguments}
        return result

    def _script(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer the way the script for several requests does; it ends at the first one without an answer."""
        answers: list[dict[str, Any]] = []
        for line in arguments["parameters"]["Lines"].split("\n"):
            fields = [base64.b64decode(field) for field in line.split(" ")]
            answers.append(self._line(fields) if self._fill(fields, answers) else dict(_NOT_ASKED))
            if not answers[-1]["status"]:
                break
        return {"changed": False, "result": {"answers": answers}}

    @staticmethod
    def _fill(fields: list[bytes], answers: list[dict[str, Any]]) -> bool:
        """Put the piece of an answer before into the URL; False when it is not there."""
        source, pattern, least = int(fields[11]), fields[12].decode(), fields[13] == b"1"
        if source < 0:
            return True
        body = answers[source]["body"]
        piece = Taken(source, pattern, least).piece(gzip.decompress(base64.b64decode(body)).decode() if body else "")
        fields[1] = fields[1].replace(b"{}", (piece or "").encode())
        return piece is not None

    def _line(self, fields: list[bytes]) -> dict[str, Any]:
        texts = [field.decode() for field in fields]
        headers = dict(zip(texts[14::2], texts[15::2], strict=True))
        until = Until(texts[7], texts[8] == "1", float(texts[9]), float(texts[10])) if texts[7] else None
        waited = 0.0
        while True:
            expected = self.answer(Request(texts[0], texts[1], headers, fields[6] if texts[5] == "1" else b""))
            if expected.error:
                return {"status": 0, "headers": {}, "body": "", "seconds": waited, **_reason(expected.error)}
            answer = Response(expected.status, expected.answer_headers, expected.body)
            if until is None or until.done(answer) or waited >= until.seconds:
                body = base64.b64encode(gzip.compress(expected.body)).decode()
                return {"status": answer.status, "headers": answer.headers, "body": body, "seconds": waited}
            waited += until.pause


def _reason(error: Exception) -> dict[str, str]:
    kinds = {requests.exceptions.Timeout: "timeout", requests.exceptions.SSLError: "tls"}
    kind = next((kind for error_type, kind in kinds.items() if isinstance(error, error_type)), "unreachable")
    return {"kind": kind, "reason": str(error)}
