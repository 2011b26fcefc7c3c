# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers as Orthanc does, as far as a ledger asks; over HTTP, or in this process.

Here a day can be over: a real Orthanc stamps its series itself, and always with its today.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Api, Endpoint
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response

DAY = "2026-11-22"


class Orthanc:
    """``images``: Orthanc's identifier to series, UID, day and metadata. Jobs end at once and stop at an image in
    ``bad``; a ``peer`` of None cannot be reached.
    """

    def __init__(self, now: str = "20261123T000100") -> None:
        self.now, self.images, self.bad = now, dict[str, dict[str, Any]](), set[str]()
        self.peer: Orthanc | None = None
        self.jobs: list[dict[str, Any]] = []
        # Path of each request, in order.
        self.asked: list[str] = []
        self.replaced: dict[str, str] = {}
        self.endpoint = Endpoint("Orthanc", "http://127.0.0.1:8042")

    def add(self, series: str, sop: str, patient: str = "", day: str = DAY, md5: str = "m", **metadata: str) -> str:
        """One more image; its identifier."""
        identifier = f"{sop}{patient}"
        known = {"series": series, "sop": sop, "patient": patient, "day": day, "md5": md5}
        self.images[identifier] = {**known, "metadata": metadata}
        return identifier

    def api(self) -> Api:
        """Without HTTP."""
        return Api(self)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """As a transport."""
        found = self.answer(path, json.loads(body) if body else None)
        return Response(200, {}, (found if isinstance(found, str) else json.dumps(found)).encode())

    def answer(self, path: str, question: Any) -> Any:
        """What a ledger may ask."""
        self.asked.append(path)
        if path == "/tools/now":
            return self.now
        if path.startswith("/jobs/"):
            return self.jobs[int(path[6:])]
        if path == "/tools/bulk-content":
            return [{"ID": one, "Metadata": self.images[one]["metadata"]} for one in question["Resources"]]
        if path == "/peers/cloud/store":
            return self._store(question["Resources"])
        return self._find(question) if path == "/tools/find" else {}

    def _find(self, question: Any) -> list[Any]:
        if question["Level"] == "Study":
            return self._studies(question["Query"]["StudyInstanceUID"].split("\\"))
        if question["Level"] == "Series":
            return self._series(question["MetadataQuery"]["LastUpdate"], question["Query"].get("PatientID", "*"))
        if "MetadataQuery" in question:
            day = question["MetadataQuery"]["Replaced"].rstrip("*")
            named = [one for one, stamp in self.replaced.items() if stamp == day]
            return [{"ID": one, "RequestedTags": {"SOPInstanceUID": self.images[one]["sop"]}} for one in named]
        wanted = set(question["Query"]["SeriesInstanceUID"].split("\\"))
        found = sorted((one["sop"], key) for key, one in self.images.items() if one["series"] in wanted)
        since = question["Since"]
        return [self._image(key) for __, key in found[since : since + question["Limit"]]]

    def _series(self, stamp: str, patient: str = "*") -> list[Any]:
        own = (
            one
            for one in self.images.values()
            if f"{one['day'].replace('-', '')}*" == stamp and fnmatch(one["patient"], patient)
        )
        return [
            {
                "RequestedTags": {
                    "SeriesInstanceUID": uid,
                    "NumberOfSeriesRelatedInstances": str(count),
                    "StudyInstanceUID": f"study-{uid}",
                }
            }
            for (uid, __), count in Counter((one["series"], one["patient"]) for one in own).items()
        ]

    def _studies(self, wanted: list[str]) -> list[Any]:
        known = {(f"study-{one['series']}", one["patient"]) for one in self.images.values()}
        return [
            {"ID": f"{study} of {patient}", "RequestedTags": {"StudyInstanceUID": study}}
            for study, patient in known
            if study in wanted
        ]

    def _image(self, identifier: str) -> dict[str, Any]:
        one = self.images[identifier]
        tags = {"SeriesInstanceUID": one["series"], "SOPInstanceUID": one["sop"]}
        attachments = [{"ContentType": 1, "UncompressedMD5": one["md5"]}]
        return {"ID": identifier, "Attachments": attachments, "RequestedTags": tags}

    def _store(self, images: list[str]) -> dict[str, str]:
        end = next((place for place, image in enumerate(images) if image in self.bad), len(images))
        state: dict[str, Any] = {"State": "Success"}
        if self.peer is None:
            end = 0
            details = "libCURL error: Couldn't connect to server"
            state = {"State": "Failure", "ErrorCode": 9, "ErrorDescription": "Network", "ErrorDetails": details}
        elif end < len(images):
            state = {"State": "Failure", "ErrorCode": -1, "ErrorDescription": "Internal error"}
        for image in images[:end]:
            assert self.peer is not None
            self.peer.images[image] = self.images[image]
        self.jobs.append({**state, "Progress": round(100 * end / len(images))})
        return {"ID": str(len(self.jobs) - 1)}


@contextmanager
def serving(orthanc: Any) -> Iterator[str]:
    """Its address. ``orthanc`` has a method ``answer(path, question)``."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = orthanc.answer(self.path, json.loads(body) if body else None)
            data = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer

        def log_message(self, *__: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
