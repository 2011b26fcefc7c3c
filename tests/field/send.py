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
from pynetdicom import AE, _config

_config.STORE_SEND_CHUNKED_DATASET = True
warnings.simplefilter("ignore")


def send(path: Path) -> dict[str, Any]:
    """Status of C-STORE, or why nothing was sent."""
    try:
        dataset = dcmread(path, force=True, stop_before_pixels=True)
        sop, syntax = str(dataset.SOPClassUID), str(dataset.file_meta.TransferSyntaxUID)
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
