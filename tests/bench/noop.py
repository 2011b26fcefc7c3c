# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that changes nothing costs a gateway: commands over WinRM, and their time on a long line.

It runs ``site.yml`` against a lab that is built, twice: the first run brings the lab up to the checkout, the second
one goes to the gateway over the simulated line of ``tests/wan`` and is counted at its endpoint. For how long somebody
waited for the far end of the line is measured (``relay.py``). What the lab has no like of is the start of Windows
PowerShell for each command: what the commands took here is taken out, and a constant for each is added, and named.
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
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
_LINE = re.compile(r"^(?P<ended>\S+) rc=\d+ (?P<took>\d+)ms (?P<what>.*)$")
_PLAY = re.compile(r"^PLAY \[(?P<name>.*)\] \*+$")


@dataclass(frozen=True)
class Play:
    """When a play of a run began, in seconds since 1970, and the processor time that the run had used until then."""

    name: str
    begun: float
    cpu: float


@dataclass(frozen=True)
class Counted:
    """What one gateway's endpoint saw.

    ``ends`` are the moments at which its commands ended, in seconds since 1970; ``work`` is for how many seconds they
    ran.
    """

    trips: Counter[str]
    messages: int
    connections: int
    ends: tuple[float, ...]
    work: float

    @property
    def total(self) -> int:
        """All commands."""
        return self.trips.total()

    def by_play(self, plays: Sequence[Play]) -> dict[str, int]:
        """Commands in each play; ``plays`` as they came."""
        found = {play.name: 0 for play in plays}
        for end in self.ends:
            found[[play.name for play in plays if play.begun <= end][-1]] += 1
        return found

    def seconds(self, waited: float) -> float:
        """What was waited for, with a start of PowerShell for each command in the place of what it took in the lab."""
        return waited - self.work + self.total * POWERSHELL_START


def count(log: str, wire: str) -> Counted:
    """From the endpoint's log and its list of what came in, ``c`` for a connection and ``m`` for a message."""
    found = [match for line in log.splitlines() if (match := _LINE.match(line))]
    ends = tuple(datetime.fromisoformat(match["ended"]).timestamp() for match in found)
    # Only the first word: what a module said, or the size of a file, would make each of them one of its own.
    trips = Counter(match["what"].split(" ")[0] for match in found)
    work = sum(int(match["took"]) for match in found) / 1000
    return Counted(trips, wire.count("m"), wire.count("c"), ends, work)


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


@dataclass(frozen=True)
class Ran:
    """A run of site.yml: what it said, its plays, and the processor time of the controller in seconds."""

    output: str
    plays: tuple[Play, ...]
    cpu: float

    def cpu_by_play(self) -> dict[str, float]:
        """Processor time of each play; what comes before the first one is "start". Plays of one name are added."""
        moments = [0.0, *(play.cpu for play in self.plays), self.cpu]
        found: dict[str, float] = {}
        for name, begin, end in zip(["start", *(play.name for play in self.plays)], moments, moments[1:], strict=False):
            found[name] = found.get(name, 0) + end - begin
        return {name: round(seconds, 1) for name, seconds in found.items()}


def _cpu(pid: int) -> float:
    """Processor time in seconds that a process and its ended children have used."""
    # Behind the name, which may hold anything, the times are the fields 12 to 15.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """A line of what was measured."""
    print(f"bench noop {text}", flush=True)


def refuse_changes(ran: Ran, gateways: Iterable[Host]) -> None:
    """Raise RuntimeError when a gateway was changed by a run, or has no line in its recap."""
    counts = dict(re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+) ", ran.output, re.MULTILINE))
    if changed := [host.name for host in gateways if counts.get(host.name) != "0"]:
        raise RuntimeError(f"A run that should have changed nothing changed {', '.join(changed)}.")


class Noop:
    """A lab that is up, and runs against it."""

    def __init__(self, inventory: Path, tree: Path = REPOSITORY) -> None:
        """``tree``: the checkout whose playbook is run."""
        self.inventory, self.tree = inventory.absolute(), tree
        self.lab: Lab = read_lab(inventory)
        self.gateways = [host for host in self.lab.hosts if host.kind == "gateway"]

    def run(self, limit: str = "all", environment: Mapping[str, str] | None = None) -> Ran:
        """Run site.yml; RuntimeError when it failed."""
        program = Path(sys.executable).with_name("ansible-playbook")
        own = {"ANSIBLE_CONFIG": str(self.tree / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                [str(program), "-i", str(self.inventory), "site.yml", "-l", limit],
                cwd=self.tree,
                env={**os.environ, **own, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            lines, plays = [], []
            for line in process.stdout or ():
                if play := _PLAY.match(line):
                    plays.append(Play(play["name"], time.time(), _cpu(process.pid)))
                lines.append(line)
            code = process.wait()
            errors.seek(0)
            output, said = "".join(lines), errors.read()
        if code:
            raise RuntimeError(f"site.yml failed; is the lab up and built?\n{output[-3000:]}{said[-1000:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Ran(output, tuple(plays), sum(after[:2]) - sum(before[:2]))

    def measure(self) -> dict[str, float]:
        """The results by name; raises RuntimeError when the counted run changed something."""
        self.run()
        for host in self.gateways:
            self._shell(self.lab.container(host), f": > {_LOG}; : > {_LOG}.wire")
        first, *others = self.gateways
        with far_away(self.lab, first) as (proxy, waited):
            # pywinrm asks the environment for its proxy, as requests does.
            around = {"HTTPS_PROXY": proxy, "NO_PROXY": ",".join(host.address for host in others)}
            ran = self.run(environment=around)
            on_the_line = waited()
        refuse_changes(ran, self.gateways)
        all_counted = [self._counted(self.lab.container(host)) for host in self.gateways]
        for host, one in zip(self.gateways, all_counted, strict=True):
            say(f"{host.name}: {json.dumps(dict(one.trips.most_common()))}")
            say(f"{host.name}: {json.dumps(one.by_play(ran.plays))}")
            say(f"{host.name}: {one.messages} messages, {one.connections} connections")
        counted = all_counted[0]
        say(
            f"{first.name}: {on_the_line:.1f} s waited at {RTT:.0f} ms, {counted.work:.1f} s of them for the commands "
            f"themselves; in their place {counted.total} starts of PowerShell at {POWERSHELL_START} s each, assumed"
        )
        return {
            "gateway_noop_trips": max(one.total for one in all_counted),
            "gateway_noop_rtt150_s": counted.seconds(on_the_line),
            "gateway_noop_cpu_per_site_s": ran.cpu / len(all_counted),
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
