# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scanner as scanners are: it keeps an image, and sends it again, until it got Success for it."""

from __future__ import annotations

import threading
import time

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

_PATIENCE = 120.0


class Scanner(threading.Thread):
    """Sends the images in a thread. ``acknowledged`` holds the SOP Instance UIDs that got Success."""

    def __init__(self, address: str, images: list[Dataset], associations: int) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.images = images
        self.size = -(-len(images) // associations)
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        waiting = list(self.images)
        end = time.monotonic() + _PATIENCE
        while waiting and time.monotonic() < end:
            if not self._associate(waiting[: self.size]):
                time.sleep(0.3)
            waiting = [image for image in waiting if image.SOPInstanceUID not in self.acknowledged]

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
                return False
            self.acknowledged.add(str(image.SOPInstanceUID))
        association.release()
        return True
