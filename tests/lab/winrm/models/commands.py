# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_command and win_shell (ansible.windows 3.3.0 to 3.8.0): only commands that are registered here exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..call import Call, Result, model
from ..windows import Failure, Windows

Command = Callable[[Windows, "re.Match[str]"], tuple[int, str]]
_COMMANDS: list[tuple[re.Pattern[str], Command]] = []


def command(pattern: str) -> Callable[[Command], Command]:
    """Registers a command; the whole text must match, letter case does not matter.

    The function changes the state and returns exit code and standard output.
    """

    def register(function: Command) -> Command:
        _COMMANDS.append((re.compile(pattern, re.I | re.S), function))
        return function

    return register


@command(r"powercfg(?:\.exe)?\s+[/-](?:change|x)\s+(\w+-timeout-[ad]c)\s+(\d+)")
def _power_timeout(windows: Windows, match: re.Match[str]) -> tuple[int, str]:
    timeouts, name = windows.state["power"]["timeouts"], match.group(1).lower()
    if name not in timeouts:
        return 1, 'Invalid Parameters -- try "/?" for help\r\n'
    timeouts[name] = int(match.group(2))
    return 0, ""


@command(r"powercfg(?:\.exe)?\s+[/-](?:hibernate|h)\s+(on|off)")
def _hibernate(windows: Windows, match: re.Match[str]) -> tuple[int, str]:
    windows.state["power"]["hibernate"] = match.group(1).lower() == "on"
    return 0, ""


@command(r"powercfg(?:\.exe)?\s+[/-](?:a|availablesleepstates)")
def _sleep_states(windows: Windows, match: re.Match[str]) -> tuple[int, str]:
    hibernate = windows.state["power"]["hibernate"]
    available = ["Standby (S3)", *(["Hibernate", "Fast Startup"] if hibernate else [])]
    missing = [] if hibernate else ["Hibernate\r\n        Hibernation has not been enabled."]
    text = "The following sleep states are available on this system:\r\n    " + "\r\n    ".join(available)
    if missing:
        text += "\r\n\r\nThe following sleep states are not available on this system:\r\n    " + "\r\n    ".join(
            missing
        )
    return 0, text + "\r\n"


_SETTINGS = {
    ("sub_sleep", "standbyidle"): "standby-timeout",
    ("sub_sleep", "hibernateidle"): "hibernate-timeout",
    ("sub_video", "videoidle"): "monitor-timeout",
    ("sub_disk", "diskidle"): "disk-timeout",
}


@command(r"powercfg(?:\.exe)?\s+[/-](?:q|query)\s+scheme_current\s+(\w+)\s+(\w+)")
def _power_query(windows: Windows, match: re.Match[str]) -> tuple[int, str]:
    name = _SETTINGS.get((match.group(1).lower(), match.group(2).lower()))
    if name is None:
        return 1, "The power setting does not exist.\r\n"
    timeouts = windows.state["power"]["timeouts"]
    lines = [
        f"    Current {kind} Power Setting Index: 0x{timeouts[f'{name}-{short}'] * 60:08x}"
        for kind, short in (("AC", "ac"), ("DC", "dc"))
    ]
    return 0, "\r\n".join(lines) + "\r\n"


@command(r"whoami(?:\.exe)?")
def _whoami(windows: Windows, match: re.Match[str]) -> tuple[int, str]:
    return 0, f"{windows.computer.lower()}\\{windows.user.lower()}\r\n"


@command(r"hostname(?:\.exe)?")
def _hostname(windows: Windows, match: re.Match[str]) -> tuple[int, str]:
    return 0, f"{windows.computer}\r\n"


@command(r"sc(?:\.exe)?\s+failureflag\s+\"?([^\"\s]+)\"?\s+([01])")
def _failure_flag(windows: Windows, match: re.Match[str]) -> tuple[int, str]:
    key = windows.services.find(match.group(1))
    if key is None:
        return (
            1060,
            "[SC] OpenService FAILED 1060:\r\n\r\nThe specified service does not exist as an installed service.\r\n",
        )
    windows.services.get(key)["failure_actions_on_non_crash_failure"] = match.group(2) == "1"
    return 0, "[SC] ChangeServiceConfig2 SUCCESS\r\n"


@command(r"w32tm(?:\.exe)?\s+/(resync|query)\b.*")
def _time(windows: Windows, match: re.Match[str]) -> tuple[int, str]:
    if windows.services.get("W32Time")["state"] != "started":
        return 1, "The following error occurred: The service has not been started. (0x80070426)\r\n"
    return 0, "The command completed successfully.\r\n"


def execute(windows: Windows, line: str) -> tuple[int, str]:
    """Runs one registered command; raises Failure for any other."""
    for pattern, function in _COMMANDS:
        match = pattern.fullmatch(line.strip())
        if match:
            done = function(windows, match)
            windows.save()
            return done
    raise Failure(f"The simulated Windows has no model for this command: {line[:200]!r}")


@model("win_command", "win_shell")
def win_command(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    line = call.arguments.get("_raw_params") or params.get("_raw_params") or params.get("cmd") or ""
    if not line and params.get("argv"):
        line = " ".join(params["argv"])
    if not line.strip():
        raise Failure("no command given")
    for option, present in (("creates", True), ("removes", False)):
        name = params.get(option)
        if name and windows.path(name).exists() == present:
            text = "exists" if present else "does not exist"
            return {"changed": False, "skipped": True, "cmd": line, "rc": 0, "msg": f"skipped, since {name} {text}"}
    if call.check:
        return {"changed": False, "skipped": True, "msg": "skipped, running in check mode"}
    code, output = execute(windows, line)
    result: Result = {
        "changed": True,
        "cmd": line,
        "rc": code,
        "stdout": output,
        "stderr": "",
        "start": "",
        "end": "",
        "delta": "0:00:00.010000",
    }
    if code:
        raise Failure("non-zero return code", **result)
    return result
