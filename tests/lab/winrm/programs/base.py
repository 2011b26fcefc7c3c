# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every program has in common: its environment, its log, and the translation of paths."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ..registry import MACHINE_ENVIRONMENT, SERVICES
from ..windows import Failure, Windows

_JSON_PATH = re.compile(r'"[A-Za-z]:(?:\\\\|/)(?:[^"\\\r\n]|\\.)*"')


class Program:
    """``executable``: part of the Windows command line by which a service's program is known.

    ``image``: the file of the process that Windows would show.
    """

    executable: ClassVar[str]
    image: ClassVar[str]

    def launch(self, windows: Windows, key: str, service: dict[str, Any]) -> subprocess.Popen[bytes]:
        """Starts the process; raises OSError or Failure."""
        raise NotImplementedError

    def ports(self, windows: Windows) -> set[int]:
        """TCP ports of 127.0.0.1 on which it answers REST requests that name files."""
        return set()


def environment(windows: Windows, key: str) -> dict[str, str]:
    """Environment of a service: what Linux needs, the machine's variables, the service's own."""
    out = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    machine = windows.registry.values(MACHINE_ENVIRONMENT).values()
    pairs = {value["name"]: str(value["data"]) for value in machine if value["name"].upper() != "PATH"}
    own = windows.registry.data(rf"{SERVICES}\{key}", "Environment")
    for line in own if isinstance(own, list) else [own] if own else []:
        name, mark, value = str(line).partition("=")
        if mark:
            pairs[name] = value
    return {**out, **{name: local_text(windows, value) for name, value in pairs.items()}}


def local_text(windows: Windows, text: str) -> str:
    r"""The local path for a value that is a Windows path, any other value as it is."""
    return str(windows.path(text)) if re.match(r"[A-Za-z]:[\\/]", text) else text


def local_json(windows: Windows, text: str) -> str:
    """JSON text (with comments) in which every string that is a Windows path became the local path."""

    def replace(match: re.Match[str]) -> str:
        try:
            return json.dumps(str(windows.path(json.loads(match.group(0)))))
        except (ValueError, Failure):
            return match.group(0)

    return _JSON_PATH.sub(replace, text)


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """``value`` (decoded JSON) with ``change`` applied to every string in it, keys left alone."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_strings(item, change) for item in value]
    if isinstance(value, dict):
        return {key: map_strings(item, change) for key, item in value.items()}
    return value


def spawn(
    command: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own, as a Linux user if one is given."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            user=user,
            group=user,
            extra_groups=[] if user else None,
            umask=0o022,
            start_new_session=True,
        )
