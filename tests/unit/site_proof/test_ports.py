# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof's look at ports that must be closed, with real sockets: what cannot be asked is not closed."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.unit.role_tasks import Done, RoleTasks


def look(folder: Path, address: str, port: int) -> Done:
    variables = {
        "site_proof_public_address": address,
        "site_proof_closed_ports": [port],
        "site_proof_probe_host": "localhost",
        "site_proof_hub": "localhost",
        "site_proof_checks": ["ports"],
        "site_proof_directory": str(folder / "proof"),
        "site_proof_site": "demo",
        **{f"site_proof_{name}_password": "not-asked-here" for name in ("viewer", "cloud", "gateway")},
    }
    return RoleTasks(folder, "site_proof", []).run("verify.yml", variables, "-v")


def _free(family: socket.AddressFamily, address: str) -> int:
    with socket.socket(family) as unused:
        unused.bind((address, 0))
        return int(unused.getsockname()[1])


def test_a_port_that_refuses_is_closed(tmp_path: Path) -> None:
    done = look(tmp_path, "127.0.0.1", _free(socket.AF_INET, "127.0.0.1"))
    assert done.code == 0, done.text


def test_a_port_of_an_ipv6_address_is_asked(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        done = look(tmp_path, "::1", port)
    assert done.code != 0
    assert f"tcp://[::1]:{port} accepts connections from localhost" in done.text


def test_a_name_that_nobody_knows_is_not_closed(tmp_path: Path) -> None:
    done = look(tmp_path, "nobody.invalid", 81)
    assert done.code != 0
    assert "tcp://nobody.invalid:81" in done.text
