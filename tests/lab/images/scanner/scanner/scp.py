# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scanner's own service: answers C-ECHO, and keeps what a C-STORE brings in /var/lib/scanner/received."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

RECEIVED = Path("/var/lib/scanner/received")


def store(event: evt.Event) -> int:
    """Write the instance under its UID; 0x0000 is success."""
    dataset = event.dataset
    dataset.file_meta = event.file_meta
    dataset.save_as(RECEIVED / f"{dataset.SOPInstanceUID}.dcm", **_as_file_format())
    return 0x0000


def _as_file_format() -> dict[str, bool]:
    """The option of pydicom that writes a complete file has another name since version 3."""
    import pydicom

    newer = int(pydicom.__version__.split(".")[0]) >= 3
    return {"enforce_file_format": True} if newer else {"write_like_original": False}


def main() -> None:
    """Serve until the container is stopped."""
    RECEIVED.mkdir(parents=True, exist_ok=True)
    title, port = os.environ["SCANNER_AET"], int(os.environ["SCANNER_PORT"])
    entity = AE(ae_title=title)
    entity.require_called_aet = True
    entity.add_supported_context(Verification)
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax))
    print(f"{title} listens on port {port}", file=sys.stderr, flush=True)
    entity.start_server(("0.0.0.0", port), evt_handlers=[(evt.EVT_C_STORE, store)])


if __name__ == "__main__":
    main()
