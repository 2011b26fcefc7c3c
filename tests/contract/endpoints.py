# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts endpoints inside the test process."""

from __future__ import annotations

import atexit
import base64
import datetime as dt
import functools
import ipaddress
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab.winrm import models
from tests.lab.winrm.__main__ import machine
from tests.lab.winrm.auth import Account
from tests.lab.winrm.process import Process, Result
from tests.lab.winrm.server import Endpoint

assert models.__all__  # registered by being imported


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    signed = builder.sign(key, hashes.SHA256())
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


class RunningEndpoint:
    """An endpoint with its machine, served from a thread."""

    def __init__(
        self, root: Path, tls_files: tuple[Path, Path], password: str, process_type: type[Process] = Process
    ) -> None:
        self.windows = machine(root, "Administrator", "GATEWAY")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*tls_files)
        account = Account("Administrator", password, "ntlm", "GATEWAY", self.windows.run_dir)
        self.log = root / "endpoint.log"
        self._server = Endpoint(
            ("127.0.0.1", 0), self.windows, account, tls=tls, log=self.log, process_type=process_type
        )
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.windows.services.shut_down()

    def picture(self) -> dict[str, bytes]:
        """Everything that the machine is: files of drive C: without the user's temporary ones, and the state."""
        drive = self.windows.root / "C"
        files = {
            str(path.relative_to(drive)): path.read_bytes() if path.is_file() else b"folder"
            for path in drive.rglob("*")
            if "AppData" not in path.parts and ".ansible_async" not in path.parts
        }
        return {**files, "state.json": (self.windows.root / "state.json").read_bytes()}


@functools.cache
def _powershell() -> tuple[str, str]:
    """The engine, and a PATH on which it is called ``powershell``.

    Since core 2.21 the wrapper looks for that name and compares the folder behind it with ``$PSHome``. Both are the
    same on Windows, so a link to the program in that folder stands for it.
    """
    program = shutil.which("pwsh")
    assert program is not None
    home = subprocess.run(
        [program, "-NoProfile", "-Command", "$PSHome"], capture_output=True, text=True, check=True
    ).stdout.strip()
    folder = Path(tempfile.mkdtemp(prefix="powershell-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "powershell").symlink_to(Path(home) / "pwsh")
    return program, f"{folder}{os.pathsep}{os.environ['PATH']}"


class RealProcess(Process):
    """Hands command line and standard input to a real PowerShell, as Windows would."""

    def dispatch(self) -> tuple[str, Result]:
        match = re.search(r"-EncodedCommand (\S+)", self.line)
        if match is None:
            return "no command", Result(1, "", f"cannot run {self.line[:60]}")
        program, path = _powershell()
        text = base64.b64decode(match.group(1)).decode("utf-16-le")
        encoded = base64.b64encode(text.encode("utf-16-le")).decode()
        command = [program, "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded]
        environment = {**os.environ, "PATH": path}
        done = subprocess.run(command, input=self.stdin, capture_output=True, timeout=120, check=False, env=environment)
        output, errors = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        return "real code", Result(done.returncode, output, errors)
