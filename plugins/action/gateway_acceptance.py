# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a PC that has reported to one that the hub admits. Delegated to the hub; shows, asks, admits and waits.

The hub is asked and never believed: a fingerprint is computed here, from the report, before it is shown or compared.
"""

from __future__ import annotations

import datetime
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

from ..plugin_utils import _cloud_login as logins
from ..plugin_utils import _enrolled as enrolled
from ..plugin_utils._progress import Progress
from ..plugin_utils._reach import complaint

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["tunnel", "own"], "required": True},
    "scanner_mac": {"type": "str", "default": ""},
    "fingerprint": {"type": "str", "default": ""},
    "text": {"type": "str", "default": ""},
    "found": {"type": "dict", "default": {}, "no_log": True},
    "timeout": {"type": "int", "default": 600},
    "state": {"type": "str", "choices": ["typed", "accepted"], "default": "accepted"},
}
_PAUSE = 3.0
_QUESTION = "Does the PC show this fingerprint? Let it be read to you by telephone, and type yes: "
_UNCONFIRMED = (
    "Nobody has said that the PC shows this fingerprint; compare them by telephone, and type yes, or give it with "
    "-e fingerprint=3fa2-91c0-..., all of it. Nothing was changed."
)
Entry = dict[str, Any]


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """See the documentation of the module."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """``accepted``, the entry of the hub with the whole report, what is to be kept of it, and what comes next."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, self._given = self.validate_argument_spec(ARGUMENTS)
        self._variables = task_vars or {}
        self._site: str = self._given["site"]
        self._progress = Progress(f"{self._site}-gateway", Display().display, Display().verbosity > 0)
        check, self._task.check_mode = self._task.check_mode, False
        try:
            self._typed = enrolled.typed(self._given["fingerprint"], self._given["text"], self._site)
            if self._given["state"] == "typed":
                return {**result, "changed": False}
            known = logins.kept(self._given["found"])
            self._key = enrolled.enrolment_key(self._given["found"])
            former = enrolled.kept(known.pc, self._site)
            changed, entry = self._admits(former, check)
            if check:
                return {**result, "changed": changed}
            self._comes(entry)
            pc = enrolled.pinned(former, entry)
        except enrolled.EnrolledError as error:
            raise AnsibleActionFail(str(error)) from None
        except AnsibleConnectionFailure as error:
            # No rescue would see it, and somebody may have taken his time to answer.
            raise AnsibleActionFail(
                f"The hub {complaint(str(error), 'your user', False)} Then run this again."
            ) from None
        note = logins.after_acceptance(known, former is not None and pc != former)
        return {
            **result,
            "changed": changed,
            "accepted": entry,
            "keeps": {enrolled.PURPOSE: pc.text(), **({logins.NOTE: note} if note else {})},
            "expects": {enrolled.PURPOSE: known.pc, logins.NOTE: known.note},
            "another": pc != former,
            "next": logins.comes_next(self._site, note, self._variables.get("ansible_inventory_sources") or ()),
            "_ansible_no_log": True,
        }

    def _admits(self, former: enrolled.Pc | None, check: bool) -> tuple[bool, Entry]:
        """Whether something has changed, and the entry, whose fingerprint somebody or the secrets have confirmed."""
        found = self._hub("look")
        accepted, text = found["accepted"], self._typed.text if self._typed else ""
        by_text = False
        if text and self._typed and not (accepted and accepted["fingerprint"].startswith(self._typed.fingerprint)):
            if check:
                return True, {}
            by_text = bool(self._hub("accept", text=text)["changed"])
            found = {**found, "report": None, "accepted": {"report": None}}
        elif found["report"] is None and accepted is None:
            raise enrolled.EnrolledError(enrolled.nothing_came(self._site, found["token"]))
        if found["report"] is None and not found["accepted"]["report"]:
            if check:
                return True, {}
            found = self._whole()
        wanted = enrolled.proven(found["report"] or found["accepted"], self._site)
        kept = enrolled.is_kept(former, wanted)
        if found["report"] is not None or not kept:
            Display().display("\n".join(enrolled.described(wanted, self._given["scanner_mac"], accepted)))
        self._confirm(wanted, kept or check)
        enrolled.usable(wanted, self._given["kind"] == "tunnel", datetime.datetime.now(datetime.UTC))
        if not kept:
            # With that the account gets another password at the end, which is too late to learn that it cannot.
            enrolled.first_password(self._key, wanted["report"]["password"], self._site)
        if found["report"] is None:
            return by_text or not kept, wanted
        if check:
            return True, {}
        entry = self._hub("accept", fingerprint=wanted["fingerprint"])
        changed = bool(entry.pop("changed")) or by_text or not kept
        # The hub's answer is not believed either: what is kept has to be what was confirmed.
        done = enrolled.proven(entry, self._site)
        if done["fingerprint"] != wanted["fingerprint"]:
            raise enrolled.EnrolledError(
                f"The hub has admitted another report for {self._site} than the one that was confirmed; see who was on "
                "the hub before anything else. Nothing of it was kept."
            )
        return changed, done

    def _confirm(self, wanted: Entry, silent: bool) -> None:
        """What was given, the secrets of the site, or somebody who is asked says that this is the PC; never the hub."""
        if self._typed and not self._typed.fits(wanted):
            raise enrolled.EnrolledError(
                f"The PC that has reported for {self._site} has another fingerprint than was given; compare it again "
                "by telephone. If it differs, make another stick by flash_drive.yml, which ends this one: somebody "
                "else has it. Do not revoke the site for that: it would lock out the PC that is accepted now. A new PC "
                "has to report first."
            )
        if not (self._typed or silent):
            self._ask()

    def _whole(self) -> dict[str, Any]:
        """Waits for the report of a PC whose text was taken."""
        return self._until(
            lambda found: bool(found["report"] or (found["accepted"] or {}).get("report")),
            "waits for the tunnel and the whole report, which the PC sends by itself",
            f"The PC of {self._site} was admitted by its text, and its report has not come. See that "
            "it is switched on and that its hospital lets UDP out, and run accept.yml again.",
        )

    def _comes(self, entry: Entry) -> None:
        def good(found: dict[str, Any]) -> bool:
            # The hub has one way for each site, whoever comes by it.
            if (found["accepted"] or {}).get("fingerprint") != entry["fingerprint"]:
                raise enrolled.EnrolledError(
                    f"The PC of {self._site} that was accepted here was replaced or revoked meanwhile; run accept.yml "
                    "again. Nothing of it was kept."
                )
            return bool(found["way"] != "none")

        if self._given["kind"] == "tunnel":
            self._until(
                good,
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

    def _ask(self) -> None:
        try:
            said = Display().prompt_until(_QUESTION)
        except (AnsiblePromptInterrupt, AnsiblePromptNoninteractive):
            said = b""
        if said.strip().lower() != b"yes":
            raise enrolled.EnrolledError(_UNCONFIRMED)

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
