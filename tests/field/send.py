# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the scanner: sends every file of a directory in its own transfer syntax; one line of JSON for each."""

from __future__ import annotations

import json
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom import AE, _config
from scanner import answers

answers.keep_for_callers()
_config.STORE_SEND_CHUNKED_DATASET = True
warnings.simplefilter("ignore")
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLEMENTATION = "1.2.826.0.1.3680043.8.498.77.1"


def as_file(path: Path) -> tuple[Path, str, str]:
    """The file with a head as a scanner would have written it, and its class and transfer syntax.

    Some test files have none, or one that speaks of another image. The data set behind it stays as it is, byte by byte.
    """
    dataset = dcmread(path, force=True, stop_before_pixels=True)
    meta = dataset.file_meta
    sop = str(dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")
    uid = str(dataset.get("SOPInstanceUID") or meta.get("MediaStorageSOPInstanceUID") or "")
    if not sop or not uid:
        raise ValueError("neither data set nor head say of which class it is")
    implicit, little = dataset.original_encoding
    guessed = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
    syntax = str(meta.get("TransferSyntaxUID") or guessed)
    data = path.read_bytes()
    if data[128:132] == b"DICM":
        data = behind_head(data)
    elif "FileMetaInformationVersion" in meta or data[:2] == b"\2\0":
        raise ValueError("a head without the preamble")
    if syntax == DEFLATED and len(data) % 2:
        data += b"\0"  # what the standard demands of the sender
    head, new = DicomBytesIO(), FileMetaDataset()
    new.MediaStorageSOPClassUID, new.MediaStorageSOPInstanceUID = UID(sop), UID(uid)
    new.TransferSyntaxUID, new.ImplementationClassUID = UID(syntax), UID(IMPLEMENTATION)
    write_file_meta_info(head, new)
    path.write_bytes(bytes(128) + b"DICM" + head.getvalue() + data)
    return path, sop, syntax


def behind_head(data: bytes) -> bytes:
    """The data set: what follows the elements of group 2, which are always explicit and little endian."""
    at = 132
    while data[at : at + 2] == b"\2\0":
        if data[at + 4 : at + 6] in (b"OB", b"OW", b"UN", b"UT", b"SQ"):
            at += 12 + int.from_bytes(data[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(data[at + 6 : at + 8], "little")
    return data[at:]


def send(path: Path) -> dict[str, Any]:
    """Status of C-STORE, or why nothing was sent."""
    try:
        path, sop, syntax = as_file(path)
    except Exception as error:
        return {"unsent": f"{type(error).__name__}: {error}"[:160]}
    entity = AE(ae_title=os.environ["SCANNER_AET"])
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 60
    entity.add_requested_context(sop, syntax)
    association = entity.associate(
        os.environ["GATEWAY_HOST"], int(os.environ["GATEWAY_PORT"]), ae_title=os.environ["GATEWAY_AET"]
    )
    if not association.is_established:
        return {"status": "no association"}
    try:
        status = association.send_c_store(path)
        return {"status": f"{status.Status:04X}" if status else "no answer"}
    except Exception as error:
        return {"unsent": f"{type(error).__name__}: {error}"[:160]}
    finally:
        association.release()


with ThreadPoolExecutor(3) as pool:
    files = sorted(Path(sys.argv[1]).iterdir())
    for file, answer in zip(files, pool.map(send, files), strict=True):
        print(json.dumps({"file": file.name, **answer}), flush=True)
