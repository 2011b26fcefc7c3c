# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.tools.parts``: the parts of ``make test``, in lanes side by side, with one closing line for all."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

from tests.lab.engine import connect
from tests.lab.winrm.local import ENGINE
from tests.tools.remains import remains, things

ROOT = Path(__file__).resolve().parents[2]
_LOGS = ROOT / ".lab" / "logs"
_BIN = Path(sys.executable).parent
# The oldest line that is supported, where set-up made it (see tests/tools/setup): unit tests but for those that take
# seconds each, and one scenario that has both ends and Windows. The rest runs on the newer line only.
_OLDEST = ("2.19", ROOT / ".venv-2.19" / "bin")
_ON_OLDEST = "syncthing_pair"
_QUICK = "not program or oldest"
# Of the tests' own tools, which run on the newer line only.
_TOOLS = ("bench", "faults", "field", "lab_cli", "lab_digitalocean", "lab_proxy_manager", "lab_winrm", "lint", "probes")
# Each has containers of its own, so that they can run beside each other.
_INTEGRATION = {
    "forwarder": ("tests/forwarder",),
    "integration": ("tests/integration",),
    "faults": ("tests/wan", "tests/faults"),
    "contract": ("tests/contract",),
}
# Servers that time out, and tests that sleep meanwhile: they leave the processors to others.
_WAITING = ("forwarder", "faults")
# What takes longest comes first, so that no lane is idle at the end; whatever is not named here is short.
_LONGEST = (
    *("unit", "molecule-site", "molecule-gateway_access", "molecule-nginx_proxy_manager", "forwarder"),
    *("contract", "lint", "integration", "molecule-cloud_pacs", "molecule-orthanc_windows_gateway"),
)
_TAIL = 150
_SAYING = threading.Lock()


@dataclass(frozen=True)
class Job:
    """One command. It gets ``--junitxml=FILE``, unless it is ``single``.

    single  it counts as one check.
    bin     the programs of the environment that it runs in.
    alone   what it has to itself: two jobs that name the same never run at the same time.
    """

    name: str
    command: tuple[str, ...]
    single: bool = False
    bin: Path = _BIN
    alone: str = ""


@dataclass(frozen=True)
class Result:
    """What a job did: its name, whether it is fine, and how many checks passed, failed and were skipped.

    ``processor``: seconds of one core that its processes used on this machine, without those of containers.
    """

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def good(self) -> bool:
        """Nothing failed and something ran."""
        return self.failed == 0 and self.passed > 0


def counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped of a JUnit report; zeros when there is none, because its job was killed."""
    suites = list(ElementTree.parse(report).iter("testsuite")) if report.exists() else []
    tests, failed, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    return tests - failed - errors - skipped, failed + errors, skipped


def scenarios() -> list[str]:
    """The scenarios that there are."""
    return sorted(path.parent.name for path in (ROOT / "molecule").glob("*/converge.yml"))


def jobs(parts: Sequence[str], scenario: str = "") -> list[Job]:
    """The jobs of the named parts, in the order in which they begin."""
    known = {name: place for place, name in enumerate(_LONGEST)}
    return sorted(_jobs(parts, scenario), key=lambda job: known.get(job.name, len(known)))


def _jobs(parts: Sequence[str], scenario: str) -> Iterator[Job]:
    version, oldest = _OLDEST
    both = (oldest / "python").exists()
    if "molecule" in parts:
        for name in [scenario] if scenario else scenarios():
            yield _molecule(name, _BIN)
    if "unit" in parts and both:
        quick = ("-m", "pytest", "tests/unit", "-m", _QUICK, *(f"--ignore=tests/unit/{name}" for name in _TOOLS))
        yield Job(f"unit-{version}", (str(oldest / "python"), *quick), bin=oldest)
    if "molecule" in parts and both and scenario in ("", _ON_OLDEST):
        yield _molecule(_ON_OLDEST, oldest, f"-{version}")
    if "lint" in parts:
        yield Job("lint", (sys.executable, "-m", "tests.tools.lint"))
    suites = _INTEGRATION if "integration" in parts else {}
    for name, paths in {**suites, **({"unit": ("tests/unit",)} if "unit" in parts else {})}.items():
        yield Job(name, (sys.executable, "-m", "pytest", "--durations=30", *paths))


def _molecule(scenario: str, programs: Path, suffix: str = "") -> Job:
    """A scenario has fixed networks, so it runs once at a time whatever runs it."""
    command = (str(programs / "molecule"), "test", "-s", scenario)
    return Job(f"molecule-{scenario}{suffix}", command, single=True, bin=programs, alone=f"molecule-{scenario}")


def run(job: Job, prefix: bool) -> Result:
    """Runs a job, shows and keeps its output; ``prefix``: each line says whose it is."""
    begun = time.monotonic()
    say(f"== {job.name}")
    report = _LOGS / f"{job.name}.xml"
    report.unlink(missing_ok=True)
    with (_LOGS / f"{job.name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*job.command, *([] if job.single else [f"--junitxml={report}"])],
            cwd=ROOT,
            env=_environment(job.bin),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            say((f"[{job.name}] " if prefix else "") + line.rstrip("\n"))
            log.write(line)
    __, status, used = os.wait4(process.pid, 0)
    code = process.returncode = os.waitstatus_to_exitcode(status)
    passed, failed, skipped = (code == 0, code != 0, 0) if job.single else counts(report)
    failed = max(failed, 1) if code else failed
    seconds = time.monotonic() - begun
    result = Result(job.name, passed, failed, skipped, seconds, used.ru_utime + used.ru_stime)
    say(f"== {job.name}: {'good' if result.good else 'BAD'} after {result.seconds:.0f} s")
    return result


def say(line: str) -> None:
    """One whole line, whoever else says something."""
    with _SAYING:
        print(line, flush=True)


def _lane(waiting: list[Job], busy: set[str], turn: threading.Condition, prefix: bool) -> list[Result]:
    """Runs one job after another until none waits: the first whose ``alone`` is not ``busy``."""
    results: list[Result] = []
    while True:
        with turn:
            while waiting and not (free := [job for job in waiting if job.alone not in busy]):
                turn.wait()
            if not waiting:
                return results
            job = free[0]
            waiting.remove(job)
            busy |= {job.alone} - {""}
        try:
            results.append(run(job, prefix))
        finally:
            with turn:
                busy.discard(job.alone)
                turn.notify_all()


def run_all(wanted: Sequence[Job], lanes: int) -> list[Result]:
    """Runs the jobs, ``lanes`` at a time; what failed is shown once more at the end, in one piece.

    Beside other lanes, jobs that mostly wait have one of their own.
    """
    _LOGS.mkdir(parents=True, exist_ok=True)
    apart = [job for job in wanted if lanes > 1 and job.name in _WAITING]
    shared = [job for job in wanted if job not in apart]
    queues = [*[shared] * lanes, apart]
    busy, turn = set[str](), threading.Condition()
    with ThreadPoolExecutor(len(queues)) as pool:
        done = [pool.submit(_lane, queue, busy, turn, lanes > 1) for queue in queues]
    results = [result for lane in done for result in lane.result()]
    if lanes > 1:
        for result in results:
            if not result.good:
                say(f"\n== the end of what {result.name} said")
                said = (_LOGS / f"{result.name}.log").read_text(encoding="utf-8").splitlines()
                say("\n".join(said[-_TAIL:]))
    return results


def _environment(programs: Path) -> dict[str, str]:
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    own = {
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        **ENGINE,
    }
    # Said, and not left to Molecule, which would advise another place in each run.
    return {**os.environ, **own, "MOLECULE_GLOB": "molecule/*/molecule.yml"}


def clean(before: set[str]) -> Result:
    """The engine has what it had before the jobs that use it; what is more counts as failed."""
    left = remains(before, things(connect()))
    for thing in left:
        say(f"engine: the tests left behind the {thing}")
    return Result("engine", passed=not left, failed=len(left))


def main() -> int:
    """Run the parts named on the command line; the last line has the form ``N passed, N failed, N skipped``."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.parts", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=("lint", "unit", "integration", "molecule"))
    parser.add_argument("--scenario", default="", help="one molecule scenario instead of all")
    parser.add_argument("--lanes", type=int, default=1, help="how many of them run at a time")
    options = parser.parse_args()
    if options.scenario and options.scenario not in scenarios():
        parser.error(f"there is no scenario {options.scenario!r}; there are {', '.join(scenarios())}")
    uses_engine = bool({"integration", "molecule"} & set(options.parts))
    before = things(connect()) if uses_engine else set()
    begun = time.monotonic()
    results = run_all(jobs(options.parts, options.scenario), options.lanes)
    if uses_engine:
        results.append(clean(before))
    results.append(replace(_sum(results), seconds=time.monotonic() - begun))
    free = shutil.disk_usage(ROOT).free / 1024**3
    print(f"\n== summary (logs in .lab/logs; {free:.0f} GiB free)")
    for result in results:
        word = "good" if result.good else "BAD"
        print(
            f"{result.name:32} {word:5} {result.passed:5} passed {result.failed:3} failed {result.skipped:3} skipped "
            f"{result.seconds:6.0f} s, {result.processor:5.0f} s of a core"
        )
    total = results[-1]
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 0 if all(result.good for result in results) else 1


def _sum(results: Sequence[Result]) -> Result:
    figures = ("passed", "failed", "skipped", "processor")
    added = {figure: sum(getattr(one, figure) for one in results) for figure in figures}
    return Result("all", **added)


if __name__ == "__main__":
    sys.exit(main())
