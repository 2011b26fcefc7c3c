# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scanner asks of others, each as a command that prints one JSON object and exits 0 when all went well."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    ModalityWorklistInformationFind,
    Verification,
)

from scanner import answers, phantom

answers.keep_for_callers()


def associate(options: argparse.Namespace, *classes: str) -> Association | None:
    """An association with the gateway for the SOP classes, None when it is refused."""
    entity = AE(ae_title=options.calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = options.timeout
    entity.connection_timeout = options.timeout
    for sop_class in classes:
        entity.add_requested_context(sop_class, "1.2.840.10008.1.2.1")
    association = entity.associate(options.host, options.port, ae_title=options.called)
    return association if association.is_established else None


def echo(options: argparse.Namespace) -> dict[str, Any]:
    """C-ECHO."""
    association = associate(options, Verification)
    if association is None:
        return {"ok": False, "msg": f"{options.called} at {options.host}:{options.port} refuses the association."}
    status = association.send_c_echo()
    association.release()
    return {"ok": bool(status) and status.Status == 0}


def send_study(options: argparse.Namespace) -> dict[str, Any]:
    """C-STORE of a new synthetic study; the answer lists SOP Instance UID and MD5 of the pixel data of each image."""
    images = list(
        phantom.study(
            options.count, options.size, options.patient_id, options.patient_name, options.accession, options.study_uid
        )
    )
    started = time.monotonic()
    association = associate(options, CTImageStorage)
    if association is None:
        return {"ok": False, "msg": f"{options.called} at {options.host}:{options.port} refuses the association."}
    sent, failed = [], []
    for image in images:
        status = association.send_c_store(image)
        entry = {"sop_instance_uid": str(image.SOPInstanceUID), "pixel_md5": hashlib.md5(image.PixelData).hexdigest()}
        if status and status.Status == 0:
            sent.append(entry)
        else:
            failed.append({**entry, "status": f"0x{status.Status:04X}" if status else "no answer"})
        if options.pause:
            time.sleep(options.pause)
    association.release()
    return {
        "ok": not failed and len(sent) == len(images),
        "study_instance_uid": str(images[0].StudyInstanceUID) if images else None,
        "patient_id": options.patient_id,
        "seconds": round(time.monotonic() - started, 3),
        "sent": sent,
        "failed": failed,
    }


def find_worklist(options: argparse.Namespace) -> dict[str, Any]:
    """C-FIND of the modality worklist; empty options match everything."""
    query = Dataset()
    query.PatientName, query.PatientID, query.AccessionNumber = "", options.patient_id, options.accession
    query.StudyInstanceUID, query.PatientBirthDate, query.PatientSex = "", "", ""
    query.RequestedProcedureID = query.RequestedProcedureDescription = ""
    step = Dataset()
    step.ScheduledStationAETitle, step.Modality = options.station, ""
    step.ScheduledProcedureStepStartDate = step.ScheduledProcedureStepStartTime = ""
    step.ScheduledProcedureStepDescription = step.ScheduledProcedureStepID = ""
    query.ScheduledProcedureStepSequence = [step]
    association = associate(options, ModalityWorklistInformationFind)
    if association is None:
        return {"ok": False, "msg": f"{options.called} at {options.host}:{options.port} refuses the association."}
    entries, last = [], None
    for status, identifier in association.send_c_find(query, ModalityWorklistInformationFind):
        last = status.Status if status else None
        if last in (0xFF00, 0xFF01) and identifier is not None:
            entries.append(_entry(identifier))
    association.release()
    return {"ok": last == 0, "entries": entries}


def watch_worklist(options: argparse.Namespace) -> dict[str, Any]:
    """Asks again and again, in one process because a new one takes longer to start than an entry to come.

    Prints each answer that differs from the one before, with its time on the monotonic clock, and returns the last one.
    """
    end = time.monotonic() + options.watch
    last: dict[str, Any] | None = None
    while True:
        answer = find_worklist(options)
        now = time.monotonic()
        if now >= end:
            return {**answer, "at": now}
        if answer != last:
            print(json.dumps({**answer, "at": now}), flush=True)
        last = answer
        time.sleep(0.1)


def _entry(found: Dataset) -> dict[str, str]:
    step = (found.get("ScheduledProcedureStepSequence") or [Dataset()])[0]
    names = ("PatientName", "PatientID", "AccessionNumber", "StudyInstanceUID")
    steps = ("Modality", "ScheduledStationAETitle", "ScheduledProcedureStepStartDate")
    return {n: str(found.get(n, "")) for n in names} | {n: str(step.get(n, "")) for n in steps}


def main(command: str) -> int:
    """Parse the options of ``command``, run it, print its answer."""
    parser = argparse.ArgumentParser(prog=command)
    parser.add_argument("--host", default=os.environ.get("GATEWAY_HOST", ""))
    parser.add_argument("--port", type=int, default=int(os.environ.get("GATEWAY_PORT", "4242")))
    parser.add_argument("--called", default=os.environ.get("GATEWAY_AET", "MEDIVERSE"), help="AE title of the gateway")
    parser.add_argument("--calling", default=os.environ.get("SCANNER_AET", "CT_SCANNER"), help="own AE title")
    parser.add_argument("--timeout", type=float, default=10.0)
    if command == "find-worklist":
        for name in ("--patient-id", "--accession", "--station"):
            parser.add_argument(name, default="")
        parser.add_argument("--watch", type=float, default=0.0, help="seconds to ask for; 0 asks once")
    if command == "send-study":
        parser.add_argument("--count", type=int, default=20, help="number of images")
        parser.add_argument("--size", type=int, default=256, help="edge of an image in pixels")
        parser.add_argument("--patient-id", default="LAB-0001")
        parser.add_argument("--patient-name", default="PHANTOM^LAB")
        parser.add_argument("--accession", default="ACC-LAB-1")
        parser.add_argument("--study-uid")
        parser.add_argument("--pause", type=float, default=0.0, help="seconds between two images")
    options = parser.parse_args()
    answer = {"echo": echo, "send-study": send_study, "find-worklist": watch_worklist}[command](options)
    print(json.dumps(answer))
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv.pop(1)))
