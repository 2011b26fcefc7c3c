# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lint.check_win_tasks [file...]``: arguments of all tasks for Windows, checked without a host.

Without arguments it looks at roles/, playbooks/ and molecule/. Ends with 1 if a task is wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from tests.lint.win_tasks import problem, tasks

ROOT = Path(__file__).resolve().parents[2]


def files() -> list[Path]:
    """Every file that may hold tasks."""
    found: list[Path] = []
    for pattern in ("roles/*/tasks/**/*.yml", "roles/*/handlers/**/*.yml", "playbooks/**/*.yml", "molecule/**/*.yml"):
        found += ROOT.glob(pattern)
    return sorted(set(found))


def main(arguments: list[str]) -> int:
    wrong = count = 0
    for file in [Path(name).resolve() for name in arguments] or files():
        shown = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
        try:
            found = list(tasks(file))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            print(f"{shown}: is not readable as YAML: {' '.join(str(error).split())}")
            wrong += 1
            continue
        for task in found:
            count += 1
            text = problem(task)
            if text:
                wrong += 1
                print(f"{shown}:{task.line}: {task.module}: {text}")
    print(f"{count} tasks for Windows checked, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
