# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that makes several web requests, on a machine whose services know paths of Linux.

The script itself runs on a real PowerShell. What it sends to a service and what that answers is translated before and
afterwards, as ``models/uri.py`` does it for a single request. Where there is no PowerShell, that model makes each of
them.
"""

from __future__ import annotations

import base64
import gzip
import re
import time
from typing import Any

from . import scripts
from .call import Call, Result
from .models import uri
from .windows import Failure, Windows

SENTENCE = "Makes HTTP requests on this computer, one after the other"
_URL, _HAS_BODY, _BODY, _SOURCE, _PIECE, _LEAST, _FIRST_HEADER = 1, 5, 6, 11, 12, 13, 14
_NOT_ASKED = {"status": -1, "headers": {}, "body": "", "seconds": 0, "kind": "", "reason": ""}


def _lines(params: dict[str, Any]) -> list[list[bytes]]:
    """The fields of each request."""
    lines = params["parameters"]["Lines"].split("\n")
    return [[base64.b64decode(field) for field in line.split(" ")] for line in lines]


def _with_lines(params: dict[str, Any], lines: list[list[bytes]]) -> dict[str, Any]:
    text = "\n".join(" ".join(base64.b64encode(field).decode() for field in line) for line in lines)
    return {**params, "parameters": {"Lines": text}}


def outgoing(windows: Windows, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the script with bodies as the services understand them."""
    lines = _lines(params)
    for line in lines:
        if uri.translating(windows, line[_URL].decode()):
            line[_BODY] = uri.json_text(windows, line[_BODY].decode(), outgoing=True).encode()
    return _with_lines(params, lines)


def incoming(windows: Windows, params: dict[str, Any], result: Result) -> None:
    """Turn the answers into what Windows would have seen."""
    for line, answer in zip(_lines(params), result["result"].get("answers", []), strict=False):
        if answer["status"] > 0 and uri.translating(windows, line[_URL].decode()):
            changed = uri.json_text(windows, _text(answer), outgoing=False).encode()
            answer["body"] = base64.b64encode(gzip.compress(changed)).decode()


def without_engine(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    """What the script would have answered, made by the model of ``win_uri``."""
    answers: list[dict[str, Any]] = []
    for line in _lines(params):
        texts = [field.decode() for field in line]
        whole = _filled(texts, answers)
        answers.append(_awaited(windows, whole, call) if whole else dict(_NOT_ASKED))
        if not answers[-1]["status"]:
            break
    return scripts.answer({"result": {"answers": answers}})


def _filled(texts: list[str], answers: list[dict[str, Any]]) -> list[str] | None:
    """The fields with the piece of an answer before in the URL; None when it is not there."""
    source = int(texts[_SOURCE])
    if source < 0:
        return texts
    before = answers[source]
    pieces = re.findall(texts[_PIECE], _text(before)) if before["body"] else []
    if not pieces:
        return None
    piece = min(pieces, key=int) if texts[_LEAST] == "1" else pieces[0]
    return [*texts[:_URL], texts[_URL].replace("{}", piece), *texts[_URL + 1 :]]


def _awaited(windows: Windows, texts: list[str], call: Call) -> dict[str, Any]:
    """A request repeated until its answer is as it should be, or the time is over."""
    pattern, matches, seconds, pause = texts[7], texts[8] == "1", float(texts[9]), float(texts[10])
    begun = time.monotonic()
    while True:
        answer = _one(windows, texts, call)
        took = time.monotonic() - begun
        good = 200 <= answer["status"] < 300 and bool(pattern)
        if not good or took >= seconds or bool(re.search(pattern, _text(answer))) == matches:
            return {**answer, "seconds": round(took, 3)}
        time.sleep(pause)


def _text(answer: dict[str, Any]) -> str:
    return gzip.decompress(base64.b64decode(answer["body"])).decode("utf-8", "replace")


def _one(windows: Windows, texts: list[str], call: Call) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "url": texts[_URL],
        "url_method": texts[0],
        "url_timeout": int(texts[2]),
        "validate_certs": texts[4] == "1",
        "headers": dict(zip(texts[_FIRST_HEADER::2], texts[_FIRST_HEADER + 1 :: 2], strict=True)),
        "follow_redirects": "none",
        "return_content": True,
        "status_code": list(range(100, 600)),
        **({"body": texts[_BODY]} if texts[_HAS_BODY] == "1" else {}),
    }
    try:
        result = uri.win_uri(windows, asked, call)
    except Failure as failure:
        reason = str(failure).rsplit("Exception: ", maxsplit=1)[-1]
        kind = "timeout" if "timed out" in reason else "tls" if "certificate" in reason.lower() else "unreachable"
        return {"status": 0, "headers": {}, "body": "", "seconds": 0, "kind": kind, "reason": reason}
    body = base64.b64encode(gzip.compress(str(result.get("content", "")).encode())).decode()
    headers = {"content-type": result["content_type"]}
    for name in ("location", "retry_after", "x_syncthing_id", "x_syncthing_version"):
        if name in result:
            headers[name.replace("_", "-")] = str(result[name])
    return {"status": result["status_code"], "headers": headers, "body": body, "seconds": 0, "kind": "", "reason": ""}
