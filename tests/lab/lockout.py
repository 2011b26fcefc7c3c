# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is still open to a PC of the lab that is gone: asked of the cloud, of its tunnel and of the hub's Syncthing."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

from tests.lab.errors import LabError
from tests.lab.site import Lab

_IMAGE = """
import io, sys
from scanner.phantom import study
image = io.BytesIO()
next(study(1, 16)).save_as(image)
sys.stdout.buffer.write(image.getvalue())
"""
# The login comes by standard input, as no command line may have it.
_SEND = """
import base64, json, sys, urllib.error, urllib.request
told = json.load(sys.stdin)
head = {"Authorization": "Basic " + told["login"], "Content-Type": "application/dicom"}
sent = urllib.request.Request(told["url"], base64.b64decode(told["image"]), head, method="POST")
try:
    print(urllib.request.urlopen(sent, timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
_WATCH = """
import socket, sys, time
misses, since = 0, 0.0
for __ in range(1200):
    try:
        socket.create_connection((sys.argv[1], 5986), 2).close()
        misses = 0
    except OSError:
        # Its end: one that had begun before may be cut off in the middle.
        since = since if misses else time.time()
        misses += 1
    if misses == 3:
        print(since)
        break
    time.sleep(0.3)
"""
_DEVICES = (
    "key=$(sed -n 's/.*<apikey>\\(.*\\)<.*/\\1/p' /var/lib/syncthing/config.xml);"
    'curl -sf -H "X-API-Key: $key" http://127.0.0.1:8384/rest/config/devices'
)


class Lockout:
    """The site of a lab whose PC is to be locked out."""

    def __init__(self, lab: Lab, site: str) -> None:
        self._lab, self._site = lab, site
        self._image = self._run("scanner", "python3", "-c", _IMAGE)

    def login(self) -> str:
        """By which the site's PC sends images to the cloud now."""
        store = json.loads(self._run(f"{self._site}-cloud", "cat", f"/etc/mediverse/secrets/{self._site}.json"))
        return str(store["orthanc_gateway"])

    def sends(self, login: str) -> int:
        """The HTTP status that the cloud gives an image which comes from behind the router with this login."""
        told = {
            "url": f"https://{self._site}.pacs.{self._lab.domain}/instances",
            "login": base64.b64encode(f"gateway:{login}".encode()).decode(),
            "image": base64.b64encode(self._image).decode(),
        }
        return int(self._run(f"{self._site}-gateway", "python3", "-c", _SEND, given=json.dumps(told).encode()))

    def is_in_worklists(self) -> bool:
        """Whether the hub's Syncthing knows a device of the site."""
        devices = json.loads(self._run("hub", "sh", "-c", _DEVICES))
        return self._site in [device["name"] for device in devices]

    def address(self) -> str:
        """In the tunnel."""
        entry = json.loads(self._run("hub", "cat", f"/var/lib/mediverse-access/sites/{self._site}.json"))
        return str(entry["address"])

    def watch(self, address: str) -> subprocess.Popen[str]:
        """Ends when nothing answers at the PC's port any more, and says when that was seen, in seconds of the clock."""
        command = ["docker", "exec", self._container("hub"), "python3", "-c", _WATCH, address]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _container(self, host: str) -> str:
        return self._lab.container(self._lab.host(host))

    def _run(self, host: str, *command: str, given: bytes = b"") -> bytes:
        call: list[Any] = ["docker", "exec", "-i", self._container(host), *command]
        done = subprocess.run(call, input=given, capture_output=True, check=False, timeout=120)
        if done.returncode:
            raise LabError(f"{host} does not answer: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return done.stdout
