# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that the proxy renewed by itself and does not serve is served after the next run."""

from __future__ import annotations

import json
import re
import shlex
import socket
import ssl
import time

from cryptography import x509
from testinfra.host import Host

from tests.scenarios.proxy_lab import ADDRESS, PACS, PROJECT, ROOT, play, secrets, settings

testinfra_hosts = ["docker://mediverse-nginx-proxy-manager-demo-cloud"]


def given() -> bytes:
    """The certificate that a visitor of the archive gets."""
    context = ssl.create_default_context(cafile=str(ROOT / ".lab" / "ca" / "ca.crt"))
    with context.wrap_socket(socket.create_connection((ADDRESS, 443), timeout=10), server_hostname=PACS) as connection:
        return connection.getpeercert(binary_form=True) or b""


def held(host: Host) -> bytes:
    """The certificate of the archive that lies on the disk."""
    files = host.check_output(f"grep -l {PACS} {PROJECT}/data/nginx/proxy_host/*.conf")
    number = re.findall(r"live/(npm-\d+)/fullchain", host.file(files.strip()).content_string)[0]
    # Inside the container, where the links of the directory lead somewhere.
    text = host.check_output(
        f"docker exec nginx-proxy-manager-proxy-1 cat /etc/letsencrypt/live/{number}/fullchain.pem"
    )
    return ssl.PEM_cert_to_DER_cert(text[: text.index("-----END CERTIFICATE-----") + 26])


def renew(host: Host) -> None:
    """What the proxy's own timer does: a new file, and nginx is not told."""
    program = (
        "import json, sys, urllib.request\n"
        "def ask(path, body=None, token=''):\n"
        "    headers = {'Content-Type': 'application/json', 'Authorization': 'Bearer ' + token}\n"
        "    headers = headers if token else {'Content-Type': 'application/json'}\n"
        "    request = urllib.request.Request('http://127.0.0.1:81/api/' + path, body, headers)\n"
        "    return json.load(urllib.request.urlopen(request, timeout=60))\n"
        "token = ask('tokens', sys.stdin.buffer.read())['token']\n"
        "rows = ask('nginx/certificates', token=token)\n"
        f"number = [row['id'] for row in rows if row['domain_names'] == ['{PACS}']][0]\n"
        "ask(f'nginx/certificates/{number}/renew', b'', token)\n"
    )
    login = {"identity": settings()["nginx_proxy_manager_admin_email"], "secret": secrets()[0]}
    # Not echo, to which the backslashes of a password mean something.
    host.check_output(f"printf %s {shlex.quote(json.dumps(login))} | python3 -c {shlex.quote(program)}")


def test_a_renewed_certificate_reaches_visitors(host: Host) -> None:
    before = given()
    assert before == held(host)
    renew(host)
    # Ends that are a whole number of quarter hours apart count as one end in two time zones.
    ends = [x509.load_der_x509_certificate(der).not_valid_after_utc for der in (before, held(host))]
    if (ends[1] - ends[0]).total_seconds() % 900 == 0:
        time.sleep(2)
        renew(host)
    assert given() == before != held(host)
    done = play()
    assert done.returncode == 0, done.stdout[-2000:]
    assert re.search(r"changed=1\b", done.stdout)
    assert given() == held(host) != before
    assert re.search(r"changed=0\b", play().stdout)
