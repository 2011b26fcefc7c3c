# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished proxy as its tests see it: what the scenario gave, one request from outside, and one more run."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import subprocess
import sys
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "molecule" / "nginx_proxy_manager"
PROJECT = "/opt/mediverse/nginx-proxy-manager"
ADDRESS = "172.30.79.10"
VIEWER, PACS = "demo.viewer.mediverse.test", "demo.pacs.mediverse.test"


def settings() -> dict[str, Any]:
    """What the scenario gives the role."""
    text = (SCENARIO / "inventory" / "host_vars" / "demo-cloud.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text.replace("!unsafe", "")))


def secrets() -> tuple[str, str]:
    """The two passwords of the scenario: of the administrator and of the person who may open the viewer."""
    values = settings()
    person = values["nginx_proxy_manager_access_lists"][0]["items"][0]
    return values["nginx_proxy_manager_admin_password"], person["password"]


def get(domain: str, tls: bool, login: tuple[str, str] | None = None, path: str = "/") -> HTTPResponse:
    """One request from outside, by name, with the certificate verified against the lab's authority."""
    raw: socket.socket = socket.create_connection((ADDRESS, 443 if tls else 80), timeout=10)
    if tls:
        context = ssl.create_default_context(cafile=str(ROOT / ".lab" / "ca" / "ca.crt"))
        raw = context.wrap_socket(raw, server_hostname=domain)
    header = ""
    if login:
        header = f"Authorization: Basic {base64.b64encode(':'.join(login).encode()).decode()}\r\n"
    raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {domain}\r\n{header}Connection: close\r\n\r\n".encode())
    answer = HTTPResponse(raw)
    answer.begin()
    return answer


def play(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the scenario's playbook once more."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(SCENARIO / "inventory")]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(
        [*command, str(SCENARIO / "converge.yml"), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
