# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading of test output and proof, and the checks of the repository's own rules."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.demo import read_proof
from tests.lint import check_leftovers, check_role_specs
from tests.tools import parts
from tests.tools.parts import Result, counts


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("x\n12 passed in 1.2s\n", (12, 0, 0)),
        ("== 1 failed, 11 passed, 3 skipped in 9s ==\n", (11, 1, 3)),
        ("2 errors in 0.1s\n", (0, 2, 0)),
        ("1 passed, 1 error in 0.1s\n", (1, 1, 0)),
        ("lint: 2 failed, 9 passed, 1 skipped in 5s\n", (9, 2, 1)),
        ("no tests ran in 0.01s\n", (0, 0, 0)),
    ],
)
def test_counts_of_a_summary_line(output: str, expected: tuple[int, int, int]) -> None:
    assert counts(output) == expected


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


def _say(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"print({text!r})")


def test_lanes_keep_what_each_job_said_and_count_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(parts, "_LOGS", tmp_path)
    wanted = [
        parts.Job("one", _say("3 passed in 1s")),
        parts.Job("two", _say("FAILED a\n1 failed, 2 passed in 1s")),
        parts.Job("three", (sys.executable, "-c", "raise SystemExit(1)"), single=True),
        parts.Job("four", (sys.executable, "-c", "print('2 passed in 1s'); raise SystemExit(1)")),
    ]
    found = {one.name: (one.passed, one.failed, one.good) for one in parts.run_all(wanted, 2)}
    assert found == {"one": (3, 0, True), "two": (2, 1, False), "three": (0, 1, False), "four": (2, 1, False)}
    said = capsys.readouterr().out
    assert "[two] FAILED a\n" in said
    # Once more at the end, as it was said.
    assert said.index("== the end of what two said") < said.index("\nFAILED a\n")
    assert "== the end of what one said" not in said


def test_every_scenario_and_every_suite_is_a_job() -> None:
    names = [job.name for job in parts.jobs(["lint", "unit", "integration", "molecule"])]
    assert len(names) == len(set(names))
    assert {"lint", "unit"} < set(names)
    assert {name.removeprefix("molecule-") for name in names if name.startswith("molecule-")} == {
        path.parent.name for path in (parts.ROOT / "molecule").glob("*/molecule.yml")
    }
    given = " ".join(word for job in parts.jobs(["unit", "integration"]) for word in job.command)
    for path in {str(found.parent.relative_to(parts.ROOT)) for found in parts.ROOT.glob("tests/*/test_*.py")}:
        assert path in given
