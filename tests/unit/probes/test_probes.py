# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of probes can be read, covers what it must, and every kind of row can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.probes.agent import complete, parsed
from tests.probes.judge import surprises
from tests.probes.table import Row, read

ROWS = read()


def test_the_table_is_large_enough_and_asks_from_everywhere() -> None:
    assert len(ROWS) >= 120
    assert {row.place for row in ROWS} == {"neighbour", "hub", "cloud", "gateway", "scanner", "own-site", "other-site"}
    assert {"nobody", "wrong", "viewer", "admin", "gateway", "orthanc-viewer"} <= {row.who for row in ROWS}
    assert {row.kind for row in ROWS} == {"http", "port", "tls", "dicom", "rate"}


def test_some_rows_must_let_somebody_in() -> None:
    """A lab that answers nobody would pass a table of refusals."""
    for who in ("viewer", "gateway", "admin"):
        assert any(row.who == who and row.expect in (200, [200, 204]) for row in ROWS), who


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {id: a, who: nobody, to: viewer, send: GET /}", "needs expect"),
        ("- {id: a, who: nobody, to: viewer, send: GET /, expect: forbidden}", "'forbidden' is none of"),
        ("- {id: a, who: nobody, to: viewer, send: GET /, expect: 1200}", "no status"),
        ("- {id: a, to: viewer, send: GET /, expect: 401}", "must say who asks"),
        ("- {id: a, who: somebody, to: viewer, send: GET /, expect: 401}", "'somebody' is none of"),
        ("- {id: a, who: nobody, from: moon, to: viewer, send: GET /, expect: 401}", "from 'moon'"),
        ("- {id: a, who: nobody, to: viewer, expect: 401}", "either send or raw"),
        ("- {id: a, who: nobody, to: viewer, send: GET /, expect: 401, nevr: [x]}", "no 'nevr'"),
        ("- {id: a, who: nobody, to: viewer, send: GET /, expect: 401, never: ['(']}", "no regular expression"),
        ("- {id: a, kind: port, to: x, expect: shut}", "'shut' is none of"),
        ("- {id: a, kind: port, to: x, expect: open}\n- {id: a, kind: port, to: y, expect: open}", "stands twice"),
    ],
)
def test_a_mistake_in_the_table_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        read(tmp_path)


def _row(kind: str, expect: Any, to: str = "viewer", **more: Any) -> Row:
    return Row("x", kind, "neighbour", "nobody", to, expect, "x.yml", more)


def _seen(*statuses: int, text: str = "", **more: Any) -> dict[str, Any]:
    return {"statuses": list(statuses), "headers": {"x-a": ["b"]}, "text": text, "open": True, "seconds": 1, **more}


@pytest.mark.parametrize(
    ("row", "good", "bad"),
    [
        (_row("http", 401), _seen(401), _seen(200)),
        (_row("http", 401), _seen(100, 401), _seen(401, 200)),
        (_row("http", [200, 204]), _seen(204), _seen(401)),
        (_row("http", "refused"), _seen(400, 403), _seen(400, 200)),
        (_row("http", "refused"), _seen(403), _seen(502)),
        (_row("http", "refused"), _seen(), _seen(open=False)),
        (_row("http", "refused", "container-ohif:80"), _seen(open=False), _seen(301)),
        (_row("http", "refused"), _seen(403), {"error": "the prober broke"}),
        (_row("http", "closed"), _seen(open=False), _seen(401)),
        (_row("http", ["closed", 301], "container-proxy:80"), _seen(open=False), _seen(200)),
        (_row("http", 401), _seen(401), _seen(401, text="QUETZAL")),
        (_row("http", 401, never=["nginx/[0-9]"]), _seen(401, text="nginx"), _seen(401, text="nginx/1.2")),
        (_row("http", 200, body="<html"), _seen(200, text="<html>"), _seen(200, text="x")),
        (_row("http", 200, has={"x-a": "^b$"}), _seen(200), _seen(200, headers={})),
        (_row("http", 200, has={"x-a": "b"}), _seen(200), _seen(200, headers={"x-a": ["b", "b"]})),
        (_row("http", 200, lacks=["set-cookie"]), _seen(200), _seen(200, headers={"set-cookie": ["x"]})),
        (_row("http", 413, within=5), _seen(413), _seen(413, seconds=11)),
        (_row("port", "closed"), {"open": False}, {"open": True}),
        (_row("tls", "refused"), {"handshake": "", "alpn": ""}, {"handshake": "TLSv1.1", "alpn": ""}),
        (
            _row("tls", "TLSv1.3 http/1.1", alpn="h2"),
            {"handshake": "TLSv1.3", "alpn": "http/1.1"},
            {"handshake": "TLSv1.3", "alpn": "h2"},
        ),
        (_row("tls", "refused"), {"handshake": "", "alpn": ""}, {"error": "timed out"}),
        (_row("dicom", "refused"), {"association": "rejected"}, {"association": "accepted", "status": "0000"}),
        (_row("dicom", "refused"), {"association": "accepted", "status": "A801"}, {"error": "no pynetdicom"}),
        (_row("dicom", "accepted 0000"), {"association": "accepted", "status": "0000"}, {"association": "refused"}),
        (
            _row("rate", {"status": "401", "at_most_a_second": 10}, span=5),
            {"counts": {"401": 50, "429": 900}},
            {"counts": {"401": 51}},
        ),
        (
            _row("rate", {"status": "401", "at_most_a_second": 10}, span=5),
            {"counts": {"429": 900}},
            {"counts": {"401": 5, "200": 1}},
        ),
        (
            _row("rate", {"status": "401", "at_most_a_second": 10}, span=5),
            {"counts": {"429": 1}},
            {"counts": {"closed": 9}},
        ),
    ],
)
def test_every_expectation_can_fail(row: Row, good: dict[str, Any], bad: dict[str, Any]) -> None:
    never = {"patient's name": "QUETZAL"}
    assert surprises(row, good, never) == []
    assert surprises(row, bad, never) != []


def test_a_secret_is_not_printed_because_it_was_seen() -> None:
    lines = surprises(_row("http", 200), _seen(200, text="hunter2 hunter2"), {"secret admin": "hunter2"})
    assert lines == ["expected no secret admin in the answer, seen it"]


def test_a_second_answer_on_the_connection_is_seen() -> None:
    one = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nxx"
    two = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    assert complete(one)
    assert not complete(one[:-1])
    found = parsed(one + two, headless=False)
    assert found["statuses"] == [400, 200]
    assert "abcdef" in found["text"]
