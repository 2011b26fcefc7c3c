# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site to measure: with a scanner, a bulk sender beside the gateway, and a stopwatch. Times in seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.kit import product
from tests.kit.containers import Container
from tests.kit.dicom import store
from tests.kit.networks import Network
from tests.lab import pki
from tests.lab.engine import connect, image_tag
from tests.lab.errors import LabError
from tests.wan.line import FAR
from tests.wan.site import Plan, Site

STREAMS = 4
PACE = 42.0
"""Images a second of a scanner whose own network sets the pace."""
TINY, ASSOCIATIONS = 100, 4
"""Files of the directory that fills a gateway, and how many associations send it at the same time."""
PATIENCE, SIGN_OF_LIFE = 3600.0, 30.0
"""Seconds."""
FASTEST = 2000
"""Images a second that no line here carries."""
# Where the bulk transfer of the comparison ends: the same nginx, the same TLS, nothing behind it.
_SINK = """location /bulk/ {
  root /;
  dav_methods PUT;
  client_body_temp_path /bulk/.part;
}"""


class MeasuredSite:
    """A running site of this plan, and files to send. Made by `measured`."""

    def __init__(self, site: Site, files: Path, scanner: Container, bulk: Container) -> None:
        self.site = site
        self.files = files
        self.scanner = scanner
        self.bulk_sender = bulk

    def store(self, directory: str, renewed: int = 0) -> float:
        """C-STORE of the files of a directory in one association; or, so many times, of their like with new UIDs."""
        again = ["+II", "--repeat", str(renewed)] if renewed else []
        command = ["storescu", "-aet", "SCANNER", "-aec", "GATEWAY", "+sd", "+r", "-xe", *again]
        # A store that only fills the gateway does not wait for delayed acknowledgements.
        environment = {"TCP_NODELAY": "1"} if renewed else {}
        begin = time.monotonic()
        self.scanner.run(*command, self.site.gateway.address, "4242", f"/files/{directory}", environment=environment)
        return time.monotonic() - begin

    def paced(self, directory: str) -> float:
        """C-STORE of the files of a directory by a scanner that sends `PACE` images a second, as far as it is let."""
        images = [dcmread(file) for file in sorted((self.files / directory).iterdir())]
        begin = time.monotonic()

        def at_its_time() -> Iterator[Dataset]:
            for number, image in enumerate(images):
                time.sleep(max(0.0, begin + number / PACE - time.monotonic()))
                yield image

        if any(store(self.site.gateway.address, at_its_time())):
            raise LabError("The gateway refused an image of the paced scanner.")
        return time.monotonic() - begin

    def forward(self, directory: str, paced: bool = False) -> tuple[float, float]:
        """The scanner's own time, and from its first C-STORE to the last image in the cloud."""
        count = self.site.gateway.count() + len(list((self.files / directory).iterdir()))
        stored: list[float] = []
        send = self.paced if paced else self.store
        thread = threading.Thread(target=lambda: stored.append(send(directory)))
        begin = time.monotonic()
        thread.start()
        end = self.arrival(count)
        thread.join()
        if not stored:
            raise LabError("The scanner could not send: see the output of the thread above.")
        return stored[0], end - begin

    def store_more(self, directory: str, count: int) -> None:
        """``count`` new images, or a few more, in several associations at a time."""
        rounds = -(-count // (TINY * ASSOCIATIONS))
        with ThreadPoolExecutor(ASSOCIATIONS) as pool:
            list(pool.map(lambda __: self.store(directory, rounds), range(ASSOCIATIONS)))

    def arrival(self, count: int, say: Callable[[str], None] = lambda __: None) -> float:
        """When the cloud has this many images, on the monotonic clock. ``say`` gets a sign of life now and then."""
        now = said = time.monotonic()
        end = now + PATIENCE
        while (there := self.site.cloud.count()) < count:
            now = time.monotonic()
            if now > end:
                raise LabError(f"The cloud has only {there} of {count} images after {PATIENCE:.0f} s.")
            if now > said + SIGN_OF_LIFE:
                said = now
                say(f"{there} of {count} images in the cloud")
            # Orthanc counts its images one by one for the answer: it is not asked often while many are missing.
            time.sleep(min(1.0, max(0.03, (count - there) / FASTEST)))
        return time.monotonic()

    def drain(self, directory: str, rtt: float, up: float = 0) -> float:
        """A study that lies on the gateway: from the first packet on the line to the last image in the cloud."""
        self.site.gateway.reconfigure(LuaScripts=[])
        self.store(directory)
        self.site.gateway.kill()
        self.site.line.set(rtt=rtt, up=up)
        self.site.gateway.reconfigure(**product.gateway(self.site.plan.forwarder))
        end = self.arrival(self.site.gateway.count())
        first = self.site.line.state().first
        assert first is not None
        return end - first

    def bulk(self, directory: str) -> float:
        """The same bytes by curl, in `STREAMS` parallel uploads over the same line and to the same proxy."""
        parts = self.files / f"{directory}.parts"
        parts.mkdir()
        data = b"".join(file.read_bytes() for file in sorted((self.files / directory).iterdir()))
        share = -(-len(data) // STREAMS)
        for number in range(STREAMS):
            (parts / str(number)).write_bytes(data[number * share : (number + 1) * share])
        curl = "curl -sf -o /dev/null -H Expect: --http1.1"
        curl += f" --cacert {pki.authority()[0]} --resolve {product.PACS}:443:{FAR}"
        script = (
            f"b=$(date +%s%N); for i in $(seq 0 {STREAMS - 1}); do "
            f"{curl} -T {parts}/$i https://{product.PACS}/bulk/$i || echo failed >&2 & done; wait; e=$(date +%s%N); "
            "echo $((e - b))"
        )
        output = self.bulk_sender.run("chroot", "/machine", "sh", "-c", script)
        shutil.rmtree(parts)
        if not output.strip().isdigit():
            raise LabError(f"curl could not send the bulk transfer: {output.strip()[-300:]}")
        return int(output) / 1e9

    def work(self) -> dict[str, float]:
        """Seconds of processor time so far: of the servers' containers, and of everything on this machine as "all"."""
        found: dict[str, float] = {}
        for container in connect().containers.list(filters={"name": f"^/?{self.site.network.name}-"}):
            table = container.top(ps_args="-o pid")["Processes"]
            found[str(container.name).rpartition("-")[2]] = sum(_ticks(Path("/proc", row[0], "stat")) for row in table)
        spent = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        # user, nice, system, irq, softirq: without what was idle, waited, or was another machine's.
        found["all"] = sum(int(spent[column]) for column in (0, 1, 2, 5, 6))
        return {name: ticks / os.sysconf("SC_CLK_TCK") for name, ticks in found.items()}

    def memory(self, what: str = "VmRSS") -> float:
        """Memory of the gateway's Orthanc in MB: ``VmRSS`` now, ``VmHWM`` at most so far."""
        lines = self.site.gateway.container.shell("cat /proc/$(cat /tmp/pid)/status").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))


def _ticks(file: Path) -> int:
    """Processor time of a process and of those that it waited for, in ticks; 0 when it has ended."""
    try:
        return sum(int(value) for value in file.read_text().rpartition(")")[2].split()[11:15])
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def measured(files: Path, network: Network, plan: Plan) -> Iterator[MeasuredSite]:
    """A site of this plan while the block runs; ``files`` holds a directory for each study."""
    if shutil.which("curl") is None:
        raise LabError("curl is not on PATH and the bench compares with it: install the package curl.")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mediverse-bench-")))
        site = Site(folder, network, dataclasses.replace(plan, proxy=_SINK))
        stack.callback(site.close)
        scanner = stack.enter_context(
            Container(
                image_tag("scanner"),
                f"{network.name}-scanner",
                network=network.name,
                mounts={"/files": files},
            )
        )
        # curl is this machine's own; only the network is the gateway's.
        bulk = stack.enter_context(
            Container(
                image_tag("debian-trixie"),
                f"{network.name}-bulk",
                network_mode=f"container:{site.gateway.container.name}",
                mounts={"/machine": Path("/")},
            )
        )
        yield MeasuredSite(site, files, scanner.start(), bulk.start())
