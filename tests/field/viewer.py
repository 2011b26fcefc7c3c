# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks for frames as the viewer in a browser does: by its public name, with the login, and with the cookie it got."""

from __future__ import annotations

import time
from pathlib import Path

import urllib3

ACCEPT = "multipart/related; type=application/octet-stream; transfer-syntax=*"
_PATIENCE = (0.5, 1, 2, 4, 8)
"""Seconds before a request that was put off (429, 503) is made again."""


class Viewer:
    """The public name of a site, at the address of its cloud host; its certificate is verified."""

    def __init__(self, address: str, name: str, password: str, authority: Path, parallel: int) -> None:
        self.pool = urllib3.HTTPSConnectionPool(
            address,
            server_hostname=name,
            assert_hostname=name,
            ca_certs=str(authority),
            maxsize=parallel,
            timeout=120,
            retries=False,
        )
        self.headers = {"Host": name, "Accept": ACCEPT, **urllib3.make_headers(basic_auth=f"viewer:{password}")}

    def get(self, path: str) -> tuple[int, str, bytes]:
        """Status, type and body of the answer."""
        for pause in (*_PATIENCE, None):
            answer = self.pool.request("GET", path, headers=self.headers)
            cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
            if cookie:
                self.headers = {**self.headers, "Cookie": cookie}
            if answer.status not in (429, 503) or pause is None:
                break
            time.sleep(pause)
        return answer.status, answer.headers.get("Content-Type", ""), answer.data
