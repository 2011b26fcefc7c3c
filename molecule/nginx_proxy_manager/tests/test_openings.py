# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of a host let somebody past its access list: nginx itself is asked, and the module has to refuse those.

All cases stand in one configuration, each on a port of its own, as the server writes it. Whoever asks has no login.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from types import ModuleType
from typing import Any

import pytest
from testinfra.host import Host

from tests.lab.proxy_manager import render
from tests.scenarios.proxy_lab import ROOT

testinfra_hosts = ["docker://mediverse-nginx-proxy-manager-demo-cloud"]

# Where the lines stand, the lines, and whether somebody gets past the list through them.
CASES = [
    ("host", "", False),
    ("host", "location /x { proxy_pass http://127.0.0.1:9000; }", True),
    ("location", "limit_except POST { allow all; }", True),
    ("host", "auth_request /x;", True),
    ("location", "auth_request /x;", True),
    # A page of which only the frame is fixed.
    ("location", "add_after_body /x; default_type text/html; if ($arg_x) { return 200 x; }", True),
    ("host", "add_before_body /x; default_type text/html; if ($arg_x) { return 200 x; }", True),
    (
        "host",
        "ssi on; default_type text/html; if ($arg_x) { return 200 '<!--#include virtual=\"/x\" -->'; }",
        True,
    ),
    # Where certificate authorities ask, everybody may; what is asked there reaches the server behind as well.
    ("host", "mirror /x;", True),
    ("host", "dav_methods PUT;", True),
    ("host", "set_real_ip_from 0.0.0.0/0; real_ip_header X-Real-IP;", True),
    ("location", "set_real_ip_from 0.0.0.0/0; real_ip_header X-Real-IP;", True),
    # These give nothing away.
    ("host", "return 200 fixed;", False),
    ("location", "if ($arg_x) { return 302 /x; }", False),
    ("host", "error_page 401 403 =200 /x;", False),
    ("host", "recursive_error_pages on; error_page 401 403 404 = /x;", False),
    ("host", "try_files /x /y;", False),
    ("location", "try_files /x /y;", False),
    ("location", "internal;", False),
    ("location", "if ($arg_x) { proxy_pass http://127.0.0.1:9000; }", False),
    ("location", "root /etc; autoindex on; stub_status;", False),
    ("host", "post_action /x;", False),
    ("host", "auth_delay 10ms;", False),
    ("host", "deny 10.1.1.1;", False),
    ("host", "set $server 127.0.0.1; proxy_set_header X-Real-IP $http_x_real_ip;", False),
]
# Asks each port for what nobody may have; prints the ports that gave something of the server behind, or asked it.
_ASK = r"""
import http.client, json, pathlib, subprocess, sys, time
question = json.load(sys.stdin)
for place, text in question["files"].items():
    path = pathlib.Path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
nginx = subprocess.Popen(["nginx", "-c", "/tmp/openings.conf"])
open_place = "/.well-known/acme-challenge/"
tried = ["GET /", "GET /x", "GET /?x=1", f"GET {open_place}probe", f"GET {open_place}none", f"PUT {open_place}left"]
got = {}
until = time.monotonic() + 10
for port in question["ports"]:
    for one in tried:
        method, path = one.split()
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                address = {"X-Real-IP": "10.9.9.9", "X-Forwarded-For": "10.9.9.9", "X-Case": str(port)}
                connection.request(method, path, b"left" if method == "PUT" else None, address)
                answer = connection.getresponse()
                body = answer.read()
                break
            except ConnectionRefusedError:
                if nginx.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.05)
        if b"BEHIND" in body or answer.status == 201:
            got.setdefault(port, []).append(f"{one}: {answer.status}")
time.sleep(0.2)
for line in pathlib.Path("/tmp/behind.log").read_text().split():
    got.setdefault(int(line), []).append("the server behind was asked")
nginx.terminate()
print(json.dumps(got))
"""


def lines_module() -> ModuleType:
    """What the module judges lines with."""
    path = ROOT / "plugins" / "module_utils" / "nginx_proxy_manager" / "_lines.py"
    spec = importlib.util.spec_from_file_location("lines", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["lines"] = module
    spec.loader.exec_module(module)
    return module


def server(port: int, where: str, lines: str, satisfy_any: bool) -> str:
    """A host with an access list of one user and one address, as the proxy manager writes it."""
    challenges = "include /etc/nginx/include/acme-challenge.conf;"
    row: dict[str, Any] = {"id": port, "domain_names": [f"case-{port}.test"], "enabled": True, "access_list_id": 1}
    row |= {"forward_scheme": "http", "forward_host": "127.0.0.1", "forward_port": 9000}
    row["access_list"] = {
        "satisfy_any": satisfy_any,
        "items": [{"username": "ann"}],
        "clients": [{"directive": "allow", "address": "10.9.9.9"}],
    }
    row["advanced_config"] = f"{challenges}\n{lines if where == 'host' else ''}"
    if where == "location":
        location = {"path": "/", "forward_scheme": "http", "forward_host": "127.0.0.1", "forward_port": 9000}
        row["locations"] = [{**location, "advanced_config": lines}]
    return render.proxy_host(row, "/etc/letsencrypt", "/data").replace("listen 80;", f"listen {port};")


@pytest.fixture(scope="module")
def image(host: Host) -> str:
    """The proxy's image, which has Debian's nginx."""
    return str(host.check_output("docker inspect --format {{.Config.Image}} nginx-proxy-manager-proxy-1"))


@pytest.mark.parametrize("satisfy_any", [True, False])
def test_what_lets_somebody_past_an_access_list_is_refused(host: Host, image: str, satisfy_any: bool) -> None:
    ports = {8000 + number: case for number, case in enumerate(CASES)}
    servers = "\n".join(server(port, where, lines, satisfy_any) for port, (where, lines, __) in ports.items())
    behind = "server { listen 9000; access_log /tmp/behind.log behind; location / { return 200 BEHIND; } }"
    config = (
        "user root; daemon off; pid /tmp/openings.pid; error_log /dev/null;\nevents {}\n"
        "http {\ndefault_type text/plain; log_format behind $http_x_case; map $scheme $seen_proto { default http; }\n"
        f"map $scheme $seen_scheme {{ default http; }}\n{behind}\n{servers}\n}}\n"
    )
    files = {
        "/tmp/openings.conf": config,
        "/tmp/behind.log": "",
        "/data/access/1": "ann:nothing\n",
        "/data/logs/none": "",
        "/data/letsencrypt-acme-challenge/.well-known/acme-challenge/probe": "challenge",
    }
    question = json.dumps({"files": files, "ports": list(ports)})
    run = f"docker run --rm -i --network none --entrypoint python3 {image} -c {shlex.quote(_ASK)}"
    found = json.loads(host.check_output(f"printf %s {shlex.quote(question)} | {run}"))
    opened = {ports[int(port)][1]: how for port, how in found.items()}
    if satisfy_any:
        assert set(opened) == {lines for __, lines, opens in CASES if opens}, opened
    # With both rules in force fewer get through, and nobody of whom the first test did not know.
    judge = lines_module()
    for lines, how in opened.items():
        assert judge.opens(lines), (lines, how)
    for __, lines, opens in CASES:
        assert bool(judge.opens(lines)) == opens, lines
