# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a technician takes to a PC on a stick (decision 0047), and how it gets there: whole or not at all."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

# Ansible requires it, but a test of Ansible's imports this file where it is not.
with contextlib.suppress(ImportError):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
    )

TIME = "%Y-%m-%dT%H:%M:%SZ"
MANIFEST = "manifest.sha256"
_FOLDERS = ("installers", "sheets")
_FILES = {
    *(
        "START-HERE.html",
        "enrol.cmd",
        "enrol.ps1",
        "watch.ps1",
        # What enrol.ps1 said on the PC.
        "enrol.log",
        "selftest.cmd",
        "selftest.ps1",
        "stick.json",
        "report-key",
    ),
    *("known_hosts", MANIFEST),
}
# What systems put on every stick by themselves.
_SYSTEMS_OWN = {"system volume information", "$recycle.bin", ".trashes", ".fseventsd", ".spotlight-v100", "lost+found"}
_PIECE = 1024 * 1024


class StickError(Exception):
    """The stick cannot be written; the text says in one sentence why, and what to do."""


def token_key() -> tuple[str, str]:
    """A new SSH key as OpenSSH has it: the private half, and the public one without a comment."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return private.decode(), key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def enrolment_key() -> str:
    """A new RSA key of 3072 bits in PEM, for which PCs encrypt the password of their account."""
    key = generate_private_key(65537, 3072)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_numbers(pem: str) -> dict[str, str]:
    """Modulus and exponent of such a key in base64, as .NET's RSAParameters take them."""
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise StickError(
            "The enrolment key of the site is no RSA key; remove it from the site's secrets and run again."
        )
    numbers = key.public_key().public_numbers()
    return {"modulus": _number(numbers.n), "exponent": _number(numbers.e)}


def _number(value: int) -> str:
    return base64.b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


def known_hosts(host: str, port: int, key: str) -> str:
    """The line by which ssh knows the hub."""
    return f"{host if port == 22 else f'[{host}]:{port}'} {key}\n"


def page(**values: Any) -> str:
    """``START-HERE.html``."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("_stick.html.j2").render(**values)


def checksum(path: Path) -> str:
    """SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def look(drive: Path, copies: Mapping[str, Path]) -> None:
    """StickError unless the stick can be written there: it is a folder, holds nothing else, and has room."""
    if not drive.is_dir():
        raise StickError(f"{drive} is no folder; put the stick in and give the folder where it appears.")
    try:
        there = sorted(path.name for path in drive.iterdir())
    except OSError as error:
        raise StickError(f"{drive} cannot be read ({error.strerror}); put the stick in again.") from None
    others = [name for name in there if name not in {*_FILES, *_FOLDERS} and name.lower() not in _SYSTEMS_OWN]
    if others:
        raise StickError(f"{drive} holds {others[0]}, which is not of a stick of ours; take an empty one.")
    missing = [str(path) for path in copies.values() if not path.is_file()]
    if missing:
        raise StickError(f"The file {missing[0]} is missing; correct its path in the settings and run again.")
    trial = drive / ".mediverse-trial"
    try:
        trial.write_bytes(b"")
        trial.unlink()
    except OSError as error:
        raise StickError(
            f"{drive} cannot be written ({error.strerror}); see its switch, or take another stick."
        ) from None
    needed = sum(path.stat().st_size for path in copies.values()) + _PIECE
    if shutil.disk_usage(drive).free + _ours(drive) < needed:
        raise StickError(f"{drive} has too little room: {needed // _PIECE + 1} MiB are needed; take a larger stick.")


def _ours(drive: Path) -> int:
    paths = [drive / name for name in _FILES] + [path for name in _FOLDERS for path in (drive / name).rglob("*")]
    return sum(path.stat().st_size for path in paths if path.is_file())


def write(drive: Path, texts: Mapping[str, str], copies: Mapping[str, Path]) -> list[str]:
    """Writes everything, the manifest last, or removes what it wrote when one file fails. Returns the names."""
    sums = {}
    try:
        _clear(drive)
        for name, source in copies.items():
            # In the repository lines end with a line feed alone, of which cmd.exe makes what it likes.
            sums[name] = _place(drive / name, _lines(source) if name.endswith(".cmd") else source)
        for name, text in texts.items():
            sums[name] = _place(drive / name, text.encode())
        lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
        _place(drive / MANIFEST, "".join(lines).encode())
    except OSError as error:
        with contextlib.suppress(OSError):
            _clear(drive)
        raise StickError(
            f"The stick could not be written ({error.strerror}) and nothing was left on it; take another and run again."
        ) from None
    return sorted([*sums, MANIFEST])


def _lines(source: Path) -> bytes:
    return source.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _place(target: Path, content: bytes | Path) -> str:
    target.parent.mkdir(exist_ok=True)
    with target.open("wb") as file:
        if isinstance(content, Path):
            with content.open("rb") as source:
                shutil.copyfileobj(source, file, _PIECE)
        else:
            target.chmod(0o600)
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    expected = checksum(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
    if checksum(target) != expected:
        raise OSError(0, "what was written is not what is read")
    return expected


def _clear(drive: Path) -> None:
    for name in (MANIFEST, *sorted(_FILES - {MANIFEST})):
        (drive / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(drive / name, ignore_errors=True)


def contents(values: Mapping[str, Any]) -> str:
    """``stick.json``."""
    return json.dumps(values, indent=1, sort_keys=True) + "\n"
