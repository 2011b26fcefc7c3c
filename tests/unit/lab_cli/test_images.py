# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an image is built again, and what its build context holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import base, recipes
from tests.lab.recipes import Recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    directory, extra = tmp_path / "image", tmp_path / "extra"
    (directory / "bin").mkdir(parents=True)
    (extra / "__pycache__").mkdir(parents=True)
    (directory / "Dockerfile").write_text("FROM x\n", encoding="utf-8")
    (directory / "bin" / "run").write_text("#!/bin/sh\n", encoding="utf-8")
    (directory / "bin" / "run").chmod(0o755)
    (extra / "code.py").write_text("1\n", encoding="utf-8")
    (extra / "__pycache__" / "code.pyc").write_text("x", encoding="utf-8")
    return Recipe("x", "debian-trixie", directory, (("more", extra),), authority=None)


def test_the_context_holds_directory_and_extras_without_caches(recipe: Recipe) -> None:
    files = recipes.context_files(recipe)
    assert sorted(files) == ["Dockerfile", "bin/run", "more/code.py"]
    assert files["bin/run"][1] is True
    assert files["Dockerfile"][1] is False


def test_the_hash_follows_content_name_mode_and_base(recipe: Recipe) -> None:
    files = recipes.context_files(recipe)
    first = recipes.recipe_hash(recipe, files)
    assert recipes.recipe_hash(recipe, dict(reversed(files.items()))) == first
    others = [
        {**files, "Dockerfile": (b"FROM y\n", False)},
        {**files, "bin/run": (files["bin/run"][0], False)},
        {**files, "new": (b"", False)},
        {("renamed" if name == "bin/run" else name): entry for name, entry in files.items()},
    ]
    hashes = {recipes.recipe_hash(recipe, other) for other in others}
    other_base = Recipe("x", "debian-forky", recipe.directory, recipe.extra, authority=None)
    assert first not in hashes | {recipes.recipe_hash(other_base, files)}
    assert len(hashes) == len(others)


def test_every_recipe_has_a_dockerfile_and_starts_from_its_base() -> None:
    for recipe in recipes.RECIPES:
        assert recipe.base.replace("_", "-") in (recipe.directory / "Dockerfile").read_text(encoding="utf-8"), (
            recipe.name
        )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("sources.list", "deb http://mirror.test/debian trixie main\n", "http://mirror.test/debian"),
        ("sources.list", "deb [signed-by=/k] https://m.test/pub/debian/ trixie main\n", "https://m.test/pub/debian"),
        ("sources.list.d/d.sources", "Types: deb\nURIs: http://m.test/debian\nSuites: x\n", "http://m.test/debian"),
        ("sources.list.d/other.list", "deb https://m.test/apt sdk main\n", ""),
        ("sources.list", "# deb http://m.test/debian trixie main\n", ""),
    ],
)
def test_the_package_source_is_that_of_the_machine(tmp_path: Path, name: str, text: str, expected: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert base.mirror(tmp_path) == expected


def test_only_the_base_whose_index_may_be_stale_skips_the_date_check() -> None:
    scripts = {name: base.finish_script(entry) for name, entry in base.BASES.items()}
    assert "Check-Valid-Until" in scripts["debian-forky"]
    assert "Check-Valid-Until" not in scripts["debian-trixie"]
