# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a PC that has reported to one that the hub admits. Delegated to the hub; shows, asks, admits and waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible.errors import (
    AnsibleActionFail,
    AnsibleConnectionFailure,
    AnsiblePromptInterrupt,
    AnsiblePromptNoninteractive,
)
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._access.report import same
from ..plugin_utils import _enrolled as enrolled
from ..plugin_utils._progress import Progress

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["tunnel", "own"], "required": True},
    "scanner_mac": {"type": "str", "default": ""},
    "fingerprint": {"type": "str", "default": ""},
    "text": {"type": "str", "default": ""},
    "pc": {"type": "str", "default": "", "no_log": True},
    "timeout": {"type": "int", "default": 600},
}
_PAUSE = 3.0
_QUESTION = "Does the PC show this fingerprint? Let it be read to you by telephone, and type yes: "
_UNCONFIRMED = (
    "Nobody has said that the PC shows this fingerprint; compare them by telephone, and type yes, or give it with "
    "-e fingerprint='...'. Nothing was changed."
)
Entry = dict[str, Any]


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """See the documentation of the module."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """``accepted``, the entry of the hub with the whole report, and ``pc``, what is to be kept of it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, self._given = self.validate_argument_spec(ARGUMENTS)
        self._variables = task_vars or {}
        self._site: str = self._given["site"]
        self._progress = Progress(f"{self._site}-gateway", Display().display, Display().verbosity > 0)
        check, self._task.check_mode = self._task.check_mode, False
        try:
            former = enrolled.kept(self._given["pc"], self._site)
            changed, entry = self._by_text(check) if self._given["text"] else self._by_fingerprint(check)
            if check and changed:
                return {**result, "changed": True, "pc": ""}
            self._comes(entry)
            pc = enrolled.pinned(former, entry)
        except enrolled.EnrolledError as error:
            raise AnsibleActionFail(str(error)) from None
        return {**result, "changed": changed, "accepted": entry, "pc": pc.text(), "_ansible_no_log": True}

    def _by_fingerprint(self, check: bool) -> tuple[bool, Entry]:
        found, typed = self._hub("look"), self._given["fingerprint"]
        came, accepted = found["report"], found["accepted"]
        if came is None:
            if accepted is None:
                raise enrolled.EnrolledError(enrolled.nothing_came(self._site, found["token"]))
            if not accepted["report"]:
                return True, accepted if check else self._whole(accepted["fingerprint"])
            if typed and not same(accepted["fingerprint"], typed):
                raise enrolled.EnrolledError(
                    f"The PC that is accepted for {self._site} has another fingerprint; a new one has to report "
                    "first, by a stick of flash_drive.yml."
                )
            return False, accepted
        # Of one that was admitted by its text, the first digits alone are known.
        known = accepted is not None and came["fingerprint"].startswith(accepted["fingerprint"])
        Display().display("\n".join(enrolled.described(came, self._given["scanner_mac"], accepted)))
        # Compared before, and bound to what was compared.
        digits = typed or (came["fingerprint"] if known else "" if check else self._ask(came["shown"]))
        if check:
            if typed and not same(came["fingerprint"], typed):
                raise enrolled.EnrolledError(f"The PC that reported for {self._site} has another fingerprint.")
            return True, {}
        return self._accept(fingerprint=digits)

    def _by_text(self, check: bool) -> tuple[bool, Entry]:
        """Admits WireGuard's key at once; the rest when the whole report has come through the tunnel."""
        digits = enrolled.short_fingerprint(self._given["text"], self._site)
        accepted = self._hub("look")["accepted"]
        known = accepted is not None and accepted["fingerprint"].startswith(digits)
        if known and accepted["report"]:
            return False, accepted
        if check:
            return True, {}
        if not known:
            self._accept(text=self._given["text"])
        return True, self._whole(digits)

    def _whole(self, digits: str) -> Entry:
        """Waits for the report of the PC whose text was taken, and admits the rest of it."""

        def reported(found: dict[str, Any]) -> bool:
            came, accepted = found["report"], found["accepted"] or {}
            if came is not None and not came["fingerprint"].startswith(digits):
                raise enrolled.EnrolledError(
                    f"Another PC has reported for {self._site} than the one whose text was taken; revoke {self._site}."
                )
            return came is not None or bool(accepted.get("report"))

        found = self._until(
            reported,
            "waits for the tunnel and the whole report, which the PC sends by itself",
            f"The PC of {self._site} was admitted by its text, and its report has not come. See that "
            "it is switched on and that its hospital lets UDP out, and run accept.yml again.",
        )
        if found["report"] is None:
            return dict(found["accepted"])
        Display().display("\n".join(enrolled.described(found["report"], self._given["scanner_mac"], None)))
        return self._accept(fingerprint=found["report"]["fingerprint"])[1]

    def _comes(self, entry: Entry) -> None:
        if self._given["kind"] == "tunnel":
            self._until(
                lambda found: bool(found["way"] != "none"),
                "waits for the PC, which tries every minute",
                f"The PC of {self._site} is accepted and does not come to the hub at {entry['address']}. See that it "
                "is switched on and has its line to the Internet, and run accept.yml again.",
            )

    def _until(self, good: Callable[[dict[str, Any]], bool], stage: str, otherwise: str) -> dict[str, Any]:
        """Looks until something is so, and tells in between that it goes on."""
        self._progress.stage(stage)
        deadline = time.monotonic() + self._given["timeout"]
        while True:
            # The hub may be away for a moment: it is the PC that is waited for.
            try:
                found = self._hub("look")
                if good(found):
                    return found
            except AnsibleConnectionFailure:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise enrolled.EnrolledError(otherwise)
            self._progress.beat()
            time.sleep(_PAUSE)

    def _ask(self, shown: str) -> str:
        try:
            said = Display().prompt_until(_QUESTION)
        except (AnsiblePromptInterrupt, AnsiblePromptNoninteractive):
            said = b""
        if said.strip().lower() != b"yes":
            raise enrolled.EnrolledError(_UNCONFIRMED)
        return shown

    def _accept(self, **by: str) -> tuple[bool, Entry]:
        entry = self._hub("accept", **by)
        return bool(entry.pop("changed")), entry

    def _hub(self, state: str, **more: str) -> dict[str, Any]:
        """What ``hub_access`` says there, with whether something was changed."""
        done = self._execute_module(
            module_name="mediverse.pacs.hub_access",
            module_args={"site": self._site, "state": state, **more},
            task_vars=self._variables,
        )
        if done.get("failed"):
            raise enrolled.EnrolledError(str(done.get("msg")))
        return {**done["access"], "changed": done["changed"]}
