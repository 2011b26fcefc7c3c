# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the collection has, checked over the folder and not over a list."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
GROUPS = ("digitalocean", "nginx_proxy_manager", "orthanc", "syncthing")
# Their APIs are loopback-only on the Windows gateway, so they have to work there.
ON_WINDOWS = ("orthanc", "syncthing")
OF_AN_API = [name for name in MODULES if name.startswith(tuple(f"{group}_" for group in GROUPS))]


def _group(module: str) -> str:
    return next(group for group in GROUPS if module.startswith(f"{group}_"))


def _spec(module: str) -> Any:
    return importlib.import_module(f"ansible_collections.mediverse.pacs.plugins.modules.{module}").SPEC


@cache
def _docs() -> dict[str, Any]:
    command = [sys.executable, "-m", "ansible", "doc", "--json", *(f"mediverse.pacs.{name}" for name in MODULES)]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("module", MODULES)
def test_is_documented(module: str) -> None:
    page = _docs()[f"mediverse.pacs.{module}"]
    assert page["doc"]["short_description"]
    assert page["doc"]["description"]
    assert f"mediverse.pacs.{module}:" in page["examples"]
    assert page["return"]
    for promise in ("check_mode", "diff_mode", *(["idempotent"] if module in OF_AN_API else [])):
        assert promise in page["doc"].get("attributes", {}), f"{module} does not say whether it supports {promise}"


@pytest.mark.parametrize("module", OF_AN_API)
def test_documented_options_are_the_real_ones(module: str) -> None:
    _compare(module, _docs()[f"mediverse.pacs.{module}"]["doc"]["options"], _spec(module).argument_spec())


def test_documented_options_of_the_ledger_are_the_real_ones() -> None:
    """It is an action plugin alone, with its documentation where modules have theirs."""
    plugin = importlib.import_module("ansible_collections.mediverse.pacs.plugins.action.delivery_ledger")
    _compare("delivery_ledger", _docs()["mediverse.pacs.delivery_ledger"]["doc"]["options"], plugin.ARGUMENTS)


def test_documented_options_of_the_records_are_the_real_ones() -> None:
    """It has no group of its own: it is one module, and takes its login from the environment as well."""
    _compare(
        "namecheap_records",
        _docs()["mediverse.pacs.namecheap_records"]["doc"]["options"],
        _spec("namecheap_records").argument_spec(),
    )


def _compare(where: str, documented: dict[str, Any], real: dict[str, Any]) -> None:
    assert set(documented) == set(real), where
    for name, spec in real.items():
        page = documented[name]
        said = {key: page.get(key) for key in ("elements", "choices", "default", "aliases")}
        done = {key: spec.get(key) for key in ("elements", "choices", "default", "aliases")}
        for both in (said, done):
            both["choices"], both["aliases"] = sorted(both["choices"] or []), sorted(both["aliases"] or [])
        said["type"], done["type"] = page.get("type", "str"), spec.get("type", "str")
        said["required"], done["required"] = bool(page.get("required")), bool(spec.get("required"))
        assert said == done, f"{where}.{name}"
        _compare(f"{where}.{name}", page.get("suboptions", {}), spec.get("options", {}))


@pytest.mark.parametrize("module", OF_AN_API)
def test_is_in_its_action_group(module: str) -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert module in runtime["action_groups"][_group(module)]
    groups = _docs()[f"mediverse.pacs.{module}"]["doc"]["attributes"]["action_group"]["membership"]
    assert groups == [f"mediverse.pacs.{_group(module)}", "mediverse.pacs.all"]


@pytest.mark.parametrize("module", [name for name in OF_AN_API if _group(name) in ON_WINDOWS])
def test_works_on_windows(module: str) -> None:
    plugin = importlib.import_module(f"ansible_collections.mediverse.pacs.plugins.action.{module}")
    assert plugin.ActionModule.__name__ == "ActionModule"


def test_every_action_plugin_and_group_entry_has_a_module() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    named = {name for group in GROUPS for name in runtime["action_groups"][group]}
    named |= {path.stem for path in (ROOT / "plugins" / "action").glob("*.py") if path.stem != "__init__"}
    assert named <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_has_a_unit_test(module: str) -> None:
    tests = (ROOT / "tests" / "unit").rglob("test_*.py")
    assert any(module in path.read_text() for path in tests if path != Path(__file__))


@pytest.mark.parametrize("module", OF_AN_API)
def test_has_an_integration_target(module: str) -> None:
    assert (ROOT / "tests" / "integration" / "targets" / module / "tasks" / "main.yml").is_file()


@pytest.mark.parametrize("module", OF_AN_API)
def test_is_a_declaration(module: str) -> None:
    """Nothing but documentation, the spec and main()."""
    text = (ROOT / "plugins" / "modules" / f"{module}.py").read_text()
    code = text.split('RETURN = r"""', 1)[1].split('"""', 1)[1]
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 40
    assert "run_module(SPEC)" in code


def test_plugins_name_no_secret_option_without_hiding_it() -> None:
    for module in OF_AN_API:
        for name, spec in _spec(module).argument_spec().items():
            if any(word in name for word in ("password", "secret", "api_key", "token")):
                assert "no_log" in spec, f"{module}.{name} has to say whether it is secret"
