# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two real Orthanc servers in containers, a gateway with the forwarder and a cloud, for tests that break things."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy
import requests
import yaml
from docker.errors import NotFound
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

from tests.lab import recipes
from tests.lab.engine import connect, image_tag
from tests.lab.steps import Steps
from tests.wan.place import Place

ROOT = Path(__file__).resolve().parents[2]
FORWARDER = ROOT / "roles" / "orthanc_windows_gateway" / "files" / "forwarder"
# In the order in which Orthanc loads them.
_ROLE = yaml.safe_load((ROOT / "roles" / "orthanc_windows_gateway" / "vars" / "main.yml").read_text(encoding="utf-8"))
SCRIPTS: tuple[str, ...] = tuple(_ROLE["__orthanc_windows_gateway_scripts"])
IMAGE = "orthanc"
GATEWAY, CLOUD = ("admin", "gateway-pass"), ("gateway", "cloud-pass")
_ATTEMPTS = 3
PEER, ARCHIVE = "cloud", "archive"
LABEL = "forward-failed"
LOG = "/tmp/log"


def make_image() -> None:
    """Builds the lab's image of Orthanc where it is missing; LabError says why it cannot."""
    recipes.build(connect(), (IMAGE,), Steps(recipes.build_steps((IMAGE,))))


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """What the condition returned when it came true; a failed request counts as false."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := condition():
                return found
        except requests.RequestException:
            pass
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.1)


def make_study(count: int, size: int = 64) -> list[Dataset]:
    """Synthetic CT images of one study, `size` x `size` pixels of 16 bits."""
    study, series = generate_uid(), generate_uid()
    noise = numpy.random.default_rng(7)
    images = []
    for number in range(1, count + 1):
        meta = FileMetaDataset()
        image = Dataset()
        image.file_meta = meta
        image.SOPClassUID = meta.MediaStorageSOPClassUID = CTImageStorage
        image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.StudyInstanceUID, image.SeriesInstanceUID, image.InstanceNumber = study, series, number
        image.PatientID, image.PatientName, image.Modality = "FWD1", "Forwarder^Test", "CT"
        image.Rows = image.Columns = size
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelData = noise.integers(0, 4096, size * size, dtype=numpy.uint16).tobytes()
        images.append(image)
    return images


class Server:
    """One Orthanc in a container that outlives it: a killed server refuses connections at once, as behind a proxy.

    Database and images lie in the container and survive kill and start.
    """

    def __init__(
        self,
        name: str,
        address: str,
        user: tuple[str, str],
        configuration: dict[str, Any],
        folder: Path,
        network: str,
        **container: Any,
    ) -> None:
        """``container``: more arguments of the engine; ``volumes`` and ``aliases`` are added to our own."""
        self.name, self.address = f"{network}-{name}", address
        self.session = requests.Session()
        self.session.auth = user
        folder.mkdir()
        base = {
            "Name": name,
            "StorageDirectory": "/srv/orthanc",
            "IndexDirectory": "/srv/orthanc",
            "RemoteAccessAllowed": True,
            "AuthenticationEnabled": True,
            "RegisteredUsers": dict([user]),
            "HttpPort": 8042,
            "DicomPort": 4242,
            "KeepAlive": True,
            "TcpNoDelay": True,
            "OverwriteInstances": "IfChanged",
        }
        self._file = folder / "orthanc.json"
        self._file.write_text(json.dumps({**base, **configuration}))
        client = connect()
        with contextlib.suppress(NotFound):
            client.containers.get(self.name).remove(force=True, v=True)
        volumes, aliases = container.pop("volumes", {}), container.pop("aliases", [])
        self.container = client.containers.create(
            image_tag(IMAGE),
            ["sleep", "infinity"],
            entrypoint="",
            init=True,
            name=self.name,
            volumes={
                str(folder): {"bind": "/etc/fwd", "mode": "ro"},
                str(FORWARDER): {"bind": "/etc/forwarder", "mode": "ro"},
                **volumes,
            },
            network=network,
            networking_config={network: client.api.create_endpoint_config(ipv4_address=address, aliases=aliases)},
            **{"environment": {"TCP_NODELAY": "1"}, **container},
        )

        self.container.start()

    def start(self) -> None:
        command = f"echo $$ > /tmp/pid; exec Orthanc --verbose-jobs /etc/fwd/orthanc.json >> {LOG} 2>&1"
        self.container.exec_run(["sh", "-c", command], detach=True)
        wait_for(lambda: self.request("GET", "/system").ok, 90, f"{self.name} to answer")

    def kill(self) -> None:
        """kill -9, nothing is written or said any more; returns when the process is gone."""
        gone = "while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.1; done"
        self.execute(["sh", "-c", f"kill -9 $(cat /tmp/pid) || exit 1; {gone}"])

    def stop(self) -> None:
        """An orderly end, as at a shutdown of the machine."""
        self.execute(
            ["sh", "-c", "kill $(cat /tmp/pid); while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.1; done"]
        )

    def reconfigure(self, **options: Any) -> None:
        """Starts the server again with these settings."""
        self._file.write_text(json.dumps({**json.loads(self._file.read_text()), **options}))
        with contextlib.suppress(AssertionError):  # it may have been killed before
            self.kill()
        self.start()

    def freeze(self) -> None:
        """The server neither answers nor refuses."""
        self.execute(["sh", "-c", "kill -STOP $(cat /tmp/pid)"])

    def thaw(self) -> None:
        self.execute(["sh", "-c", "kill -CONT $(cat /tmp/pid)"])

    def remove(self) -> None:
        self.container.remove(force=True, v=True)

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
        assert len(result) == len(found), f"{self.name} holds an image twice"
        return result

    def md5(self, instance: str) -> str:
        return hashlib.md5(self.request("GET", f"/instances/{instance}/file").content).hexdigest()

    def count(self) -> int:
        return int(self.get("/statistics")["CountInstances"])

    def execute(self, command: list[str]) -> str:
        code, output = self.container.exec_run(command)
        assert code == 0, output
        return str(output.decode())

    def logs(self) -> str:
        return self.execute(["cat", LOG])


def store(address: str, images: Iterable[Dataset]) -> Iterator[int]:
    """The status of each image's C-STORE, sent in one association with the gateway.

    Two threads of pynetdicom race for an answer, and now and then the wrong one gets it. Then the image is sent again
    in a new association, as a scanner does that got no answer.
    """
    scanner = AE("SCANNER")
    scanner.dimse_timeout = 10
    scanner.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = None
    for image in images:
        for _ in range(_ATTEMPTS):
            if association is None or not association.is_established:
                association = scanner.associate(address, 4242, ae_title="GATEWAY")
                assert association.is_established, f"{address} refuses the association"
            answer = association.send_c_store(image)
            if "Status" in answer:
                break
            association.abort()
        yield int(answer.Status)
    if association is not None:
        association.release()


MakePair = Callable[..., "Pair"]


class Pair:
    """A gateway and a cloud, both started, and the questions that the tests ask.

    ``place``: the names and the network, which other pairs do not share.
    ``script``: a Lua file to run on the gateway in the place of the forwarder.
    ``archive``: with a second destination of that name.
    ``section``: more of the forwarder's settings, beside its destinations.
    ``options``: more settings of the gateway's Orthanc.
    ``before_main``: a Lua file that runs before the last one of the forwarder.
    """

    def __init__(
        self,
        folder: Path,
        place: Place,
        script: Path | None = None,
        archive: bool = False,
        section: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        before_main: Path | None = None,
        **destination: Any,
    ) -> None:
        self.parts: list[Any] = []
        with contextlib.ExitStack() as unless_made:
            unless_made.callback(self.close)
            closed = {"DicomServerEnabled": False}
            self.cloud = self._server("cloud", place, 10, CLOUD, closed, folder)
            self.archive = self._server(ARCHIVE, place, 11, CLOUD, closed, folder) if archive else None
            common = {"LongestPause": 4, "ParkAfter": 3, "SkipHttpUsers": ["cloud-side"], **destination}
            names = [PEER, ARCHIVE] if archive else [PEER]
            forwarder = {"Destinations": [{"Peer": name, **common} for name in names], "LogFile": LOG}
            forwarder |= section or {}
            configuration = {
                "DicomAet": "GATEWAY",
                "DicomAlwaysAllowStore": True,
                "RegisteredUsers": {GATEWAY[0]: GATEWAY[1], "cloud-side": "x"},
                "OrthancPeersInDatabase": True,
                "ConcurrentJobs": 2 * common.get("Jobs", 48) * len(names) + 2,
                "SaveJobs": False,
                "JobsHistorySize": 100,
                "LuaHeartBeatPeriod": 1,
                "LuaScripts": [f"/etc/forwarder/{name}.lua" for name in SCRIPTS],
                "MediverseForwarder": forwarder,
                **(options or {}),
            }
            own = script or before_main
            if own:
                configuration["LuaScripts"][0 if script else -1 :] = ["/etc/fwd/script.lua"]
            if before_main:
                configuration["LuaScripts"].append("/etc/forwarder/main.lua")
            self.gateway = self._server("gateway", place, 30, GATEWAY, configuration, folder)
            if own:
                (folder / "gateway" / "script.lua").write_text(own.read_text())
            self.cloud.start()
            self.gateway.start()
            self.set_peer(CLOUD[1])
            if self.archive:
                self.archive.start()
                self._register(ARCHIVE, self.archive, CLOUD[1])
            unless_made.pop_all()

    def _server(
        self, name: str, place: Place, host: int, user: tuple[str, str], configuration: dict[str, Any], folder: Path
    ) -> Server:
        made = Server(name, place.address(host), user, configuration, folder / name, place.name)
        self.parts.append(made)
        return made

    def set_peer(self, password: str) -> None:
        self._register(PEER, self.cloud, password)

    def _register(self, name: str, server: Server, password: str) -> None:
        peer = {"Url": f"http://{server.address}:8042/", "Username": CLOUD[0], "Password": password, "Timeout": 60}
        self.gateway.request("PUT", f"/peers/{name}", json=peer).raise_for_status()

    def send(self, images: list[Dataset]) -> None:
        """C-STORE of all images in one association; every one must be acknowledged."""
        assert all(status == 0 for status in store(self.gateway.address, images))

    def status(self, peer: str = PEER) -> dict[str, str]:
        return dict(self.gateway.get(f"/peers/{peer}-status/configuration"))

    def backlog(self, peer: str = PEER) -> int:
        """Images not settled yet, as anybody can ask over REST."""
        now = self.status(peer)
        count, behind = int(now["Pending"]), {"Last": now["Read"], "Done": False}
        while not behind["Done"]:
            behind = self.gateway.get(f"/changes?type=NewInstance&since={behind['Last']}&limit=10000")
            count += len(behind["Changes"])
        return count

    def wait_delivered(self, count: int, seconds: float = 90) -> None:
        wait_for(lambda: self.cloud.count() >= count, seconds, f"{count} images in the cloud")

    def assert_same(self, images: int) -> None:
        here, there = self.gateway.contents(), self.cloud.contents()
        assert len(here) == images
        assert here == there
        wait_for(lambda: self.backlog() == 0, 30, "an empty backlog")
        wait_for(lambda: self.status()["Parked"] == "0", 30, "no image to be parked")

    def close(self) -> None:
        for part in reversed(self.parts):
            part.remove()
