# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A condition of a block is asked anew for each of its tasks, so none of them may change what it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
_NAME = re.compile(r"\b_{0,2}[a-z][a-z0-9_]+\b")
_IMPORT = "ansible.builtin.import_tasks"
_PARTS = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks")


class _Loader(yaml.SafeLoader):
    """Ansible's tags are texts here."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


def _load(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), _Loader) if file.exists() else None


def _made(tasks: Any, folder: Path) -> set[str]:
    """Names that these tasks register or set, with those of files that they import or include."""
    found: set[str] = set()
    for task in tasks if isinstance(tasks, list) else []:
        found |= {task["register"]} if "register" in task else set()
        found |= set(task.get("ansible.builtin.set_fact") or {})
        for part in _PARTS:
            found |= _made(task.get(part), folder)
        for name in (_IMPORT, "ansible.builtin.include_tasks"):
            if isinstance(file := task.get(name), str) and "{{" not in file:
                found |= _made(_load(folder / file), folder)
    return found


def _needed(condition: Any, variables: dict[str, Any]) -> set[str]:
    """All names that a condition rests on, through the variables of the role."""
    found: set[str] = set()
    texts = [str(condition)]
    while texts:
        new = set(_NAME.findall(texts.pop())) - found
        found |= new
        texts += [str(variables[name]) for name in new if name in variables]
    return found


def _wrong(tasks: Any, folder: Path, variables: dict[str, Any]) -> Iterator[str]:
    for task in tasks if isinstance(tasks, list) else []:
        if "when" in task and ("block" in task or _IMPORT in task):
            inside = {key: value for key, value in task.items() if key != "register"}
            if changed := _made([inside], folder) & _needed(task["when"], variables):
                yield f"{task.get('name')}: {', '.join(sorted(changed))}"
        for part in _PARTS:
            yield from _wrong(task.get(part), folder, variables)


def wrong(file: Path) -> list[str]:
    """Blocks and imports of a file whose condition their own tasks change."""
    variables: dict[str, Any] = {}
    for name in ("defaults", "vars"):
        variables |= _load(file.parents[1] / name / "main.yml") or {}
    return list(_wrong(_load(file), file.parent, variables))


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_no_task_of_a_block_changes_its_condition(role: str) -> None:
    found = {file.name: told for file in (ROOT / "roles" / role / "tasks").glob("*.yml") if (told := wrong(file))}
    assert not found


def test_no_task_of_a_playbooks_block_changes_its_condition() -> None:
    files = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "playbooks" / "tasks").glob("*.yml")]
    assert len(files) > 5
    assert not {file.name: told for file in files if (told := wrong(file))}


def test_what_is_found(tmp_path: Path) -> None:
    for folder in ("tasks", "vars"):
        (tmp_path / folder).mkdir()
    (tmp_path / "vars" / "main.yml").write_text("there: '{{ seen.exists }}'\n")
    look = {"name": "Look", "x": {}, "register": "seen"}
    (tmp_path / "tasks" / "look.yml").write_text(yaml.safe_dump([look]))
    file = tmp_path / "tasks" / "main.yml"
    inner: list[dict[str, Any]] = [{"block": [look]}, {_IMPORT: "look.yml"}, {"block": [{_IMPORT: "look.yml"}]}]
    for one in inner:
        file.write_text(yaml.safe_dump([{"name": "All", "when": "there", **one}]))
        assert wrong(file) == ["All: seen"]
    file.write_text(yaml.safe_dump([{"when": "there", "ansible.builtin.include_tasks": "look.yml"}]))
    assert wrong(file) == []
