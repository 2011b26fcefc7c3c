# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Python target has to have, and what it is told when it has not."""

from __future__ import annotations

import ast
from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine import runner
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_info, orthanc_peer

from ..fake_api import FakeApi

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
ON_TARGETS = sorted([*PLUGINS.glob("modules/*.py"), *PLUGINS.glob("module_utils/**/*.py")])


@pytest.mark.parametrize("path", ON_TARGETS, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_is_python_3_9(path: Path) -> None:
    """Debian 11 and RHEL 9 have Python 3.9."""
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imports = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    empty = not any(not isinstance(node, ast.Expr) for node in tree.body)
    assert empty or "__future__" in imports, "annotations such as 'str | None' are evaluated without it"


def test_without_requests(api: FakeApi) -> None:
    with mock.patch.object(runner, "HAS_REQUESTS", False):
        result = api.run(orthanc_peer, name="c", state="absent")
    assert result["failed"]
    assert "(requests)" in result["msg"]
    assert "interpreter" in result["msg"]


def test_a_bug_is_one_readable_failure(api: FakeApi) -> None:
    with mock.patch.object(runner, "run", side_effect=KeyError("x")):
        result = api.run(orthanc_info)
    assert result["msg"] == "Unexpected KeyError: 'x'"
