# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of all roles and of the playbooks, and what is said about one value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.secrets import masker
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _site_settings as settings
from ansible_collections.mediverse.pacs.plugins.plugin_utils._specifications import ROLES, options_of

ROOT = Path(__file__).resolve().parents[3]
SECRET = "q8-planted-Secret"
OF_ROLES = {role: options_of(ROOT / "roles" / role) for role in ROLES}
EVERY = {name: spec for options in OF_ROLES.values() for name, spec in options.items()}
OWN = options_of(ROOT / "playbooks")
GIVEN = yaml.safe_load((ROOT / "playbooks" / "vars" / "roles.yml").read_text())


def judge(option: str, value: Any, secrets: tuple[str, ...] = ()) -> list[str]:
    options = {option: (EVERY | OWN)[option]}
    return [said for __, said in settings.problems(options, {option: value}, masker(("", one) for one in secrets))]
