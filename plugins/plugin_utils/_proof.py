# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plugins of a proof have in common: they run on the controller, ask nobody, and say no secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase

from ..module_utils._engine.secrets import masker

_LOGINS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {"username": {"type": "str"}, "password": {"type": "str", "no_log": True}},
}


class ProofAction(ActionBase):  # type: ignore[misc]  # the base has no types
    """Subclasses have an argument specification and :meth:`decide`.

    Each of them also takes ``logins``, a list of ``{username, password}``: what is said to an operator or written to a
    file holds none of these passwords, in no spelling. The result repeats no option.
    """

    SPEC: ClassVar[Mapping[str, Any]] = {}
    _task: Any
    _requires_connection = False
    _supports_check_mode = True
    _hide: Callable[[str], str]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of :meth:`decide`."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, options = self.validate_argument_spec({**self.SPEC, "logins": _LOGINS})
        logins = options.pop("logins")
        self._hide = masker((str(one["username"] or ""), str(one["password"] or "")) for one in logins)
        result.update(changed=False, **self.decide(options))
        return result

    def decide(self, options: dict[str, Any]) -> dict[str, Any]:
        """The keys of the result, from the validated options."""
        raise NotImplementedError

    def shown(self, text: str, longest: int | None = None) -> str:
        """A text as people and files may have it, on one line.

        It is masked before it is cut: half a secret is one as well.
        """
        return " ".join(self._hide(text).split())[:longest]
