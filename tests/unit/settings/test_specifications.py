# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The specifications: what is compared with them is never kinder than Ansible, and the defaults are right."""

from __future__ import annotations

import copy
import datetime
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _site_settings as settings
from ansible_collections.mediverse.pacs.plugins.plugin_utils._specifications import ROLES

from tests.unit.settings.specs import EVERY, OF_ROLES, ROOT, judge

# Of each kind that YAML can make.
VALUES: list[Any] = [
    *(None, True, 0, 7, -1, 1.5, "", "x", "7", "1.5", "yes", "ja", " 7", "0x10", "a=b", "[1]", '{"a": 1}'),
    *([], ["x"], [7], [[]], [{}], [{"name": 1}], {}, {"x": 1}, {"name": []}, {"from": "x"}, datetime.date(2026, 1, 1)),
]


@pytest.mark.parametrize("option", sorted(EVERY))
def test_never_kinder_than_ansible(option: str) -> None:
    """Whatever Ansible refuses when the role begins is refused before anything is changed."""
    validator = ArgumentSpecValidator({option: EVERY[option]})
    for value in VALUES:
        try:
            refused = bool(validator.validate({option: copy.deepcopy(value)}).error_messages)
        except TypeError:
            # It fails over what it cannot look into.
            refused = True
        if refused:
            assert judge(option, value), value


@pytest.mark.parametrize("role", ROLES)
def test_the_defaults_are_right(role: str) -> None:
    text = (ROOT / "roles" / role / "defaults" / "main.yml").read_text().replace("!unsafe", "")
    plain = {name: value for name, value in yaml.safe_load(text).items() if "{{" not in str(value)}
    assert plain
    options = {name: OF_ROLES[role][name] for name in plain}
    assert list(settings.problems(options, plain, str)) == []
