# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password of an accepted PC's account: stored before it is set, and right after a cut anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mediverse.pacs.plugins.action import gateway_login

from tests.unit.access.test_enrolled import KEY, encrypted

FIRST, KEPT = "First_1-of-the-PC", "Kept_2-for-the-PC"


class Cut(BaseException):
    """The controller loses its power."""


class Pc:
    """An account behind WinRM. ``cut``: before, or after, the one thing that is done to it."""

    def __init__(self, password: str = FIRST, cut: str = "", trouble: str = "") -> None:
        self.password, self.cut, self.trouble, self.tried = password, cut, trouble, list[str]()

    def runs(self) -> dict[str, Any]:
        connection = _Connection(self)
        action = object.__new__(gateway_login.ActionModule)
        action._connection = connection
        action._execute_module = self._module
        given = {"site": "kanifing", "key": KEY, "first": encrypted(FIRST)}
        action.validate_argument_spec = lambda __: (None, given)
        variables: dict[str, Any] = {"inventory_hostname": "g", "hostvars": {"g": {"ansible_connection": "winrm"}}}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gateway_login.ActionBase, "run", lambda *__: {})
            done: dict[str, Any] = action.run(task_vars=variables)
        return done

    def _module(self, name: str, arguments: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert (name, arguments["name"], arguments["update_password"]) == (
            "ansible.windows.win_user",
            "mediverse",
            "always",
        )
        assert task_vars
        if self.cut == "before":
            raise Cut
        self.password = arguments["password"]
        if self.cut == "after":
            raise Cut
        return {"changed": True}


class _Connection:
    def __init__(self, pc: Pc) -> None:
        self.pc, self.option = pc, KEPT

    def get_option(self, name: str) -> str:
        assert name == "remote_password"
        return self.option

    def set_option(self, name: str, value: str) -> None:
        assert name == "remote_password"
        self.option = value

    def close(self) -> None:
        """Nothing is open."""

    def _connect(self) -> None:
        self.pc.tried.append(self.option)
        if self.pc.trouble:
            raise OSError(self.pc.trouble)
        if self.option != self.pc.password:
            raise OSError("ntlm: the specified credentials were rejected by the server")


def test_the_kept_one_takes_the_place_of_the_first_and_then_nothing_changes() -> None:
    pc = Pc()
    assert pc.runs()["changed"] is True
    assert pc.tried == [KEPT, FIRST, KEPT]
    assert pc.runs()["changed"] is False
    assert pc.tried[3:] == [KEPT]


@pytest.mark.parametrize(("cut", "changed"), [("before", True), ("after", False)])
def test_after_a_cut_the_next_run_ends_with_the_kept_one(cut: str, changed: bool) -> None:
    pc = Pc(cut=cut)
    with pytest.raises(Cut):
        pc.runs()
    pc.cut = ""
    assert (pc.runs()["changed"], pc.password) == (changed, KEPT)


def test_a_password_that_somebody_has_changed_is_told() -> None:
    pc = Pc(password="Somebody3-else")
    with pytest.raises(AnsibleActionFail, match="takes neither the password of its report nor the kept one"):
        pc.runs()
    # Windows locks an account after a few wrong ones.
    assert len(pc.tried) == 2


def test_any_other_trouble_tries_no_second_password() -> None:
    pc = Pc(trouble="connection timed out")
    with pytest.raises(AnsibleActionFail, match="does not answer by WinRM"):
        pc.runs()
    assert pc.tried == [KEPT]
