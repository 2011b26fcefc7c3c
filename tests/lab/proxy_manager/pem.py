# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server reads from uploaded certificates and keys, by openssl and with its own simplicities."""

from __future__ import annotations

import datetime
import re
import subprocess
import time
from typing import Any

from .errors import Crash, Internal, invalid


def openssl(*arguments: str, text: str = "") -> str:
    """Run openssl and return its output.

    Raises:
        Internal: It failed; the reason is its standard error.
    """
    done = subprocess.run(
        ["openssl", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Internal(done.stderr.strip(), previous={"cmd": f"openssl {arguments[0]}"})
    return done.stdout


def certificate_info(pem: str, refuse_expired: bool = True) -> dict[str, Any]:
    """Return ``cn``, ``issuer`` and ``dates`` (Unix seconds) of the first certificate of a PEM text.

    The common name is what follows the first equals sign of the subject, so "O=Lab, CN=x" gives "Lab,".
    """
    try:
        lines = openssl("x509", "-noout", "-subject", "-issuer", "-dates", text=pem).splitlines()
    except Internal as error:
        raise invalid(f"Certificate is not valid (Command failed: openssl x509 {error.reason})") from error
    said = dict(line.split("=", 1) for line in lines)
    found = re.search(r"[^=]+=\s*(\S+)", said["subject"])
    start, end = (_seconds(said[key]) for key in ("notBefore", "notAfter"))
    if refuse_expired and end < time.time():
        raise invalid("Certificate is not valid (Certificate has expired)")
    info: dict[str, Any] = {"issuer": said["issuer"], "dates": {"from": start, "to": end}}
    return {"cn": found[1], **info} if found else info


def check_key(pem: str) -> bool:
    """Check a private key. One with a passphrase brings the server down after 10 s."""
    if "ENCRYPTED" in pem:
        time.sleep(10)
        raise Crash
    try:
        answer = openssl("pkey", "-check", "-noout", text=pem)
    except Internal as error:
        raise invalid(f"Certificate Key is not valid (Command failed: openssl pkey {error.reason})") from error
    if "key is valid" not in answer.lower():
        raise invalid(f"Certificate Key is not valid (Result Validation Error: {answer})")
    return True


def _seconds(text: str) -> int:
    parsed = datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y %Z")
    return int(parsed.replace(tzinfo=datetime.UTC).timestamp())
