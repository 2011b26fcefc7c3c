# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading PowerShell literals and module specifications, and checking arguments with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.winrm.arguments import ArgumentError, check_arguments
from tests.lab.winrm.psliteral import UNKNOWN, LiteralError, parse
from tests.lab.winrm.spec import ModuleSpec, read_spec
from tests.lint.win_tasks import COLLECTIONS
from tests.unit.lab_winrm.conftest import UTILITIES

COMPUTED = {"win_pssession_configuration"}
WITHOUT_OPTIONS = {"win_dsc", "win_dotnet_ngen", "win_product_facts", "win_reboot_info", "win_whoami"}
MODULES = sorted(COLLECTIONS.glob("ansible/windows/plugins/modules/*.ps1")) + sorted(
    COLLECTIONS.glob("community/windows/plugins/modules/*.ps1")
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s'", "it's"),
        ('"a `"b`" c"', 'a "b" c'),
        ("@{ a = 1; 'b' = $true\n c = $null }", {"a": 1, "b": True, "c": None}),
        ("@('a', 'b')", ["a", "b"]),
        ("'a', 'b'", ["a", "b"]),
        ("@(, @('a', 'b'))", [["a", "b"]]),
        ("@(\n , @('a', 'b')\n , @('c', 'd')\n)", [["a", "b"], ["c", "d"]]),
        ("@{ # note\n t = [string[]]@('x') <# more #> }", {"t": ["x"]}),
        ("@{ f = { param($x) @{} }; n = 1 }", {"f": UNKNOWN, "n": 1}),
        ("$variable.Keys + 'auto'", UNKNOWN),
        ("-3", -3),
        ("@(1, 2) + @(3)", [1, 2, 3]),
    ],
)
def test_literals(text: str, value: Any) -> None:
    assert parse(text) == value


def test_a_broken_literal_is_an_error() -> None:
    with pytest.raises(LiteralError):
        parse("@{ a 1 }")


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_every_installed_module_is_readable(file: Any) -> None:
    if file.stem in COMPUTED:
        with pytest.raises(LiteralError):
            read_spec(file.read_text(encoding="utf-8-sig"), UTILITIES)
        return
    spec = read_spec(file.read_text(encoding="utf-8-sig"), UTILITIES)
    assert file.stem in WITHOUT_OPTIONS or (spec is not None and spec.options)


def _installed(name: str) -> ModuleSpec:
    file = next(file for file in MODULES if file.stem == name)
    spec = read_spec(file.read_text(encoding="utf-8-sig"), UTILITIES)
    assert spec is not None
    return spec


def test_options_of_a_shared_table_are_merged() -> None:
    options = _installed("win_uri").options
    assert (options["url_method"].default, options["url_method"].aliases) == ("GET", ["method"])
    assert (options["url_timeout"].type, options["follow_redirects"].choices) == ("int", ["all", "none", "safe"])
    assert options["url_password"].no_log


def test_choices_in_a_variable_are_resolved() -> None:
    assert "authenticate" in _installed("win_firewall_rule").options["security"].choices


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("win_uri", {"url": "x", "metod": "GET"}, "Unsupported parameters for (win_uri) module: metod"),
        ("win_stat", {}, "missing required arguments: path"),
        ("win_service", {"name": "x", "state": "on"}, "value of state must be one of: started"),
        ("win_service", {"name": "x", "password": "p"}, "missing parameter(s) required by 'password': username"),
        ("win_environment", {"level": "machine"}, "one of the following is required: name, variables"),
        ("win_environment", {"level": "machine", "variables": {}, "name": "x"}, "mutually exclusive: variables, name"),
        ("win_package", {"state": "present"}, "state is present but all of the following are missing: path"),
        ("win_package", {"state": "absent"}, "state is absent but any of the following are missing: path, product_id"),
        ("win_wait_for", {"port": "http"}, "argument for port is of type str and we were unable to convert to int"),
        (
            "win_service",
            {"name": "x", "failure_actions": [{"type": "no"}]},
            "value of type must be one of: none, reboot",
        ),
        ("win_acl", {"path": "x", "user": "y"}, "Missing required argument: rights"),
        ("win_firewall", {"state": "enabled", "profiles": ["Home"]}, "value of profiles must be one or more of"),
    ],
)
def test_wrong_arguments(module: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_arguments(module, _installed(module), arguments)
    assert message in str(caught.value)


def test_values_are_converted_and_defaults_filled_in() -> None:
    given = {"NAME": "x", "failure_actions": [{"type": "RESTART", "delay": 5}], "_ansible_check_mode": True}
    params = check_arguments("win_service", _installed("win_service"), given)
    assert params["name"] == "x"
    assert params["failure_actions"] == [{"delay_ms": 5, "type": "restart"}]
    assert params["dependency_action"] == "set"
    assert check_arguments("win_uri", _installed("win_uri"), {"url": "x", "status_code": "200, 404"})[
        "status_code"
    ] == [200, 404]
    assert (
        check_arguments("win_uri", _installed("win_uri"), {"url": "x", "return_content": "yes"})["return_content"]
        is True
    )


def test_older_modules_ignore_what_they_do_not_know() -> None:
    assert "mode" not in check_arguments("win_file", _installed("win_file"), {"path": "x", "mode": "0755"})
