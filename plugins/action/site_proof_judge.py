# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges one check of a proof on the controller; see the module of the same name for its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..module_utils._site.judges import JUDGES
from ..module_utils._site.verdict import CheckFailed
from ..plugin_utils._proof import ProofAction


class ActionModule(ProofAction):
    """A check that is not good is a failed task, whose message is the row's."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "check": {"type": "str", "required": True, "choices": list(JUDGES)},
        "given": {"type": "dict", "required": True},
    }

    def decide(self, options: dict[str, Any]) -> dict[str, Any]:
        """The sentence of the judge."""
        judge = JUDGES[options["check"]]
        try:
            return {"check": options["check"], "msg": self.shown(judge(**options["given"]))}
        except CheckFailed as error:
            return {"check": options["check"], "failed": True, "msg": self.shown(str(error))}
