# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every public default of a role is an option of its argument specification and the other way round.

Also: names of public variables begin with the role's name, those of private ones with two underscores and the role's
name, a default in the specification is the same as in defaults/main.yml, and a required option has none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"


class _Loader(yaml.SafeLoader):
    """Reads Ansible's own tags as the plain text behind them."""


def _plain(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


for _tag in ("!unsafe", "!vault"):
    _Loader.add_constructor(_tag, _plain)


def problems(role: Path) -> Iterator[str]:
    """One sentence for each difference in ``role``."""
    name = role.name
    spec_file = role / "meta" / "argument_specs.yml"
    if not spec_file.is_file():
        yield f"roles/{name}/meta/argument_specs.yml is missing."
        return
    options: dict[str, Any] = (_load(spec_file).get("argument_specs") or {}).get("main", {}).get("options") or {}
    defaults = _load(role / "defaults" / "main.yml")
    for option, settings in options.items():
        if not option.startswith(f"{name}_"):
            yield f"{name}: the option {option} must begin with {name}_."
        if not settings.get("description"):
            yield f"{name}: the option {option} has no description."
        if settings.get("required") and option in defaults:
            yield f"{name}: {option} is required and has a default in defaults/main.yml; keep one of the two."
        if not settings.get("required") and option not in defaults:
            yield f"{name}: {option} is optional and has no default in defaults/main.yml."
        if "default" in settings and option in defaults and settings["default"] != defaults[option]:
            yield (
                f"{name}: {option} is {settings['default']!r} in argument_specs.yml and "
                f"{defaults[option]!r} in defaults/main.yml."
            )
    for variable in defaults:
        if variable not in options:
            yield f"{name}: {variable} is in defaults/main.yml and not in argument_specs.yml."
    for variable in _load(role / "vars" / "main.yml"):
        if not variable.startswith(f"__{name}_"):
            yield f"{name}: {variable} in vars/main.yml must begin with __{name}_."
    if not (role / "README.md").is_file():
        yield f"roles/{name}/README.md is missing."


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise SystemExit(f"{path} is not readable YAML: {' '.join(str(error).split())}") from None
    return content if isinstance(content, dict) else {}


def main() -> int:
    """Print all problems; exit code 1 when there is one."""
    found = [problem for role in sorted(ROLES.iterdir()) if role.is_dir() for problem in problems(role)]
    print("\n".join(found) or "Defaults and argument specifications of all roles agree.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
