# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that changes nothing costs a gateway: commands over WinRM, and their time on a long line.

It runs ``site.yml`` against a lab that is built, twice: the first run brings the lab up to the checkout, the second one
is counted at the gateway's endpoint. The time is computed from what was counted and is not waited for.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.lab.paths import REPOSITORY
from tests.lab.site import Lab, read_lab

RTT = 0.150
"""Seconds of the line."""
POWERSHELL_START = 2.0
"""Seconds until Windows PowerShell has started and compiled a module: assumed, as no real PC was measured."""
HANDSHAKES = 2
"""Round trips of TCP and TLS 1.3 before the first message of a connection; those of NTLM are messages."""
_LOG = "/var/log/winrm.log"
_LINE = re.compile(r"^\S+ rc=\d+ \d+ms (?P<what>.*)$")


@dataclass(frozen=True)
class Counted:
    """What one gateway's endpoint saw."""

    trips: Counter[str]
    messages: int
    connections: int

    @property
    def total(self) -> int:
        """All commands."""
        return self.trips.total()

    @property
    def seconds(self) -> float:
        """How long they would take one after the other, the work itself left out."""
        return (self.messages + HANDSHAKES * self.connections) * RTT + self.total * POWERSHELL_START


def count(log: str, wire: str) -> Counted:
    """From the endpoint's log and its list of what came in, ``c`` for a connection and ``m`` for a message."""
    found = [match["what"] for line in log.splitlines() if (match := _LINE.match(line))]
    # Only the first word: what a module said, or the size of a file, would make each of them one of its own.
    return Counted(Counter(what.split(" ")[0] for what in found), wire.count("m"), wire.count("c"))


def _changed(output: str, gateways: list[str]) -> list[str]:
    """The gateways on which a run changed something, by its recap."""
    counts = dict(re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+) ", output, re.MULTILINE))
    return [name for name in gateways if counts.get(name) != "0"]


class Noop:
    """A lab that is up, and runs against it."""

    def __init__(self, inventory: Path) -> None:
        self.inventory = inventory
        self.lab: Lab = read_lab(inventory)
        self.gateways = [host for host in self.lab.hosts if host.kind == "gateway"]

    def run(self) -> str:
        """Run site.yml; its output, or an error when a host failed."""
        program = Path(sys.executable).with_name("ansible-playbook")
        environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            [str(program), "-i", str(self.inventory), "site.yml", "-l", "all"],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"site.yml failed; is the lab up and built?\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
        return done.stdout

    def measure(self) -> dict[str, float]:
        """The results by name; raises RuntimeError when the counted run changed something."""
        self.run()
        for host in self.gateways:
            self._shell(self.lab.container(host), f": > {_LOG}; : > {_LOG}.wire")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output = self.run()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if changed := _changed(output, [host.name for host in self.gateways]):
            raise RuntimeError(f"A run that should have changed nothing changed {', '.join(changed)}.")
        all_counted = [self._counted(self.lab.container(host)) for host in self.gateways]
        for host, one in zip(self.gateways, all_counted, strict=True):
            print(f"bench noop {host.name}: {json.dumps(dict(one.trips.most_common()))}", flush=True)
            print(f"bench noop {host.name}: {one.messages} messages, {one.connections} connections", flush=True)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "gateway_noop_trips": max(one.total for one in all_counted),
            "gateway_noop_rtt150_s": max(one.seconds for one in all_counted),
            "gateway_noop_cpu_per_site_s": cpu / len(all_counted),
        }

    def _counted(self, container: str) -> Counted:
        return count(self._shell(container, f"cat {_LOG}"), self._shell(container, f"cat {_LOG}.wire"))

    @staticmethod
    def _shell(container: str, command: str) -> str:
        done = subprocess.run(
            ["docker", "exec", container, "sh", "-c", command], capture_output=True, text=True, check=True
        )
        return done.stdout
