# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests leave nothing on the engine: what counts as left, and no container is removed without its volumes."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.tools import parts
from tests.tools.remains import remains, things

ROOT = Path(__file__).resolve().parents[3]


class Engine:
    """Lists what it was given, as docker's client does."""

    def __init__(self) -> None:
        self.all: dict[str, list[Any]] = {"containers": [], "networks": [], "volumes": []}
        for kind in self.all:
            setattr(self, kind, SimpleNamespace(list=lambda kind=kind, **__: self.all[kind]))

    def add(self, kind: str, name: str, lab: str | None = None) -> None:
        labels = {"mediverse.lab": lab} if lab else None
        self.all[kind].append(SimpleNamespace(name=name, labels=labels or {}, attrs={"Labels": labels}))


def test_everything_new_is_named_except_the_lab_of_the_demonstration() -> None:
    engine = Engine()
    engine.add("networks", "bridge")
    before = things(engine)
    engine.add("volumes", "0af3")
    engine.add("containers", "mediverse-line-7-near")
    engine.add("networks", "mediverse-site", lab="site")
    for kind in engine.all:
        engine.add(kind, "mediverse-demo", lab="demo")
    assert remains(before, things(engine)) == [
        "container mediverse-line-7-near",
        "network mediverse-site",
        "volume 0af3",
    ]


def test_what_is_left_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    monkeypatch.setattr(parts, "connect", lambda: engine)
    assert parts.clean(set()).good
    engine.add("volumes", "0af3")
    assert not parts.clean(set()).good


def _calls() -> list[tuple[str, ast.Call]]:
    found = []
    for path in sorted([*ROOT.glob("tests/**/*.py"), *ROOT.glob("molecule/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "remove":
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", node))
    return found


def test_no_container_is_removed_without_its_volumes() -> None:
    wrong = []
    for place, call in _calls():
        words = {keyword.arg for keyword in call.keywords}
        assert isinstance(call.func, ast.Attribute)
        if "force" in words and "v" not in words and ast.unparse(call.func.value) != "volume":
            wrong.append(place)
    assert wrong == []


def test_containers_are_made_in_one_place() -> None:
    """And the hosts of a lab, which outlive the command that made them, in another."""
    makers = {
        str(path.relative_to(ROOT))
        for path in ROOT.glob("tests/**/*.py")
        if "unit" not in path.relative_to(ROOT).parts
        and re.search(r"containers\.(create|run)\(|\.create_container\(", path.read_text(encoding="utf-8"))
    }
    assert makers == {"tests/kit/containers.py", "tests/lab/hosts.py"}


def test_images_carry_the_checkout_that_made_them() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.glob("tests/**/*.py"))
        if ":lab" in path.read_text(encoding="utf-8").replace("eth0:lab", "")
        and path != Path(__file__)
        and path.name not in ("__main__.py", "rootless.py")
    ]
    assert wrong == [], "another checkout has an image of its own under that name: use tests.lab.engine.image_tag"
