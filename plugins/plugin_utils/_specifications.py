# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the argument specifications of this collection lie, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

COLLECTION = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parents[1].name for path in COLLECTION.glob("roles/*/meta/argument_specs.yml"))


def options_of(place: Path) -> dict[str, Mapping[str, Any]]:
    """The options of a role, or of the playbooks, by name; of all its entry points."""
    text = (place / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    entries: Iterable[Mapping[str, Any]] = yaml.safe_load(text)["argument_specs"].values()
    return {name: spec for entry in entries for name, spec in (entry.get("options") or {}).items()}
