# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs beside an Orthanc, on its own host: identity and MD5 of every image of a list of UIDs, as JSON."""

from __future__ import annotations

import base64
import json
import sys
import urllib.error
import urllib.request
from typing import Any

question = json.load(sys.stdin)
LOGIN = base64.b64encode(f"admin:{question['password']}".encode()).decode()


def ask(path: str, body: str | None = None) -> bytes:
    """The answer of Orthanc."""
    request = urllib.request.Request(
        "http://127.0.0.1:8042" + path,
        data=body.encode() if body is not None else None,
        headers={"Authorization": "Basic " + LOGIN},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        data: bytes = answer.read()
        return data


found: dict[str, Any] = {}
for uid in question["uids"]:
    known = [one["ID"] for one in json.loads(ask("/tools/lookup", uid)) if one["Type"] == "Instance"]
    found[uid] = []
    for identity in known:
        try:
            md5 = ask(f"/instances/{identity}/attachments/dicom/md5").decode()
            entry = {"id": identity, "md5": md5}
            if question.get("files"):
                entry["file"] = base64.b64encode(ask(f"/instances/{identity}/file")).decode()
            found[uid].append(entry)
        except urllib.error.HTTPError as error:
            found[uid].append({"id": identity, "md5": f"HTTP {error.code}"})
print(json.dumps(found))
