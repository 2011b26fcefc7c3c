# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator would bring to a site: SSH key, known hosts, WinRM password, installers. Made once per lab."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.lab import pki
from tests.lab.paths import private_directory, write_private
from tests.lab.site import Host, Lab

INSTALLERS = {
    "OrthancInstaller-Win64.exe": "orthanc 26.8.1",
    "syncthing-windows-setup.exe": "syncthing 2.0.0",
    "syncthing-windows-amd64-v2.1.3.zip": "syncthing-archive 2.1.3",
    "wireguard-amd64-1.1.msi": "wireguard 1.1",
}
"""File name -> what the simulated Windows recognises in its first line."""


def prepare(lab: Lab) -> str:
    """Make whatever is missing in the state directory of ``lab``; return what to say about it."""
    directory = private_directory(lab.state)
    _ssh_key(directory / "id_ed25519", "mediverse-lab")
    lines = []
    for host in lab.hosts:
        if host.kind in ("cloud", "hub"):
            public = _ssh_key(private_directory(directory / "hostkeys") / host.name, host.name)
            lines.append(f"{host.address} {' '.join(public.split()[:2])}\n")
        if host.kind == "gateway" and not host.fresh:
            pki.server_certificate(private_directory(directory / "tls"), host.name, [host.name], [host.address])
    known = "".join(lines)
    if not (directory / "known_hosts").exists() or (directory / "known_hosts").read_text() != known:
        write_private(directory / "known_hosts", known)
    if not (directory / "winrm_password").exists():
        # A password as people choose them: with characters that careless quoting would break.
        write_private(directory / "winrm_password", secrets.token_urlsafe(18) + "'\"$x\n")
    write_installers(private_directory(directory / "installers"))
    return "ready"


def write_installers(directory: Path) -> None:
    """Stand-ins for the Windows installers, each with its SHA-256 beside it."""
    for name, content in INSTALLERS.items():
        body = f"mediverse-lab-installer: {content}\nThis file stands for an installer in the simulated Windows.\n"
        for target, text in ((directory / name, body), (directory / f"{name}.sha256", _sha256(body) + "\n")):
            if not target.exists() or target.read_text() != text:
                write_private(target, text)


def files_for(lab: Lab, host: Host) -> dict[str, tuple[bytes, int]]:
    """What is put into the container of ``host`` before it starts: path -> (content, mode)."""
    state = lab.state
    if host.kind in ("cloud", "hub"):
        private = state / "hostkeys" / host.name
        return {
            "/etc/ssh/sshd_config.d/lab.conf": (b"AuthorizedKeysFile /etc/ssh/lab-keys\n", 0o644),
            "/etc/ssh/lab-keys": ((state / "id_ed25519.pub").read_bytes(), 0o600),
            "/etc/ssh/ssh_host_ed25519_key": (private.read_bytes(), 0o600),
            "/etc/ssh/ssh_host_ed25519_key.pub": (private.with_name(f"{private.name}.pub").read_bytes(), 0o644),
        }
    if host.kind == "gateway" and not host.fresh:
        return {
            "/etc/mediverse-lab/tls.crt": ((state / "tls" / f"{host.name}.crt").read_bytes(), 0o644),
            "/etc/mediverse-lab/tls.key": ((state / "tls" / f"{host.name}.key").read_bytes(), 0o600),
            "/etc/mediverse-lab/password": ((state / "winrm_password").read_text().rstrip("\n").encode(), 0o600),
        }
    return {}


def _ssh_key(path: Path, comment: str) -> str:
    """Make an SSH key pair unless both halves are there; return the public half."""
    public_path = path.with_name(f"{path.name}.pub")
    if not path.exists() or not public_path.exists():
        private = Ed25519PrivateKey.generate()
        openssh = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        write_private(path, openssh)
        write_private(public_path, f"{public.decode()} {comment}\n", 0o644)
    return public_path.read_text()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
