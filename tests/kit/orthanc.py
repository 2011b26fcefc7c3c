# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Orthanc servers that a test may kill, stop, freeze and configure again; and what a gateway knows beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from pydicom.dataset import Dataset

from plugins.module_utils.orthanc._index import write_statistics
from tests.kit import product
from tests.kit.containers import Container, wait_for
from tests.kit.dicom import store
from tests.kit.networks import Network
from tests.lab.engine import image_tag
from tests.lab.errors import LabError

IMAGE = "orthanc"
FILES = "/etc/test"
"""Where the server finds the files of its folder."""
STORAGE = "/srv/orthanc"
_DISK = 1024
_END = "while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.1; done"


class Orthanc:
    """One Orthanc in a container that outlives it: a killed server refuses connections at once, as behind a proxy.

    Database and images lie in the container's memory and survive kill and start.

    name, host     of the container on this network; the last number of its address
    login          name and password by which the test asks it
    configuration  all of it, as `product` makes it
    folder         a new directory of this machine, for the configuration and what else the server shall read in `FILES`
    disk           the size of its storage in MB
    prepared       with the row of statistics that the roles write into the index before the first start
    options        of `Container`
    """

    def __init__(
        self,
        network: Network,
        host: int,
        name: str,
        login: tuple[str, str],
        configuration: Mapping[str, Any],
        folder: Path,
        *,
        disk: int = _DISK,
        prepared: bool = True,
        mounts: Mapping[str, Path] | None = None,
        **options: Any,
    ) -> None:
        self.address, self.folder = network.address(host), folder
        self.session = requests.Session()
        self.session.auth = login
        folder.mkdir()
        self._file = folder / "orthanc.json"
        self._file.write_text(json.dumps(configuration))
        self.container = Container(
            image_tag(IMAGE),
            f"{network.name}-{name}",
            network=network.name,
            address=self.address,
            mounts={FILES: folder, **(mounts or {})},
            tmpfs={STORAGE: f"size={disk}m"},
            **options,
        ).start()
        if prepared:
            write_statistics(folder / "index")
            self.container.run("cp", f"{FILES}/index", f"{STORAGE}/index")

    def start(self) -> None:
        self.begin()
        wait_for(lambda: self.request("GET", "/system").ok, 90, f"{self.container.name} to answer")

    def begin(self) -> None:
        """Starts the server, which may end before it has ever answered."""
        self.container.shell("rm -f /tmp/pid")
        command = f"echo $$ > /tmp/pid; exec Orthanc --verbose-jobs {FILES}/orthanc.json >> {product.LOG} 2>&1"
        self.container.shell(command, detach=True)
        begun = "cat /tmp/pid 2>/dev/null || true"
        wait_for(lambda: self.container.shell(begun).strip(), 30, f"{self.container.name} to begin")

    def kill(self) -> None:
        """kill -9, nothing is written or said any more; returns when the process is gone."""
        self.container.shell(f"kill -9 $(cat /tmp/pid) || exit 1; {_END}")

    def stop(self) -> None:
        """An orderly end, as at a shutdown of the machine."""
        self.container.shell(f"kill $(cat /tmp/pid); {_END}")

    def lives(self) -> bool:
        return not self.container.shell("kill -0 $(cat /tmp/pid) 2>/dev/null || echo dead").strip()

    def reconfigure(self, **settings: Any) -> None:
        """Starts the server again with these settings of Orthanc."""
        self._file.write_text(json.dumps({**json.loads(self._file.read_text()), **settings}))
        if self.lives():
            self.kill()
        self.start()

    def freeze(self) -> None:
        """The server neither answers nor refuses."""
        self.container.shell("kill -STOP $(cat /tmp/pid)")

    def thaw(self) -> None:
        self.container.shell("kill -CONT $(cat /tmp/pid)")

    def remove(self) -> None:
        self.container.remove()

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, f"http://{self.address}:8042{path}", timeout=30, **more)

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        answer.raise_for_status()
        return answer.json()

    def find(self, query: dict[str, Any]) -> list[Any]:
        found: list[Any] = self.request("POST", "/tools/find", json={"Level": "Instance", "Query": {}, **query}).json()
        return found

    def contents(self) -> dict[str, str]:
        """MD5 of every stored DICOM file by SOP Instance UID; two instances with one UID are an error."""
        found = self.find({"Expand": True})
        result = {item["MainDicomTags"]["SOPInstanceUID"]: self.md5(item["ID"]) for item in found}
        assert len(result) == len(found), f"{self.container.name} holds an image twice"
        return result

    def md5(self, instance: str) -> str:
        return hashlib.md5(self.request("GET", f"/instances/{instance}/file").content).hexdigest()

    def count(self) -> int:
        return int(self.get("/statistics")["CountInstances"])

    def file_of(self, instance: str) -> str:
        """Where the image lies in the container."""
        unique = self.get(f"/instances/{instance}/attachments/dicom/info")["Uuid"]
        return f"{STORAGE}/{unique[:2]}/{unique[2:4]}/{unique}"

    def logs(self) -> str:
        """What Orthanc said; the end of an earlier process may stand before."""
        return self.container.run("cat", product.LOG)


class Cloud(Orthanc):
    """The cloud's Orthanc with the product's configuration and its scripts; asked as its administrator."""

    def __init__(self, network: Network, host: int, name: str, folder: Path, **options: Any) -> None:
        mounts = {product.CLOUD_SCRIPTS: product.ACCESS.parent, **options.pop("mounts", {})}
        super().__init__(network, host, name, product.CLOUD_ADMIN, product.cloud(), folder, mounts=mounts, **options)


class Gateway(Orthanc):
    """A gateway's Orthanc with the product's configuration and the forwarder; asked as its administrator.

    ``tuned``: with what the role sets around Orthanc; not for one as it comes. ``options`` are those of `Orthanc`.
    """

    def __init__(
        self,
        network: Network,
        host: int,
        name: str,
        configuration: Mapping[str, Any],
        folder: Path,
        *,
        tuned: bool = True,
        **options: Any,
    ) -> None:
        mounts = {product.GATEWAY_SCRIPTS: product.FORWARDER, **options.pop("mounts", {})}
        environment = {**({"TCP_NODELAY": "1"} if tuned else {}), **options.pop("environment", {})}
        options |= {"mounts": mounts, "environment": environment, "prepared": tuned}
        super().__init__(network, host, name, product.GATEWAY_ADMIN, configuration, folder, **options)

    def register(
        self, url: str, password: str = product.CLOUD_GATEWAY[1], peer: str = product.PEER, **more: Any
    ) -> None:
        """Makes a destination known: its address and the gateway's password there; ``more`` settings of the peer."""
        settings = {"Url": url, "Username": product.CLOUD_GATEWAY[0], "Password": password, **more}
        self.request("PUT", f"/peers/{peer}", json=settings).raise_for_status()

    def send(self, images: list[Dataset]) -> None:
        """C-STORE of all images in one association; every one must be acknowledged."""
        assert all(status == 0 for status in store(self.address, images))

    def status(self, peer: str = product.PEER) -> dict[str, str]:
        """What the forwarder says of this destination."""
        return dict(self.get(f"/peers/{peer}-status/configuration"))

    def backlog(self, peer: str = product.PEER) -> int:
        """Images not settled yet, as anybody can ask over REST."""
        now = self.status(peer)
        count, behind = int(now["Pending"]), {"Last": now["Read"], "Done": False}
        while not behind["Done"]:
            behind = self.get(f"/changes?type=NewInstance&since={behind['Last']}&limit=10000")
            count += len(behind["Changes"])
        return count

    def acknowledge_at_once(self, subnet: str) -> None:
        """What the role sets for the adapter beside the scanner, in Linux's terms: no delayed acknowledgement."""
        route = f"{subnet} dev eth0 scope link src {self.address} quickack 1"
        try:
            self.container.run("ip", "route", "change", *route.split())
        except LabError as error:
            raise LabError(f"The gateway of the test does not take its route: {error}") from None
