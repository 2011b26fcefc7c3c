# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""What a value may be is judged in Python, where a pattern ends (``fullmatch``).

In a template it does not: a dollar sign lets a line end through and what follows it, and ``\Z`` is an escape that
Python 3.12 and newer warn about, because Jinja reads its strings as Python reads its own.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tests.tools.parts import ROOT

_OPEN_END = re.compile(r"""(match(\(|',) ?|_form: )'[^']*\$'""")
FILES = sorted(path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml"))
TEMPLATES = sorted((ROOT / "roles").rglob("*.j2"))
_ENVIRONMENT = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])


class _Loader(yaml.SafeLoader):
    """Ansible's own tags are no matter here."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: "")


def escapes(text: str) -> list[str]:
    """What Python says about the strings of a template."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            list(_ENVIRONMENT.lex(text))
            _ENVIRONMENT.parse(text)
        except jinja2.TemplateSyntaxError as error:
            return [str(error)]
    return [str(one.message) for one in said]


def _texts(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one, str(name))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, key)
    elif isinstance(value, str):
        bare = key in ("when", "that", "until", "failed_when", "changed_when")
        yield f"{{{{ {value} }}}}" if bare else value


def test_no_pattern_of_a_role_ends_with_a_dollar_sign() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _OPEN_END.search(line)
    ]
    assert len(FILES) > 40
    assert found == []


@pytest.mark.parametrize("path", [*FILES, *TEMPLATES], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_holds_an_escape_that_python_warns_about(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    texts = [text] if path.suffix == ".j2" else list(_texts(yaml.load(text, _Loader)))
    assert [warning for one in texts for warning in escapes(one)] == []


def test_the_rules_can_find_one() -> None:
    assert _OPEN_END.search("that: name is match('[a-z]+$')")
    assert _OPEN_END.search("select('match', '[a-z]+$')")
    assert not _OPEN_END.search("that: name is match('[a-z]+')")
    assert any("invalid" in said for said in escapes(r"{{ name is match('[a-z]+\Z') }}"))
    assert list(_texts(yaml.safe_load(r"that: name is match('a\Z')"))) == [r"{{ name is match('a\Z') }}"]
