# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.probes``: tries every row of the tables on the running lab of ``make demo``."""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker.errors

from tests.lab.engine import connect, reason
from tests.lab.errors import LabError
from tests.lab.paths import REPOSITORY
from tests.lab.site import read_lab
from tests.probes.judge import surprises
from tests.probes.stage import NAME, PATIENT, Stage, set_up
from tests.probes.steps import fill, steps
from tests.probes.table import Row, read

_PATIENCE = (1, 2, 4, 8)
"""Seconds until a probe that was put off is tried again."""
_INSIDE = ("viewer", "admin", "gateway", "orthanc-viewer")


def probe(rows: list[Row], stage: Stage, verbose: bool) -> list[str]:
    """Try all rows; what surprised, one line a row."""
    secrets = {f"secret {purpose}": value for purpose, value in stage.secrets.items()}
    patient = {"patient's ID": PATIENT, "patient's name": NAME.partition("^")[0]}
    told: dict[str, dict[str, None]] = {row.id: {} for row in rows}
    todo = [(place, step, row) for row in rows for place, step in steps(row, stage)]
    for place, group in itertools.groupby(todo, key=lambda one: one[0]):
        tries = list(group)
        seen = stage.act(place, [step for __, step, ___ in tries])
        for __, step, row in tries:
            answer = _again_when_put_off(row, place, step, seen[step["id"]], stage)
            never = secrets if row.who in _INSIDE else secrets | patient
            where = f" ({place.partition('@')[2]})" if "@" in place else ""
            lines = {f"{line}{where}": None for line in surprises(_filled(row, stage), answer, never)}
            told[row.id] |= lines
            if verbose:
                print(f"{row.id} in {place}: {'; '.join(lines) or 'as expected'}", flush=True)
    found = []
    for row in rows:
        what = row.more.get("send") or row.more.get("ask") or row.kind
        if told[row.id]:
            asked = f"{row.who} at {row.place} asks {row.to} {what[:120]}"
            found.append(f"surprise {row.id} in {row.source}: {asked}: {'; '.join(told[row.id])}")
    return found


def _again_when_put_off(
    row: Row, place: str, step: dict[str, Any], seen: dict[str, Any], stage: Stage
) -> dict[str, Any]:
    """Being asked to wait (429) says nothing about the row: the answer after a while."""
    wanted = row.expect if isinstance(row.expect, list) else [row.expect]
    for pause in _PATIENCE:
        if row.kind != "http" or seen.get("statuses", [])[-1:] != [429] or 429 in wanted:
            break
        time.sleep(pause)
        seen = stage.act(place, [step])[step["id"]]
    return seen


def _filled(row: Row, stage: Stage) -> Row:
    """The row with this lab's names and identifiers in what it expects."""
    more = dict(row.more)
    if "body" in more:
        more["body"] = fill(more["body"], stage)
    if "has" in more:
        more["has"] = {name: fill(str(pattern), stage) for name, pattern in more["has"].items()}
    return replace(row, more=more)


def main() -> int:
    """Command line; the last line counts, and the exit code says whether nothing surprised."""
    parser = argparse.ArgumentParser(prog="python -m tests.probes", description=__doc__)
    parser.add_argument("--inventory", type=Path, default=REPOSITORY / "inventories" / "lab")
    parser.add_argument("--site", default="demo")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="rows whose id fits, e.g. 'g-*'")
    parser.add_argument("--verbose", action="store_true", help="a line for every row")
    options = parser.parse_args()
    try:
        rows = [row for row in read() if fnmatch.fnmatch(row.id, options.only)]
        with set_up(connect(), read_lab(options.inventory), options.site) as stage:
            found = probe(rows, stage, options.verbose)
        print("\n".join(found), end="\n" if found else "")
    except (LabError, ValueError) as error:
        print(f"probes: {error}", file=sys.stderr)
        return 2
    except docker.errors.APIError as error:
        print(f"probes: the Docker engine refused a step ({reason(error)}): run again.", file=sys.stderr)
        return 2
    print(f"PROBES rows={len(rows)} surprises={len(found)}", flush=True)
    return 0 if rows and not found else 1


if __name__ == "__main__":
    sys.exit(main())
