# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a host of the lab: does what it is told on standard input, and prints one line of JSON a step.

It is handed over as text (``python3 -c``), so it needs nothing but Python's own library; associations need pynetdicom,
which the scanner's image has. Requests are bytes on a socket, because every library would tidy them up first.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import select
import socket
import ssl
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

LIMIT = 400_000
"""Bytes of an answer that are kept: enough to find a patient in it."""
BLOCK = 1 << 16


def main() -> None:
    """One JSON list of steps in, one JSON object a line out, in the same order."""
    for step in json.load(sys.stdin):
        began = time.monotonic()
        try:
            found = {"http": http, "port": port, "tls": tls, "dicom": dicom, "rate": rate}[step["kind"]](step)
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"id": step["id"], "seconds": round(time.monotonic() - began, 2), **found}), flush=True)


def connect(step: dict[str, Any]) -> socket.socket:
    """A connection to the step's address, with TLS where it names a server (``""`` is TLS without a name)."""
    plain = socket.create_connection((step["host"], step["port"]), step.get("connect", 4))
    plain.settimeout(step.get("timeout", 15))
    if step.get("sni") is None:
        return plain
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=step["sni"] or None)


def body_of(step: dict[str, Any]) -> tuple[int, Iterator[bytes]]:
    """Length and blocks of the body that a step describes."""
    body = step.get("body") or {}
    size = int(body.get("zeros", 0) or body.get("gzip_zeros", 0) or body.get("zip_zeros", 0))
    if "zeros" in body:
        return size, (bytes(min(BLOCK, size - at)) for at in range(0, size, BLOCK))
    if "gzip_zeros" in body:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        data = b"".join(packer.compress(bytes(BLOCK)) for __ in range(size // BLOCK)) + packer.flush()
    elif "zip_zeros" in body:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("image.dcm", bytes(size))
        data = buffer.getvalue()
    elif "gzip" in body:
        data = gzip.compress(bytes.fromhex(body["gzip"]))
    elif "hex" in body:
        data = bytes.fromhex(body["hex"])
    else:
        data = str(body.get("text", "")).encode("latin-1")
    return len(data), iter([data])


def http(step: dict[str, Any]) -> dict[str, Any]:
    """Send the head and body as they are; every status line, and headers and body of the last answer that came."""
    length, blocks = body_of(step)
    began = time.monotonic()
    head = step["head"].replace("{length}", str(length)).encode("latin-1")
    try:
        connection = connect(step)
    except (OSError, ssl.SSLError) as error:
        return {"statuses": [], "open": False, "error": f"{type(error).__name__}: {error}"}
    with connection:
        received = bytearray()
        try:
            connection.sendall(head)
            for block in blocks:
                if answered(connection, received):
                    break
                connection.sendall(block)
        except OSError:
            pass
        read(connection, received, step)
    seconds = round(time.monotonic() - began, 2)
    return {"open": True, "seconds": seconds, **parsed(bytes(received), step["head"].startswith("HEAD "))}


def answered(connection: socket.socket, received: bytearray) -> bool:
    """Whether an answer has begun, which ends the sending of a large body. A ticket of TLS is no answer."""
    if select.select([connection], [], [], 0)[0]:
        timeout = connection.gettimeout()
        connection.setblocking(False)
        try:
            received += connection.recv(BLOCK)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        finally:
            connection.settimeout(timeout)
    return bool(received)


def read(connection: socket.socket, received: bytearray, step: dict[str, Any]) -> None:
    """Everything until the other side closes, says nothing more for a while, or the step's time is over."""
    end = time.monotonic() + step.get("timeout", 15)
    while time.monotonic() < end and len(received) < LIMIT:
        # After a complete answer another one can only come from a request that was smuggled: that takes no second.
        connection.settimeout(0.7 if complete(bytes(received)) else max(0.1, end - time.monotonic()))
        try:
            data = connection.recv(BLOCK)
        except (TimeoutError, OSError):
            return
        if not data:
            return
        received += data


def complete(data: bytes) -> bool:
    """Whether at least one whole answer is there (its length is known and reached)."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    found = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    if found:
        return len(body) >= int(found.group(1))
    return body.endswith(b"0\r\n\r\n") or b" 304 " in head[:20] or b" 204 " in head[:20]


def parsed(data: bytes, headless: bool) -> dict[str, Any]:
    """Status lines, headers of the first final answer, and the text of all."""
    statuses: list[int] = []
    headers: dict[str, list[str]] = {}
    rest = data
    while match := re.match(rb"HTTP/[\d.]+ (\d{3})[^\r\n]*\r\n", rest):
        head, __, rest = rest.partition(b"\r\n\r\n")
        found: dict[str, list[str]] = {}
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, ___, value = line.partition(":")
            found.setdefault(name.strip().lower(), []).append(value.strip())
        status = int(match.group(1))
        statuses.append(status)
        headers = headers or (found if status >= 200 else {})
        if headless or status < 200 or status in (204, 304):
            continue
        if "chunked" in found.get("transfer-encoding", [""])[0]:
            while chunk := re.match(rb"([0-9a-fA-F]+)[^\r\n]*\r\n", rest):
                size = int(chunk.group(1), 16)
                rest = rest[chunk.end() + size + 2 :]
                if not size:
                    break
        elif "content-length" in found:
            rest = rest[int(found["content-length"][0]) :]
        else:
            rest = b""
    return {"statuses": statuses, "headers": headers, "text": dechunked(data).decode("latin-1")}


def dechunked(data: bytes) -> bytes:
    """The text of an answer without the lengths that chunks put between: they could split what is searched for."""
    return re.sub(rb"\r\n[0-9a-fA-F]{1,6}\r\n", b"", data)


def port(step: dict[str, Any]) -> dict[str, Any]:
    """Whether a connection is accepted, and stays for a moment."""
    try:
        with socket.create_connection((step["host"], step["port"]), step.get("connect", 4)):
            return {"open": True}
    except OSError as error:
        return {"open": False, "error": f"{type(error).__name__}: {error}"}


def tls(step: dict[str, Any]) -> dict[str, Any]:
    """A handshake with one version only, or with verification; which protocol came out, or why none did."""
    context = ssl.create_default_context()
    if not step.get("verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if step.get("version"):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, step["version"])
    if step.get("ciphers"):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(step["ciphers"])
    if step.get("alpn"):
        context.set_alpn_protocols([step["alpn"], "http/1.1"])
    with socket.create_connection((step["host"], step["port"]), 4) as plain:
        plain.settimeout(8)
        try:
            with context.wrap_socket(plain, server_hostname=step["sni"] or None) as secured:
                return {"handshake": secured.version(), "alpn": secured.selected_alpn_protocol() or ""}
        except (ssl.SSLError, OSError) as error:
            return {"handshake": "", "alpn": "", "error": f"{type(error).__name__}: {error}"}


def dicom(step: dict[str, Any]) -> dict[str, Any]:
    """An association and one request in it: ``echo``, ``store``, ``find`` of the worklist, or another C-FIND."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid
    from pynetdicom import AE, sop_class

    asked = {
        "echo": sop_class.Verification,  # type: ignore[attr-defined]  # pynetdicom makes these names when it is imported
        "store": sop_class.SecondaryCaptureImageStorage,  # type: ignore[attr-defined]
        "worklist": sop_class.ModalityWorklistInformationFind,  # type: ignore[attr-defined]
        "find": sop_class.StudyRootQueryRetrieveInformationModelFind,  # type: ignore[attr-defined]
        "move": sop_class.StudyRootQueryRetrieveInformationModelMove,  # type: ignore[attr-defined]
        "get": sop_class.StudyRootQueryRetrieveInformationModelGet,  # type: ignore[attr-defined]
    }[step["ask"]]
    entity = AE(ae_title=step["calling"])
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = 8
    entity.add_requested_context(asked, "1.2.840.10008.1.2.1")
    association = entity.associate(step["host"], step["port"], ae_title=step["called"])
    if not association.is_established:
        return {"association": "rejected" if association.is_rejected else "refused"}
    if not association.accepted_contexts:
        association.abort()
        return {"association": "no context"}
    query = Dataset()
    query.QueryRetrieveLevel, query.PatientID = "STUDY", "*"
    if step["ask"] == "echo":
        answers = [association.send_c_echo()]
    elif step["ask"] == "store":
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
        image.SOPClassUID, image.SOPInstanceUID = asked, generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
        image.PatientID = "PROBE-INTRUDER"
        answers = [association.send_c_store(image)]
    elif step["ask"] == "worklist":
        query = Dataset()
        query.PatientID, query.ScheduledProcedureStepSequence = "", [Dataset()]
        answers = [status for status, __ in association.send_c_find(query, asked)]
    elif step["ask"] == "find":
        answers = [status for status, __ in association.send_c_find(query, asked)]
    elif step["ask"] == "move":
        answers = [status for status, __ in association.send_c_move(query, step["calling"], asked)]
    else:
        answers = [status for status, __ in association.send_c_get(query, asked)]
    association.release()
    statuses = [f"{status.Status:04X}" if status else "none" for status in answers]
    return {"association": "accepted", "status": statuses[-1], "answers": len(statuses)}


def rate(step: dict[str, Any]) -> dict[str, Any]:
    """The same request again and again on many connections: how many of each status came in how many seconds."""
    counts: dict[str, int] = {}
    lock = threading.Lock()
    end = time.monotonic() + step["span"]

    def knock() -> None:
        while time.monotonic() < end:
            try:
                with connect(step) as connection:
                    while time.monotonic() < end:
                        connection.sendall(step["head"].encode("latin-1"))
                        data = b""
                        while not complete(data):
                            block = connection.recv(BLOCK)
                            if not block:
                                break
                            data += block
                        status = data[9:12].decode() or "closed"
                        with lock:
                            counts[status] = counts.get(status, 0) + 1
                        if not complete(data) or b"onnection: close" in data:
                            break
            except OSError:
                with lock:
                    counts["closed"] = counts.get("closed", 0) + 1

    workers = [threading.Thread(target=knock) for __ in range(step["connections"])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"counts": counts}


if __name__ == "__main__":
    main()
