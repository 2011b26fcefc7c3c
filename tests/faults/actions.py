# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults: a method each, which returns when the cause is gone."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from tests.faults.scanner import Scanner
from tests.faults.schedule import Fault, Run
from tests.kit import product
from tests.kit.dicom import make_study
from tests.kit.orthanc import STORAGE, Orthanc
from tests.wan.clock import Clock
from tests.wan.line import Mode
from tests.wan.site import Site

ASIDE = "/tmp/aside"
_PUBLISHED = 3.0
"""Seconds after which the gateway has published what it knows."""
_NO_TRAFFIC = 2.0
_PAGE = 5000


def uids(server: Orthanc) -> list[str]:
    """SOP Instance UIDs of all stored images, in pages: the cloud limits the length of an answer."""
    found: list[str] = []
    while True:
        page = server.find({"Expand": True, "Since": len(found), "Limit": _PAGE})
        found += [item["MainDicomTags"]["SOPInstanceUID"] for item in page]
        if len(page) < _PAGE:
            return found


class Stage:
    """A site and what can be done to it. ``notes`` are the faults that happened."""

    def __init__(self, site: Site, scanner: Scanner, clock: Clock, run: Run, ask_backlog: bool) -> None:
        self.site = site
        self.scanner = scanner
        self.clock = clock
        self.run = run
        self.ask_backlog = ask_backlog
        self.backlog_wrong = 0
        self.loops: set[str] = set()
        self.notes: list[str] = []
        self._carry()

    def apply(self, fault: Fault) -> None:
        time.sleep(fault.after)
        action: Callable[[Fault], None] = getattr(self, fault.kind)
        action(fault)
        self.notes.append(fault.kind)
        for server in (self.site.cloud, self.site.gateway):
            if not server.lives():
                self.notes[-1] += "(died)"
                server.start()  # as the service manager does

    def _carry(self, mode: Mode = Mode.CARRY) -> None:
        self.site.line.set(rtt=self.run.rtt, loss=self.run.loss, mode=mode)

    def _check_backlog(self) -> None:
        """While nothing can move: what the gateway has and the cloud has not must be in the backlog or parked."""
        if not self.ask_backlog:
            return
        here, there = set(uids(self.site.gateway)), set(uids(self.site.cloud))
        known = self.site.gateway.backlog() + int(self.site.gateway.status()["Parked"])
        self.backlog_wrong += len(here - there - self.loops) > known

    # The two ends.

    def _on_the_way(self, fault: Fault) -> None:
        """Waits until the line, if in use, has carried that many more bytes: an end may come anywhere in an image."""
        begin, end = self.site.line.state().up, time.monotonic() + _NO_TRAFFIC
        while self.site.line.state().up < begin + fault.bytes and time.monotonic() < end:
            time.sleep(0.005)

    def kill_cloud(self, fault: Fault) -> None:
        self._on_the_way(fault)
        self.site.cloud.kill()
        time.sleep(fault.seconds)
        self.site.cloud.start()

    def stop_cloud(self, fault: Fault) -> None:
        self.site.cloud.stop()
        time.sleep(fault.seconds)
        self.site.cloud.start()

    def kill_gateway(self, fault: Fault) -> None:
        self._on_the_way(fault)
        self.site.gateway.kill()
        time.sleep(fault.seconds)
        self.site.gateway.start()

    def stop_gateway(self, fault: Fault) -> None:
        self.site.gateway.stop()
        time.sleep(fault.seconds)
        self.site.gateway.start()

    def freeze_cloud(self, fault: Fault) -> None:
        self.site.cloud.freeze()
        time.sleep(fault.seconds)
        self.site.cloud.thaw()

    # The line.

    def cut_line(self, fault: Fault) -> None:
        self._carry(Mode.CUT)
        time.sleep(max(fault.seconds, _PUBLISHED))
        self._check_backlog()
        self._carry()

    def black_hole(self, fault: Fault) -> None:
        self._carry(Mode.BLACK_HOLE)
        time.sleep(max(fault.seconds, _PUBLISHED))
        self._check_backlog()
        self._carry()

    def pile_up(self, fault: Fault) -> None:
        """All that the scanner has becomes the backlog."""
        self._carry(Mode.CUT)
        self.scanner.wait_idle()
        time.sleep(_PUBLISHED)
        self._check_backlog()
        self._carry()

    def reset_line(self, fault: Fault) -> None:
        self._carry(Mode.RESET)
        time.sleep(fault.seconds)
        self._carry()

    # What the cloud answers.

    def wrong_password(self, fault: Fault) -> None:
        self.site.set_password("wrong")
        time.sleep(fault.seconds)
        self.site.set_password(product.CLOUD_GATEWAY[1])

    def refuse_some(self, fault: Fault) -> None:
        """A third of the images, always the same ones: those whose length falls into a lot."""
        lots = 'map $content_length $lot { "" $request_id; default $content_length; }\n'
        lots += 'split_clients "$lot" $refused { 33% 1; * ""; }\n'
        self._refuse(fault, http_top=lots, server_proxy=f"if ($refused) {{ return {fault.status}; }}\n")

    def refuse_all(self, fault: Fault) -> None:
        self._refuse(fault, server_proxy=f"return {fault.status};\n")

    def _refuse(self, fault: Fault, **rules: str) -> None:
        self.site.proxy.customise(**rules)
        time.sleep(fault.seconds)
        self.site.proxy.customise()

    # The disks.

    def full_cloud(self, fault: Fault) -> None:
        self._fill(self.site.cloud, fault)

    def full_gateway(self, fault: Fault) -> None:
        self._fill(self.site.gateway, fault)

    def _fill(self, server: Orthanc, fault: Fault) -> None:
        ballast = f"{STORAGE}/ballast"
        server.container.shell(f"dd if=/dev/zero of={ballast} bs=64k 2>/dev/null || true")
        time.sleep(fault.seconds)
        server.container.run("rm", ballast)

    def unreadable_file(self, fault: Fault) -> None:
        """The file of the newest image is away for a while; a restart empties the cache that still has it."""
        rows = self.site.gateway.get("/changes?type=NewInstance&limit=100000")["Changes"]
        if not rows:
            return
        file = self.site.gateway.file_of(rows[-1]["ID"])
        self.site.gateway.container.run("mv", file, ASIDE)
        self.site.gateway.kill()
        self.site.gateway.start()
        time.sleep(fault.seconds)
        self.site.gateway.container.run("mv", ASIDE, file)

    def roll_back(self, fault: Fault) -> None:
        """A power cut: the index is that of seconds before, the files are all there."""
        self._go_back(fault, f"{STORAGE}/index*")

    def restore_gateway(self, fault: Fault) -> None:
        """The PC is put back to an older copy of its disk."""
        self._go_back(fault, f"{STORAGE}/*")

    def _go_back(self, fault: Fault, what: str) -> None:
        gateway = self.site.gateway
        gateway.freeze()
        before = set(self.scanner.acknowledged)
        gateway.container.shell(f"rm -rf {ASIDE}; mkdir {ASIDE}; cp -a {what} {ASIDE}/")
        gateway.thaw()
        time.sleep(fault.seconds)
        gateway.kill()
        gateway.container.shell(f"rm -rf {what}; cp -a {ASIDE}/* {STORAGE}/; rm -rf {ASIDE}")
        lost = set(self.scanner.acknowledged) - before
        gateway.start()
        self.scanner.send_again(lost)

    # The scanner's side, and the clock.

    def send_twice(self, fault: Fault) -> None:
        images = [image for image in self.scanner.images if image.SOPInstanceUID in self.scanner.acknowledged][:10]
        again = Scanner(self.site.gateway.address, images, 1) if images else None
        if again:
            again.start()
            again.finish()

    def loop_images(self, fault: Fault) -> None:
        """Images that came from the cloud: they are stored under its user and must not be sent back to it."""
        for image in make_study(3):
            file = io.BytesIO()
            image.save_as(file, enforce_file_format=True)
            self.loops.add(str(image.SOPInstanceUID))
            answer = self.site.gateway.request("POST", "/instances", data=file.getvalue(), auth=product.CLOUD_GATEWAY)
            answer.raise_for_status()

    def clock_jump(self, fault: Fault) -> None:
        """The clock of both ends goes and stays there, until the next jump."""
        self.clock.set(fault.jump)
        time.sleep(fault.seconds)
