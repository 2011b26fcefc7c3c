"""``python -m tests.tools.parts``: the parts of ``make test``, one after the other, with one closing line for all."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.engine import connect
from tests.tools.remains import remains, things

ROOT = Path(__file__).resolve().parents[2]
_LOGS = ROOT / ".lab" / "logs"
_INTEGRATION = ("tests/integration", "tests/contract", "tests/forwarder", "tests/wan", "tests/faults")
_PYTEST_LINE = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


@dataclass
class Result:
    """What a part did: its name, whether it is fine, and how many checks passed, failed and were skipped."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Nothing failed and something ran."""
        return self.failed == 0 and self.passed > 0


def counts(output: str) -> tuple[int, int, int]:
    """Passed, failed, skipped from the last summary line that pytest printed; zeros when there is none."""
    for line in reversed(output.splitlines()):
        found = dict(
            (word.rstrip("s") if word.startswith("error") else word, int(n)) for n, word in _PYTEST_LINE.findall(line)
        )
        if found and " in " in line:
            return found.get("passed", 0), found.get("failed", 0) + found.get("error", 0), found.get("skipped", 0)
    return 0, 0, 0


def stream(name: str, command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run ``command``, show and keep its output; return exit code and output."""
    _LOGS.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with (_LOGS / f"{name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            log.write(line)
            lines.append(line)
    return process.wait(), "".join(lines)


def run_pytest(name: str, paths: list[str]) -> Result:
    """Run pytest over the ``paths`` that exist."""
    present = [path for path in paths if any((ROOT / path).rglob("test_*.py"))]
    if not present:
        print(f"{name}: no tests in {', '.join(paths)}")
        return Result(name, failed=1)
    code, output = stream(name, [sys.executable, "-m", "pytest", *present], _environment())
    passed, failed, skipped = counts(output)
    return Result(name, passed, max(failed, 1) if code else failed, skipped)


def run_lint() -> Result:
    """Run the linters; each of them counts as one check."""
    code, output = stream("lint", [sys.executable, "-m", "tests.tools.lint"], _environment())
    passed, failed, skipped = counts(output)
    return Result("lint", passed, max(failed, 1) if code else failed, skipped)


def run_molecule(scenario: str) -> Result:
    """Run one scenario, or all that have a converge playbook; each counts as one check."""
    result = Result("molecule")
    names = [scenario] if scenario else sorted(p.parent.name for p in (ROOT / "molecule").glob("*/converge.yml"))
    for number, name in enumerate(names, 1):
        if not (ROOT / "molecule" / name / "molecule.yml").is_file():
            print(f"molecule: there is no scenario {name!r}; see the directories in molecule/")
            result.failed += 1
            continue
        started = time.monotonic()
        print(f"molecule [{number}/{len(names)}] {name} …", flush=True)
        command = [str(Path(sys.executable).with_name("molecule")), "test", "-s", name]
        code, _ = stream(f"molecule-{name}", command, _environment() | {"NO_COLOR": "1"})
        outcome = "failed" if code else "passed"
        print(f"molecule [{number}/{len(names)}] {name}: {outcome} in {time.monotonic() - started:.0f} s", flush=True)
        result.failed += bool(code)
        result.passed += not code
    return result


def run_clean(before: set[str]) -> Result:
    """The engine has what it had before the parts that use it; what is more counts as failed."""
    left = remains(before, things(connect()))
    for thing in left:
        print(f"engine: the tests left behind the {thing}")
    return Result("engine", passed=not left, failed=len(left))


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


def main() -> int:
    """Run the parts named on the command line; the last line has the form ``N passed, N failed, N skipped``."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.parts", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=("lint", "unit", "integration", "molecule"))
    parser.add_argument("--scenario", default="", help="one molecule scenario instead of all")
    options = parser.parse_args()
    runners: dict[str, Callable[[], Result]] = {
        "lint": run_lint,
        "unit": lambda: run_pytest("unit", ["tests/unit"]),
        "integration": lambda: run_pytest("integration", list(_INTEGRATION)),
        "molecule": lambda: run_molecule(options.scenario),
    }
    results: list[Result] = []
    uses_engine = {"integration", "molecule"} & set(options.parts)
    before = things(connect()) if uses_engine else set()
    for part in options.parts:
        print(f"== {part}", flush=True)
        started = time.monotonic()
        results.append(runners[part]())
        results[-1].seconds = time.monotonic() - started
    if uses_engine:
        results.append(run_clean(before))
    free = shutil.disk_usage(ROOT).free / 1024**3
    print(f"\n== summary (logs in .lab/logs; {free:.0f} GiB free)")
    for result in results:
        word = "good" if result.good else "BAD"
        print(
            f"{result.name:12} {word:5} {result.passed:5} passed {result.failed:3} failed {result.skipped:3} skipped "
            f"{result.seconds:6.0f} s"
        )
    totals = [sum(getattr(r, field) for r in results) for field in ("passed", "failed", "skipped")]
    print("{} passed, {} failed, {} skipped".format(*totals))
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
