# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.tools.docsite``: the guides, roles and plugins as a site in ``.cache/site``; a warning ends it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from tests.tools.gates import CACHE, GATES_BIN, ROOT, GateError, copy_to, run

_HERE = Path(__file__).parent
_SITE = ROOT / ".cache" / "site"
_PAGES = Path("collections") / "mediverse" / "pacs"
# What stands in the column at the left, and which pages belong there.
_PARTS = (
    ("Guides", "docsite/guide_*.rst"),
    ("Inventory", "*_inventory.rst"),
    ("Roles", "*_role.rst"),
    ("Modules", "*_module.rst"),
    ("Filters and lookups", "*_filter.rst *_lookup.rst"),
)
_ORDER = ("guide_start", "guide_operate", "guide_security", "guide_module")


def index(sources: Path) -> str:
    """The first page: what the collection is, and every page by a short name."""
    text = (_HERE / "index.rst").read_text(encoding="utf-8")
    for caption, patterns in _PARTS:
        found = sorted(page for pattern in patterns.split() for page in (sources / _PAGES).glob(pattern))
        found.sort(key=lambda page: _ORDER.index(page.stem) if page.stem in _ORDER else 0)
        # The collection's own page has these with a line each; here they are for the column at the left.
        hidden = "" if caption == "Guides" else "   :hidden:\n"
        text += f"\n.. toctree::\n   :caption: {caption}\n   :maxdepth: 1\n{hidden}\n"
        text += "".join(f"   {_entry(page, sources)}\n" for page in found)
    return text


def _entry(page: Path, sources: Path) -> str:
    path = page.relative_to(sources).with_suffix("")
    # A guide has a title that reads; that of a plugin repeats the collection's name and says what it does.
    return str(path) if page.stem in _ORDER else f"{re.sub('_[a-z]+$', '', page.stem)} <{path}>"


def build() -> Path:
    """Make the site anew and return its first page."""
    copy_to(CACHE / "docs" / "ansible_collections" / "mediverse" / "pacs")
    sources = _SITE / "rst"
    shutil.rmtree(_SITE, ignore_errors=True)
    sources.mkdir(parents=True, mode=0o700)
    path = f"{GATES_BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(CACHE / "docs")}
    command = [str(GATES_BIN / "antsibull-docs"), "--config-file", str(_HERE / "antsibull-docs.cfg"), "collection"]
    options = ["--use-current", "--fail-on-error", "--no-indexes", "--no-breadcrumbs", "--dest-dir", str(sources)]
    run([*command, *options, "mediverse.pacs"], _SITE, environment)
    shutil.copy(ROOT / "docs" / "images" / "architecture.svg", sources)
    (sources / "index.rst").write_text(index(sources), encoding="utf-8")
    sphinx = [str(GATES_BIN / "sphinx-build"), "--builder", "html", "--fail-on-warning", "--quiet", "--jobs", "auto"]
    run([*sphinx, "--conf-dir", str(_HERE), str(sources), str(_SITE / "html")], _SITE, environment)
    return _SITE / "html" / "index.html"


def main() -> int:
    """Build it and say where it is."""
    try:
        page = build()
    except GateError as error:
        print(error)
        return 1
    print(f"{len(list(page.parent.rglob('*.html')))} pages, 0 warnings: file://{page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
