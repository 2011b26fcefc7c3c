# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated ACME: it checks HTTP-01 challenges against the nginx beside it and signs with the lab's own CA.

No request leaves the container. What is real: the challenge is answered by nginx from the webroot, only one request
runs at a time, and names under ``.invalid`` are refused as a certificate authority refuses a name it cannot reach.
"""

from __future__ import annotations

import http.client
import secrets
import shutil
import ssl
import time
from pathlib import Path

from .backend import Backend, log
from .errors import Internal
from .pem import openssl

RSA_BITS = 2048
# Which name failed, and why, is in certbot's log only.
_FAILED = (
    "Some challenges have failed.",
    "Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile "
    "/data/logs/letsencrypt.log or re-run Certbot with -v for more details.",
)
_FILES = ("cert", "chain", "fullchain", "privkey")


def obtain(backend: Backend, certificate_id: int, domains: list[str], key_type: str) -> None:
    """Put a certificate for the domains under live/npm-ID, as certbot does.

    Raises:
        Internal: Another request is under way, or a domain failed its challenge.
    """
    if not backend.certbot.acquire(blocking=False):
        raise _certbot("Another instance of Certbot is already running.")
    try:
        log(f"SIMULATED ACME: request for {', '.join(domains)}; the lab's CA will sign, Let's Encrypt is not asked")
        for domain in domains:
            _challenge(backend, domain)
        _sign(backend, certificate_id, domains, key_type)
    finally:
        backend.certbot.release()


def renew(backend: Backend, certificate_id: int, domains: list[str], key_type: str) -> None:
    """Put a new certificate in place of one that was obtained before.

    Raises:
        Internal: As `obtain`, or there is none.
    """
    live = backend.paths.letsencrypt / "live" / f"npm-{certificate_id}"
    if not backend.certbot.locked() and not live.exists():
        raise _certbot(
            f"No certificate found with name npm-{certificate_id} "
            f"(expected /etc/letsencrypt/renewal/npm-{certificate_id}.conf)."
        )
    obtain(backend, certificate_id, domains, key_type)


def revoke(backend: Backend, certificate_id: int) -> None:
    """Remove the files of a certificate. There is no revocation list behind the lab's CA."""
    log(f"SIMULATED ACME: npm-{certificate_id} is forgotten, not revoked")
    for folder in ("live", "archive"):
        shutil.rmtree(backend.paths.letsencrypt / folder / f"npm-{certificate_id}", ignore_errors=True)


def _certbot(*lines: str) -> Internal:
    error = Internal(f"Saving debug log to {'/data/logs/letsencrypt.log'}", previous={"cmd": "certbot certonly"})
    error.stack = [*(error.stack or []), *lines]
    return error


def _challenge(backend: Backend, domain: str) -> None:
    if domain.startswith("*.") or domain.endswith(".invalid"):
        raise _certbot(*_FAILED)
    token, answer = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    folder = backend.paths.data / "letsencrypt-acme-challenge" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / token
    file.write_text(answer, encoding="utf-8")
    try:
        # nginx takes a new configuration a moment after the reload.
        for __ in range(100):
            if _fetch(domain, f"/.well-known/acme-challenge/{token}") == answer:
                return
            time.sleep(0.2)
    finally:
        file.unlink()
    raise _certbot(*_FAILED)


def _fetch(domain: str, path: str) -> str:
    """Return what this nginx answers for the domain, following its redirect to TLS as a CA does."""
    try:
        plain = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
        plain.request("GET", path, headers={"Host": domain})
        answer = plain.getresponse()
        if answer.status != http.client.MOVED_PERMANENTLY:
            return answer.read().decode(errors="replace")
        secure = _SecureConnection(domain)
        secure.request("GET", path, headers={"Host": domain})
        return secure.getresponse().read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""


class _SecureConnection(http.client.HTTPConnection):
    """TLS to this nginx under the name of a domain, without checking the certificate, as a CA's validation does."""

    def __init__(self, domain: str) -> None:
        super().__init__("127.0.0.1", 443, timeout=5)
        self._domain = domain

    def connect(self) -> None:
        super().connect()
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname=self._domain)


def _sign(backend: Backend, certificate_id: int, domains: list[str], key_type: str) -> None:
    archive = backend.paths.letsencrypt / "archive" / f"npm-{certificate_id}"
    live = backend.paths.letsencrypt / "live" / f"npm-{certificate_id}"
    archive.mkdir(parents=True, exist_ok=True, mode=0o700)
    live.mkdir(parents=True, exist_ok=True)
    number = len(list(archive.glob("cert*.pem"))) + 1
    key, cert = archive / f"privkey{number}.pem", archive / f"cert{number}.pem"
    authority = backend.paths.authority
    algorithm = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key_type == "ecdsa" else [f"rsa:{RSA_BITS}"]
    # A common name holds 64 characters at most; longer names stand in the alternative names alone.
    subject = f"/CN={domains[0]}" if len(domains[0]) <= 64 else "/"
    openssl(
        *("req", "-x509", "-newkey", *algorithm, "-nodes", "-keyout", str(key), "-out", str(cert)),
        *("-CA", str(authority / "ca.crt"), "-CAkey", str(authority / "ca.key"), "-days", "90", "-subj", subject),
        *("-addext", f"subjectAltName={','.join(f'DNS:{domain}' for domain in domains)}"),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"),
    )
    key.chmod(0o600)
    chain = (authority / "ca.crt").read_text(encoding="utf-8")
    (archive / f"chain{number}.pem").write_text(chain, encoding="utf-8")
    (archive / f"fullchain{number}.pem").write_text(cert.read_text(encoding="utf-8") + chain, encoding="utf-8")
    for name in _FILES:
        _point(live / f"{name}.pem", archive / f"{name}{number}.pem")


def _point(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
