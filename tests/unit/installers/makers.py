# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makers on a server with TLS of this process: what they offer, and how a connection to them can go wrong."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.servers import Quiet, serving

EXE = b"MZ" + b"an installer " * 200_000
ZIP = b"PK\x03\x04" + b"an archive " * 5000
MSI = bytes.fromhex("d0cf11e0a1b11ae1") + b"a package " * 5000
_SIGNER = Ed25519PrivateKey.generate()
_HEAD = b"Ed" + b"12345678"
KEY = base64.b64encode(_HEAD + _SIGNER.public_key().public_bytes_raw()).decode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def signed(text: bytes, signer: Ed25519PrivateKey = _SIGNER, head: bytes = _HEAD) -> bytes:
    """A list as signify writes it."""
    return b"untrusted comment: a list\n" + base64.b64encode(head + signer.sign(text)) + b"\n" + text


def offers() -> dict[str, bytes]:
    """The files by their path."""
    digest = hashlib.blake2b(MSI, digest_size=32).hexdigest()
    release = {"assets": [{"name": "setup.exe", "digest": f"sha256:{sha256(EXE)}"}]}
    sums = (
        f"-----BEGIN PGP SIGNED MESSAGE-----\n\n{sha256(b'x')}  other.zip\n{sha256(ZIP)}  sync-v2.zip\n-----BEGIN PGP"
    )
    return {
        "/plain-1.exe": EXE,
        "/setup.exe": EXE,
        "/release": json.dumps(release).encode(),
        "/sync-v2.zip": ZIP,
        "/sums.txt": sums.encode(),
        "/guard-1.msi": MSI,
        "/latest.sig": signed(f"{digest}  guard-1.msi\n".encode()),
    }


@contextlib.contextmanager
def server(folder: Path, content: dict[str, bytes], asked: list[str]) -> Iterator[str]:
    """The address of the makers; ``asked`` gets each path.

    ``?cut`` behind an address ends the connection in the middle, ``?moved`` leads to an address without TLS.
    """

    class Maker(Quiet):
        def do_GET(self) -> None:
            path, __, trouble = self.path.partition("?")
            asked.append(path)
            if trouble == "moved":
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:9{path}")
                self.end_headers()
                return
            body = content.get(path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write((body or b"")[: len(body or b"") // 2 if trouble == "cut" else None])

    with serving(Maker, tls=folder) as port:
        yield f"https://localhost:{port}"


def four(address: str) -> list[dict[str, Any]]:
    """A file of each kind."""
    return [
        {
            **{"name": "Plain", "version": "1.10", "url": f"{address}/plain-1.exe"},
            **{"variable": "orthanc_windows_gateway_installer", "with_version": True},
        },
        {
            **{"name": "Setup", "version": "2", "url": f"{address}/setup.exe", "variable": "syncthing_pair_installer"},
            **{"published": "github", "list_url": f"{address}/release"},
        },
        {
            **{"name": "Sync", "version": "2", "url": f"{address}/sync-v2.zip", "variable": "syncthing_pair_archive"},
            **{"published": "sums", "list_url": f"{address}/sums.txt"},
        },
        {
            **{"name": "Guard", "version": "1", "url": f"{address}/guard-1.msi", "key": KEY},
            **{"published": "signify", "list_url": f"{address}/latest.sig"},
        },
    ]
