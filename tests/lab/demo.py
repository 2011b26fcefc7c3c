# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab.demo INVENTORY [--limit SITE]``: lab, site, proof, and the way in for a person."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import docker
import docker.errors

from tests.lab.__main__ import up
from tests.lab.engine import connect, reason
from tests.lab.errors import LabError
from tests.lab.paths import REPOSITORY, STATE
from tests.lab.site import Lab, read_lab


def build(lab: Lab, site: str) -> int:
    """Run the playbook that builds and proves the site, with its output on the terminal; its exit code."""
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "-i", str(lab.inventory), "site.yml", "-l", site]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}
    print(f"\nansible-playbook -i {os.path.relpath(lab.inventory)} site.yml -l {site}", flush=True)
    return subprocess.call(command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL)


def read_proof(path: Path) -> tuple[int, int]:
    """Checks that passed, and checks that were made; (0, 0) when there is no proof."""
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return int(report["passed"]), int(report["passed"]) + int(report["failed"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0


def way_in(client: docker.DockerClient, lab: Lab, site: str) -> list[str]:
    """How a person reaches the site: viewer, scanner, end."""
    cloud = lab.host(f"{site}-cloud")
    scanners = [host for host in lab.hosts if host.kind == "scanner"]
    viewer = cloud.aliases[0]
    inventory = os.path.relpath(lab.inventory)
    lines = [
        "",
        f"viewer    https://{viewer}/",
        f"login     viewer / {_password(client, lab, site)}",
        f"browser   on this machine: add '{cloud.address} {' '.join(cloud.aliases)}' to /etc/hosts, or start",
        f'          chromium --host-resolver-rules="MAP *.{lab.domain} {cloud.address}"; from elsewhere: '
        "ssh -D 1080 to this machine",
        f"          its certificates come from the lab's own authority: {os.path.relpath(STATE / 'ca' / 'ca.crt')}",
    ]
    for host in scanners[:1]:
        values = host.environment
        lines += [
            f"gateway   for a scanner: AE title {values['GATEWAY_AET']}, IP {values['GATEWAY_HOST']}, "
            f"port {values['GATEWAY_PORT']}",
            f"          a study: .venv/bin/python -m tests.lab exec {inventory} {host.name} send-study",
        ]
    return [*lines, "stop      make demo-down", ""]


def _password(client: docker.DockerClient, lab: Lab, site: str) -> str:
    """The viewer's password from the site's store on the cloud host."""
    container = client.containers.get(lab.container(lab.host(f"{site}-cloud")))
    path = f"/etc/mediverse/secrets/{site}.json"
    done = container.exec_run(["cat", path])
    try:
        content = json.loads(done.output)
        return str(content.get("secrets", content)["viewer_login"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"(see {path} on {site}-cloud)"


def main() -> int:
    """Command line; the last line says how many checks passed, the exit code whether all did."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.demo", description=__doc__)
    parser.add_argument("inventory", type=Path)
    parser.add_argument("--limit", default="demo", metavar="SITE")
    options = parser.parse_args()
    os.umask(0o077)
    started = time.monotonic()
    code, passed, total = 1, 0, 0
    try:
        lab = read_lab(options.inventory)
        up(lab)
        proof = lab.state / "proof.json"
        proof.unlink(missing_ok=True)
        code = build(lab, options.limit)
        passed, total = read_proof(proof)
        if total:
            print("\n".join(way_in(connect(), lab, options.limit)))
        else:
            print(f"\ndemo: there is no proof in {os.path.relpath(proof)}; the playbook above says what stopped it.")
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
    except docker.errors.APIError as error:
        print(f"demo: the Docker engine refused a step ({reason(error)}): run again.", file=sys.stderr)
    except KeyboardInterrupt:
        print("demo: interrupted; run again to go on.", file=sys.stderr)
    print(f"demo: {passed}/{total} checks passed in {time.monotonic() - started:.0f} s", flush=True)
    return 0 if code == 0 and total > 0 and passed == total else 1


if __name__ == "__main__":
    sys.exit(main())
