# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``mediverse-access`` on the hub: ``mediverse-access [--root FOLDER] [--check] COMMAND [SITE]``.

    keys | apply | firewall | watch      for the role and the services; with --check the first two only look
    token | accept                       what is wanted comes as a JSON object on standard input
    look SITE | revoke SITE
    receive SITE                         sshd's forced command: a report on standard input

Every command but ``watch`` says one line of JSON: its answer, or ``{"problem": "<one sentence>"}`` with exit code 1.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from . import hub, in_force, report
from .store import AccessError, Places

_RECEIVE_SECONDS = 60
_PAUSE = 5.0
_USAGE = "usage: mediverse-access [--root FOLDER] [--check] COMMAND [SITE]; the commands stand in its source."


def main(arguments: list[str]) -> int:
    """Exit code 0, or 1 with the problem."""
    check = "--check" in arguments
    rest = [argument for argument in arguments if argument != "--check"]
    root = "/"
    if rest[:1] == ["--root"]:
        root, rest = (rest[1:2] or ["/"])[0], rest[2:]
    command, site = [*rest, "", ""][:2]
    if command == "watch":
        return _watch(Places(root))
    answer = _answer(Places(root), command, site, check)
    _say(json.dumps(answer))
    return 1 if "problem" in answer else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _answer(places: Places, command: str, site: str, check: bool) -> dict[str, Any]:
    refused = {"taken": False} if command == "receive" else {}
    try:
        return _do(places, command, site, check)
    except (AccessError, report.ReportError) as error:
        return {**refused, "problem": str(error)}
    except in_force.FAILURES as error:
        # A stranger at the other end is not told what stands on this hub.
        said = "" if command == "receive" else f" ({error!r})"
        return {**refused, "problem": f"The hub could not do it{said}; look at its disk and files, and try again."}


def _do(places: Places, command: str, site: str, check: bool) -> dict[str, Any]:
    if command == "receive":
        return hub.receive(places, site, _report())
    if command in ("look", "revoke") and site:
        return hub.look(places, site) if command == "look" else hub.revoke(places, site)
    if command in ("token", "accept"):
        given = json.loads(sys.stdin.read() or "null")
        if not isinstance(given, dict):
            raise AccessError("What is wanted has to be a JSON object on standard input.")
        return hub.token(places, given) if command == "token" else hub.accept(places, given)
    if command in ("keys", "apply"):
        return hub.keys(places, check) if command == "keys" else hub.apply(places, check)
    if command == "firewall":
        return hub.firewall(places)
    raise AccessError(_USAGE)


def _report() -> bytes:
    """Standard input to its end or to one byte more than a report may have; a sender that stops is given up."""
    signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(_RECEIVE_SECONDS)
    data = sys.stdin.buffer.read(report.LARGEST + 1)
    signal.alarm(0)
    return data


def _too_slow(*__: object) -> None:
    raise AccessError(f"The report was not whole after {_RECEIVE_SECONDS} s; try again when the line is better.")


def _watch(places: Places) -> int:
    """Until it is ended or its files are newer; the service then starts it again.

    What does not work now is said once and tried again: the service must not give up.
    """
    said, begun = "", _sources()
    while _sources() == begun:
        try:
            words = ", ".join(in_force.follow(places))
        except in_force.FAILURES as error:
            words = str(error)
        if words and words != said:
            _say(words)
        said = words
        time.sleep(_PAUSE)
    return 0


def _sources() -> list[float]:
    """When the files of this program were written: a newer one takes the place of the one that runs."""
    return [path.stat().st_mtime for path in sorted(Path(__file__).parent.glob("*.py"))]
