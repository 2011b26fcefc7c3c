# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scanner as scanners are: it keeps an image, and sends it again, until it got Success for it."""

from __future__ import annotations

import io
import threading
import time
import zipfile

import requests
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

_ARCHIVE = 500


class Scanner(threading.Thread):
    """Sends the images in a thread, until `finish`. ``acknowledged`` holds the SOP Instance UIDs that got Success.

    ``pause`` after each image and ``patience`` in all are in seconds. With ``rest``, a user and a password, the
    images come in archives over REST, as from a disc: for numbers that would take this scanner an hour.
    """

    def __init__(
        self,
        address: str,
        images: list[Dataset],
        associations: int,
        pause: float = 0,
        patience: float = 120.0,
        rest: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.images = images
        self.size = -(-len(images) // associations)
        self.pause = pause
        self.rest = rest
        self.patience = patience
        self.acknowledged: set[str] = set()
        self._finishing = threading.Event()

    def run(self) -> None:
        end = time.monotonic() + self.patience
        waiting = list(self.images)
        while time.monotonic() < end:
            # Asked first: what is sent again before the end must be found below.
            last = self._finishing.is_set()
            waiting = [image for image in waiting if image.SOPInstanceUID not in self.acknowledged] or [
                image for image in self.images if image.SOPInstanceUID not in self.acknowledged
            ]
            if waiting:
                if not (self._upload(waiting[:_ARCHIVE]) if self.rest else self._associate(waiting[: self.size])):
                    time.sleep(0.3)
            elif last:
                return
            else:
                time.sleep(0.1)

    def wait_idle(self) -> None:
        """Waits until every image got Success for now, or patience ends."""
        while self.is_alive() and len(self.acknowledged) < len(self.images):
            time.sleep(0.1)

    def finish(self) -> None:
        """Waits until every image got Success, or patience ends."""
        self._finishing.set()
        self.join()

    def send_again(self, uids: set[str]) -> None:
        """The operator is told that the gateway lost its last seconds, and sends these images once more.

        Their Success counts no more from now on: whatever befalls the gateway next must not find them acknowledged.
        """
        self.acknowledged.difference_update(uids)

    def _upload(self, images: list[Dataset]) -> bool:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as pack:
            for number, image in enumerate(images):
                file = io.BytesIO()
                image.save_as(file, enforce_file_format=True)
                pack.writestr(str(number), file.getvalue())
        url = f"http://{self.address}:8042/instances"
        try:
            answer = requests.post(url, archive.getvalue(), auth=self.rest, timeout=120)
            stored = [item for item in answer.json() if item["Status"] in ("Success", "AlreadyStored")]
        except (requests.RequestException, ValueError, TypeError):
            return False
        if len(stored) != len(images):
            return False
        self.acknowledged |= {str(image.SOPInstanceUID) for image in images}
        return True

    def _associate(self, images: list[Dataset]) -> bool:
        caller = AE("SCANNER")
        caller.acse_timeout = caller.dimse_timeout = caller.network_timeout = 5
        caller.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        association = caller.associate(self.address, 4242, ae_title="GATEWAY")
        if not association.is_established:
            return False
        for image in images:
            try:
                status = association.send_c_store(image)
            except (RuntimeError, ValueError):
                return False
            if "Status" not in status or status.Status != 0:
                association.abort()
                return False
            self.acknowledged.add(str(image.SOPInstanceUID))
            time.sleep(self.pause)
        association.release()
        return True
