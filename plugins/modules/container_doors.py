# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the containers of a site answer to whoever reaches them without the proxy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: container_doors
short_description: See what the containers of a site tell those who come past the proxy
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Runs on the cloud host. Finds the addresses of the site's containers and of the proxy on their network.
  - Asks them for a list of studies from the host itself, which reaches them as a neighbour would who has set a route,
    and from a container of each other site on the host, in the network of that container.
  - Judges nothing and changes nothing.
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: It never changes anything.
    support: N/A
options:
  project:
    description: Compose project of the site.
    type: str
    required: true
  proxy_project:
    description: Compose project of the proxy.
    type: str
    default: nginx-proxy-manager
  timeout:
    description: Seconds to wait for a connection and for an answer.
    type: float
    default: 2
"""

EXAMPLES = r"""
- name: See what is open beside the proxy
  mediverse.pacs.container_doors:
    project: pacs-kanifing
  register: doors
"""

RETURN = r"""
addresses:
  description: Addresses and ports of the site's containers and of the proxy on their network.
  returned: success
  type: list
  elements: str
  sample: ["172.20.0.2:8042"]
asked:
  description: How many ports of the site's own containers the host asked, those that do not answer included.
  returned: success
  type: int
knocked:
  description: At how many ports of the site's containers, and of the proxy on their network, each other site knocked.
  returned: success
  type: int
viewer:
  description: Name and address of the container of the viewer's web server; empty when it does not run.
  returned: success
  type: dict
  sample: {"name": pacs-kanifing-ohif-1, "address": 172.20.0.3}
from_host:
  description: By address and port, the HTTP status that the site's own containers gave to the host.
  returned: success
  type: dict
  sample: {"172.20.0.3:80": 403}
others:
  description: Containers of other sites that were asked from.
  returned: success
  type: list
  elements: str
  sample: [pacs-other-ohif-1]
from_others:
  description: Addresses and ports that one of them could connect to, with its name.
  returned: success
  type: list
  elements: str
  sample: []
guard:
  description: What is wrong with the rules that close container addresses; empty when nothing is.
  returned: success
  type: str
  sample: ""
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._site.probe import Probe, ask

GUARD = "/usr/local/sbin/mediverse-container-guard"
SITES = "pacs-"
VIEWER = "ohif"
# Where the parts listen: the viewer, the proxy's administration, the proxy, DICOM, Orthanc.
PORTS = (80, 81, 443, 4242, 8042)
ARGUMENTS: dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "proxy_project": {"type": "str", "default": "nginx-proxy-manager"},
    "timeout": {"type": "float", "default": 2.0},
}
# Runs in the network of a container with this host's Python, so that nothing is needed inside.
_KNOCK = """
import concurrent.futures, json, socket, sys
doors, timeout = json.load(sys.stdin)
def knock(door):
    try:
        socket.create_connection(door, timeout).close()
        return True
    except OSError:
        return False
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(json.dumps([door for door, is_open in zip(doors, pool.map(knock, doors)) if is_open]))
"""

Run = Callable[..., str]


def containers(run: Run) -> list[dict[str, Any]]:
    """Name, compose project, process and addresses by network of each running container."""
    ids = run(["docker", "ps", "--quiet"]).split()
    found = json.loads(run(["docker", "inspect", *ids])) if ids else []
    return [
        {
            "name": one["Name"].lstrip("/"),
            "project": (one["Config"].get("Labels") or {}).get("com.docker.compose.project", ""),
            "service": (one["Config"].get("Labels") or {}).get("com.docker.compose.service", ""),
            "pid": one["State"]["Pid"],
            "addresses": {
                network: entry["IPAddress"]
                for network, entry in one["NetworkSettings"]["Networks"].items()
                if entry.get("IPAddress")
            },
        }
        for one in found
    ]


def status_of(address: str, timeout: float) -> int:
    """HTTP status of a list of studies there; 0 without an answer of HTTP."""
    return int(ask(Probe("list", f"http://{address}/dicom-web/studies?limit=1", timeout=timeout))["status"])


def look(params: dict[str, Any], run: Run, status: Callable[[str, float], int] = status_of) -> dict[str, Any]:
    """All answers; ``run`` returns what a command printed."""
    running = containers(run)
    ours = [one for one in running if one["project"] == params["project"]]
    networks = {network for one in ours for network in one["addresses"]}
    own = sorted({address for one in ours for address in one["addresses"].values()})
    proxies = [one for one in running if one["project"] == params["proxy_project"]]
    beside = sorted({one["addresses"][name] for one in proxies for name in networks & set(one["addresses"])})
    doors = [(address, port) for address in (*own, *beside) for port in PORTS]
    others: dict[str, dict[str, Any]] = {}
    for one in running:
        if one["project"].startswith(SITES) and one["project"] != params["project"]:
            others.setdefault(one["project"], one)
    opened = []
    for other in others.values():
        question = json.dumps([doors, params["timeout"]])
        inside = ["nsenter", f"--net=/proc/{other['pid']}/ns/net", sys.executable, "-c", _KNOCK]
        opened += [f"{host}:{port} from {other['name']}" for host, port in json.loads(run(inside, data=question))]
    asked = [f"{address}:{port}" for address in own for port in PORTS]
    with ThreadPoolExecutor(32) as pool:
        answers = pool.map(lambda address: status(address, params["timeout"]), asked)
        seen = {address: answer for address, answer in zip(asked, answers) if answer}
    viewers = [
        {"name": one["name"], "address": address}
        for one in ours
        if one["service"] == VIEWER
        for address in one["addresses"].values()
    ]
    return {
        "viewer": viewers[0] if viewers else {},
        "asked": len(asked),
        "knocked": len(doors),
        "addresses": sorted([*seen, *(f"{address}:81" for address in beside)]),
        "from_host": seen,
        "others": sorted(one["name"] for one in others.values()),
        "from_others": sorted(opened),
    }


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)

    def run(command: list[str], data: str | None = None) -> str:
        code, out, err = module.run_command(command, data=data)
        if code:
            module.fail_json(
                msg=f"{' '.join(command[:2])} failed on this host ({err.strip()[-200:]}); see whether its engine runs."
            )
        return str(out)

    result = look(module.params, run)
    if not result["from_host"]:
        module.fail_json(
            msg=f"No container of {module.params['project']} answers on this host; run the playbook again."
        )
    try:
        code, __, err = module.run_command([GUARD, "verify"], handle_exceptions=False)
    except OSError:
        code, err = 1, f"{GUARD} is missing"
    module.exit_json(changed=False, guard=err.strip() if code else "", **result)


if __name__ == "__main__":
    main()
