# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that changes nothing costs a gateway: commands over WinRM, and their time on a long line.

It runs ``site.yml`` against a lab that is built, twice: the first run brings the lab up to the checkout, the second
one goes to the gateway over the simulated line of ``tests/wan`` and is counted at its endpoint. For how long somebody
waited for the far end of the line is measured (``relay.py``). What the lab has no like of is the start of Windows
PowerShell for each command: a constant for it is added, and named.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.kit.containers import Container, wait_for
from tests.lab.engine import connect, image_tag
from tests.lab.paths import REPOSITORY
from tests.lab.site import Host, Lab, read_lab
from tests.wan.line import FAR, Line

RTT = 150.0
"""Milliseconds of the line."""
POWERSHELL_START = 2.0
"""Seconds until Windows PowerShell has started and compiled a module: assumed, as no real PC was measured. It is the
lower end of the two to four seconds that decision 0048 supposes for a command over a real line."""
BEFORE = Path(__file__).with_name("noop_before.json")
"""The same numbers of an earlier commit, measured by this bench (``--tree``)."""
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

    def seconds(self, waited: float) -> float:
        """What was waited for on the line, and the starts of PowerShell, which the lab has no like of."""
        return waited + self.total * POWERSHELL_START


def count(log: str, wire: str) -> Counted:
    """From the endpoint's log and its list of what came in, ``c`` for a connection and ``m`` for a message."""
    found = [match["what"] for line in log.splitlines() if (match := _LINE.match(line))]
    # Only the first word: what a module said, or the size of a file, would make each of them one of its own.
    return Counted(Counter(what.split(" ")[0] for what in found), wire.count("m"), wire.count("c"))


def _changed(output: str, gateways: list[str]) -> list[str]:
    """The gateways on which a run changed something, by its recap."""
    counts = dict(re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+) ", output, re.MULTILINE))
    return [name for name in gateways if counts.get(name) != "0"]


@dataclass(frozen=True)
class _Running:
    """The container of a lab's host, as an end of the line."""

    pid: int


@contextlib.contextmanager
def far_away(lab: Lab, gateway: Host) -> Iterator[tuple[str, Callable[[], float]]]:
    """Put the line between this machine and a gateway: the proxy that leads there, and the seconds waited so far."""
    inside, port = "/relay", 3128
    pid = int(connect().api.inspect_container(lab.container(gateway))["State"]["Pid"])
    with tempfile.TemporaryDirectory(prefix="mediverse-bench-line-") as name:
        folder = Path(name)
        command = ["python3", f"{inside}.py", str(port), FAR, f"{inside}/waited"]
        (folder / "relay").mkdir()
        near = Container(
            image_tag("gateway"),
            f"{lab.network}-bench-relay",
            command,
            network=lab.network,
            mounts={f"{inside}.py": Path(__file__).with_name("relay.py")},
            writable={inside: folder / "relay"},
            entrypoint="",
        )
        with near.start():
            line = Line(folder / "line", f"{lab.network}-bench-line", near, _Running(pid))
            try:
                line.set(rtt=RTT)
                file = folder / "relay" / "waited"
                wait_for(file.exists, 20, "the relay")
                yield f"http://{near.address}:{port}", lambda: float(file.read_text(encoding="ascii"))
            finally:
                line.remove()


class Noop:
    """A lab that is up, and runs against it."""

    def __init__(self, inventory: Path, tree: Path = REPOSITORY) -> None:
        """``tree``: the checkout whose playbook is run."""
        self.inventory, self.tree = inventory.absolute(), tree
        self.lab: Lab = read_lab(inventory)
        self.gateways = [host for host in self.lab.hosts if host.kind == "gateway"]

    def run(self, environment: Mapping[str, str] | None = None) -> str:
        """Run site.yml; its output, or an error when a host failed."""
        program = Path(sys.executable).with_name("ansible-playbook")
        own = {"ANSIBLE_CONFIG": str(self.tree / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            [str(program), "-i", str(self.inventory), "site.yml", "-l", "all"],
            cwd=self.tree,
            env={**os.environ, **own, **(environment or {})},
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
        first, *others = self.gateways
        with far_away(self.lab, first) as (proxy, waited):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            # pywinrm asks the environment for its proxy, as requests does.
            output = self.run({"HTTPS_PROXY": proxy, "NO_PROXY": ",".join(host.address for host in others)})
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            on_the_line = waited()
        if changed := _changed(output, [host.name for host in self.gateways]):
            raise RuntimeError(f"A run that should have changed nothing changed {', '.join(changed)}.")
        all_counted = [self._counted(self.lab.container(host)) for host in self.gateways]
        for host, one in zip(self.gateways, all_counted, strict=True):
            print(f"bench noop {host.name}: {json.dumps(dict(one.trips.most_common()))}", flush=True)
            print(f"bench noop {host.name}: {one.messages} messages, {one.connections} connections", flush=True)
        counted = all_counted[0]
        print(
            f"bench noop {first.name}: {on_the_line:.1f} s waited at {RTT:.0f} ms, and {counted.total} starts of "
            f"PowerShell at {POWERSHELL_START} s each, assumed and added",
            flush=True,
        )
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "gateway_noop_trips": max(one.total for one in all_counted),
            "gateway_noop_rtt150_s": counted.seconds(on_the_line),
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


def compared() -> str:
    """What the same bench found for an earlier commit, as lines."""
    before = json.loads(BEFORE.read_text(encoding="utf-8"))
    commit = before.pop("commit")
    return "\n".join(f"bench was {name} {value:.2f} ({commit})" for name, value in before.items())
