# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading of test output and proof, and the checks of the repository's own rules."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.lab.demo import read_proof
from tests.lint import check_leftovers, check_role_specs
from tests.tools import lint, parts
from tests.tools.parts import Result, counts


def _suite(passed: int, failed: int = 0, errors: int = 0, skipped: int = 0) -> str:
    numbers = f'tests="{passed + failed + errors + skipped}" failures="{failed}" errors="{errors}" skipped="{skipped}"'
    return f"<testsuites><testsuite {numbers}/></testsuites>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_suite(12), (12, 0, 0)),
        (_suite(11, failed=1, skipped=3), (11, 1, 3)),
        (_suite(1, errors=2), (1, 2, 0)),
        ('<testsuite tests="12" failures="2" skipped="1"/>', (9, 2, 1)),
        (_suite(0), (0, 0, 0)),
    ],
)
def test_counts_of_a_report(text: str, expected: tuple[int, int, int], tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(text, encoding="utf-8")
    assert counts(tmp_path / "x.xml") == expected


def test_a_job_that_wrote_no_report_has_no_counts(tmp_path: Path) -> None:
    assert counts(tmp_path / "x.xml") == (0, 0, 0)


def test_pytest_and_lint_write_what_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_x.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pytest.skip()\n", encoding="utf-8"
    )
    report = tmp_path / "report.xml"
    given = ["-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", f"--junitxml={report}", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pytest", *given], capture_output=True, check=False)
    assert counts(report) == (1, 1, 1)
    words = [("good", ["true"]), ("bad", ["false"]), ("absent", None)]
    monkeypatch.setattr(lint, "checks", lambda: iter(words))
    monkeypatch.setattr(sys, "argv", ["lint", f"--junitxml={report}"])
    assert (lint.main(), counts(report)) == (1, (1, 1, 1))


def test_a_part_without_tests_is_not_good() -> None:
    assert not Result("unit").good
    assert Result("unit", passed=1).good


def test_proof(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    assert read_proof(path) == (0, 0)
    path.write_text("{", encoding="utf-8")
    assert read_proof(path) == (0, 0)
    path.write_text(json.dumps({"passed": 9, "failed": 1, "skipped": 2}), encoding="utf-8")
    assert read_proof(path) == (9, 10)


def test_leftovers_are_found() -> None:
    lines = "see /wo" + "rk/main/x\n# TO" + "DO later\nhttp://deb.debi" + "an.org/debian\nfine: /workshop, /files\n"
    assert [line.split(":")[1] for line in check_leftovers.problems("f", lines)] == ["1", "2", "3"]


def test_role_specification_differences_are_named(tmp_path: Path) -> None:
    role = tmp_path / "thing"
    for name, text in {
        "meta/argument_specs.yml": (
            "argument_specs: {main: {options: {thing_a: {description: x, default: 1}, "
            "thing_b: {description: x, required: true}, thing_c: {description: x}}}}"
        ),
        "defaults/main.yml": "thing_a: 2\nthing_b: 1\nthing_d: 1\n",
        "vars/main.yml": "other: 1\n",
    }.items():
        (role / name).parent.mkdir(parents=True, exist_ok=True)
        (role / name).write_text(text, encoding="utf-8")
    found = "\n".join(check_role_specs.problems(role))
    for words in (
        "thing_a is 1",
        "thing_b is required and has",
        "thing_c is optional",
        "thing_d is in",
        "other in vars",
    ):
        assert words in found


_WRITES = """import sys
from pathlib import Path
text, suite, code, option = sys.argv[1:]
print(text)
Path(option.removeprefix("--junitxml=")).write_text(suite)
sys.exit(int(code))"""


def _job(name: str, said: str, suite: str, code: int = 0) -> parts.Job:
    return parts.Job(name, (sys.executable, "-c", _WRITES, said, suite, str(code)))


def test_lanes_keep_what_each_job_said_and_count_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(parts, "_LOGS", tmp_path)
    (tmp_path / "five.xml").write_text(_suite(7), encoding="utf-8")  # of an earlier run
    wanted = [
        _job("one", "3 passed", _suite(3)),
        _job("two", "FAILED a", _suite(2, failed=1), 1),
        parts.Job("three", (sys.executable, "-c", "raise SystemExit(1)"), single=True),
        _job("four", "2 passed", _suite(2), 1),
        parts.Job("five", (sys.executable, "-c", "raise SystemExit(1)")),
    ]
    found = {one.name: (one.passed, one.failed, one.good) for one in parts.run_all(wanted, 2)}
    good = {"one": (3, 0, True)}
    assert found == good | {
        "two": (2, 1, False),
        "three": (0, 1, False),
        "four": (2, 1, False),
        "five": (0, 1, False),
    }
    said = capsys.readouterr().out
    assert "[two] FAILED a\n" in said
    # Once more at the end, as it was said.
    assert said.index("== the end of what two said") < said.index("\nFAILED a\n")
    assert "== the end of what one said" not in said


def test_what_waits_keeps_nobody_from_a_lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_LOGS", tmp_path)
    both = threading.Barrier(3, timeout=10)

    def together(job: parts.Job, prefix: bool) -> Result:
        if job.name != "faults":
            both.wait()
        return Result(job.name, passed=1)

    monkeypatch.setattr(parts, "run", together)
    found = parts.run_all([parts.Job(name, ()) for name in ("forwarder", "faults", "unit", "lint")], 2)
    assert {one.name for one in found} == {"forwarder", "faults", "unit", "lint"}


_HOLDS = "import os, sys, time; os.mkdir(sys.argv[1]); time.sleep(0.3); os.rmdir(sys.argv[1])"


def test_what_a_job_has_to_itself_no_other_uses_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_LOGS", tmp_path)
    # Two that met would both make the folder, and the second one would fail.
    command = (sys.executable, "-c", _HOLDS, str(tmp_path / "network"))
    wanted = [parts.Job(name, command, single=True, alone="network") for name in ("a", "b")]
    other = _job("c", "1 passed", _suite(1))
    begun: list[str] = []
    monkeypatch.setattr(parts, "say", begun.append)
    results = parts.run_all([*wanted, other], 2)
    assert all(one.good for one in results)
    # The lane that may not take b takes what comes after it.
    assert [line for line in begun if line in ("== b", "== c")] == ["== c", "== b"]


def test_the_oldest_line_runs_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").touch()
    monkeypatch.setattr(parts, "_OLDEST", ("2.19", tmp_path))
    both = {job.name: job for job in parts.jobs(["lint", "unit", "integration", "molecule"])}
    unit, scenario = both["unit-2.19"], both["molecule-syncthing_pair-2.19"]
    quick = ("-m", "pytest", "tests/unit", "-m", "not program or oldest")
    assert unit.command[:6] == (str(tmp_path / "python"), *quick)
    assert all(one.startswith("--ignore=tests/unit/") and (parts.ROOT / one[9:]).is_dir() for one in unit.command[6:])
    assert scenario.command == (str(tmp_path / "molecule"), "test", "-s", "syncthing_pair")
    assert parts._environment(scenario.bin)["PATH"].startswith(f"{tmp_path}:")
    assert scenario.alone == both["molecule-syncthing_pair"].alone != both["molecule-site"].alone
    assert [job.name for job in parts.jobs(["molecule"], "site")] == ["molecule-site"]
    monkeypatch.setattr(parts, "_OLDEST", ("2.19", tmp_path / "none"))
    assert {job.name for job in parts.jobs(["lint", "unit", "integration", "molecule"])} == set(both) - {
        "unit-2.19",
        "molecule-syncthing_pair-2.19",
    }


def test_every_scenario_and_every_suite_is_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_OLDEST", ("2.19", tmp_path))
    names = [job.name for job in parts.jobs(["lint", "unit", "integration", "molecule"])]
    assert len(names) == len(set(names))
    assert {"lint", "unit", *parts._LONGEST} < set(names)
    assert {name.removeprefix("molecule-") for name in names if name.startswith("molecule-")} == {
        path.parent.name for path in (parts.ROOT / "molecule").glob("*/molecule.yml") if path.parent.name != "default"
    }
    given = " ".join(word for job in parts.jobs(["unit", "integration"]) for word in job.command)
    for path in {str(found.parent.relative_to(parts.ROOT)) for found in parts.ROOT.glob("tests/*/test_*.py")}:
        assert path in given
