# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""win_uri (ansible.windows 3.3.0 to 3.8.0): a web request made by the gateway itself.

As on Windows, ``url_username``/``url_password`` are encoded as ASCII (anything else becomes "?"). Two services
run on Linux here: in requests to them and in their answers, strings that are paths are translated, so that
``C:\ProgramData\X`` goes in and comes out although the process sees the place where drive C: is kept.
"""

from __future__ import annotations

import base64
import email.message
import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from ..call import Call, Result, model
from ..programs import PROGRAMS
from ..programs.base import map_strings
from ..windows import Failure, Windows

_UNMODELLED = ("client_cert", "use_default_credential", "proxy_url", "proxy_username", "proxy_use_default_credential")
_SAFE = {"GET", "HEAD"}


class _Plain(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """urllib declares every body a form; .NET declares nothing by itself."""

    def do_request_(self, request: urllib.request.Request) -> urllib.request.Request:
        declared = request.has_header("Content-type")
        super().do_request_(request)
        if not declared:
            request.unredirected_hdrs.pop("Content-type", None)
        return request

    http_request = https_request = do_request_


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def _snake(name: str) -> str:
    """Header names as results of win_uri: Content-Type is content_type, ETag is e_tag."""
    joined = name.replace("-", "")
    joined = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", joined))
    return joined.lower()


def _skip(windows: Windows, params: dict[str, Any]) -> Result | None:
    for option, present in (("creates", True), ("removes", False)):
        name = params.get(option)
        if name and windows.path(name).exists() == present:
            text = "already exists" if present else "does not exist"
            return {"skipped": True, "changed": False, "msg": f"The '{option}' file or directory ({name}) {text}."}
    return None


def _opener(params: dict[str, Any], method: str) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    if params.get("validate_certs") is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    handlers: list[urllib.request.BaseHandler] = [_Plain(context=context)]
    follow = params.get("follow_redirects") or "safe"
    if follow == "none" or (follow == "safe" and method not in _SAFE):
        handlers.append(_NoRedirects())
    handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _request(params: dict[str, Any], method: str, body: bytes | None) -> urllib.request.Request:
    headers = {str(name): str(value) for name, value in (params.get("headers") or {}).items()}
    if params.get("content_type"):
        headers["Content-Type"] = params["content_type"]
    headers.setdefault("User-Agent", params.get("http_agent") or "ansible-httpget")
    if params.get("url_username") and params.get("force_basic_auth"):
        pair = f"{params['url_username']}:{params.get('url_password') or ''}".encode("ascii", "replace")
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    if body is None and method in ("POST", "PUT", "PATCH"):
        body = b""
    return urllib.request.Request(params["url"], data=body, headers=headers, method=method)


def translating(windows: Windows, url: str) -> bool:
    """Whether a service stands there that has paths of Linux in the place of those of Windows."""
    parts = urllib.parse.urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    return local and any(parts.port in program.ports(windows) for program in PROGRAMS)


def _to_local(windows: Windows, text: str) -> str:
    if not re.match(r"[A-Za-z]:[\\/]", text):
        return text
    try:
        return str(windows.path(text))
    except Failure:
        return text


def _to_windows(windows: Windows, text: str) -> str:
    """Also inside of a longer text, such as an error message."""
    drive = f"{windows.root}/C"
    if text.startswith(f"{drive}/") and ": " not in text:
        return windows.windows_name(text)
    return re.sub(rf"{re.escape(drive)}(/[^\s:]*)", lambda match: "C:" + match[1].replace("/", "\\"), text)


def json_text(windows: Windows, text: str, outgoing: bool) -> str:
    """JSON with the paths in it translated; any other text as it is."""
    try:
        decoded = json.loads(text)
    except ValueError:
        return text
    change = (lambda item: _to_local(windows, item)) if outgoing else (lambda item: _to_windows(windows, item))
    changed = map_strings(decoded, change)
    return text if changed == decoded else json.dumps(changed)


def _character_set(headers: email.message.Message) -> str | None:
    """As .NET guesses: text without a declared set is ISO-8859-1, no type at all is no set."""
    if "Content-Type" not in headers:
        return None
    default = "ISO-8859-1" if headers.get_content_maintype() == "text" else ""
    return headers.get_content_charset(default)


@model("win_uri", unlocked=True)
def win_uri(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option in _UNMODELLED:
        if params.get(option):
            raise Failure(f"The simulated Windows does not model the option {option} of win_uri.")
    if params.get("url_username") and not params.get("force_basic_auth"):
        raise Failure("The simulated Windows does not model win_uri with url_username but without force_basic_auth.")
    url, method = params["url"], str(params["url_method"]).upper()
    if not re.fullmatch("[A-Z]+", method):
        raise Failure(
            "Parameter 'method' needs to be a single word in uppercase, like GET or POST.", url=url, elapsed=0
        )
    skipped = _skip(windows, params)
    if skipped:
        return {**skipped, "url": url, "elapsed": 0}
    body = params.get("body")
    if isinstance(body, (dict, list)):
        body = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    elif isinstance(body, bool):
        body = "True" if body else "False"
    text = None if body is None else str(body)
    translate = translating(windows, url)
    if text is not None and translate:
        text = json_text(windows, text, outgoing=True)
    return _exchange(windows, params, call, method, None if text is None else text.encode(), translate)


def _exchange(
    windows: Windows, params: dict[str, Any], call: Call, method: str, body: bytes | None, translate: bool
) -> Result:
    url, begun = params["url"], time.monotonic()
    try:
        request = _request(params, method, body)
        response: Any = _opener(params, method).open(request, timeout=params.get("url_timeout") or 30)
    except urllib.error.HTTPError as error:
        response = error
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        text = getattr(reason, "strerror", None) or str(reason)
        message = f"Unhandled exception occurred when sending web request. Exception: {text}"
        raise Failure(message, status_code=None, url=url, elapsed=time.monotonic() - begun) from error
    content = response.read()
    result: Result = {
        "changed": False,
        "url": url,
        "elapsed": time.monotonic() - begun,
        "status_code": response.status,
        "status_description": response.reason,
        "method": method,
        "response_uri": response.url,
        "content_length": response.headers.get("Content-Length", -1),
        "content_type": response.headers.get("Content-Type", ""),
        "protocol_version": {"Major": 1, "Minor": 1},
        "character_set": _character_set(response.headers),
        "server": response.headers.get("Server", ""),
    }
    result.update({_snake(name): value for name, value in response.headers.items() if name.lower() != "content-length"})
    if params.get("return_content"):
        text = content.decode("utf-8", "replace")
        if translate:
            text = json_text(windows, text, outgoing=False)
        result["content"] = text
        if re.search("text|json|javascript", result["content_type"]):
            try:
                decoded = json.loads(text) if text else None
            except ValueError:
                decoded = None
            if decoded:
                result["json"] = decoded
    if params.get("dest"):
        target = windows.path(params["dest"])
        result["changed"] = not target.is_file() or target.read_bytes() != content
        if result["changed"] and not call.check:
            target.write_bytes(content)
    allowed = params.get("status_code") or [200]
    if response.status not in allowed:
        listed = " ".join(map(str, allowed))
        text = f"Status code of request '{response.status}' is not in list of valid status codes {listed}"
        raise Failure(f"{text} : {response.reason.replace(' ', '')}'.", **result)
    result["msg"] = response.reason
    return result
