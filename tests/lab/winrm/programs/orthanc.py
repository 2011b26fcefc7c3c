# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orthanc as the service wrapper of its Windows installer runs it, on a translated copy of its configuration.

The wrapper starts ``Orthanc.exe --logdir=Logs Configuration`` in the installation folder: every ``*.json`` of
that folder is read. Before each start the folder is copied to ``run/orthanc``, and every string that is a Windows
path becomes the path below drive C:. The same happens to string literals of the Lua scripts it names.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ..windows import Failure, Windows
from .base import Program, environment, local_json, spawn

FOLDER = r"C:\Program Files\Orthanc Server"
_LUA_TEXT = re.compile(
    r"""--\[\[.*?\]\] | --[^\n]*
      | "(?P<double>(?:[^"\\\n]|\\.)*)" | '(?P<single>(?:[^'\\\n]|\\.)*)' | \[\[(?P<long>.*?)\]\]""",
    re.S | re.X,
)
_PLUGIN_LINE = "mediverse-lab-plugin: "


def plugin_file(name: str) -> bytes:
    """Content of the placeholder that stands for a plugin DLL."""
    return f"{_PLUGIN_LINE}{name}\n".encode()


def _plugin_library(dll: Path) -> Path | None:
    line = dll.read_bytes()[:200].decode("utf-8", "replace").splitlines()[:1]
    if not line or not line[0].startswith(_PLUGIN_LINE):
        return None
    return Path("/usr/share/orthanc/plugins") / line[0].removeprefix(_PLUGIN_LINE)


class OrthancProgram(Program):
    """Debian's Orthanc 1.13 in the place of Orthanc.exe."""

    executable = "OrthancService.exe"
    image = r"C:\Program Files\Orthanc Server\Orthanc.exe"

    def launch(self, windows: Windows, key: str, service: dict[str, Any]) -> subprocess.Popen[bytes]:
        binary = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
        logs = windows.path(rf"{FOLDER}\Logs")
        logs.mkdir(parents=True, exist_ok=True)
        configuration = translate(windows)
        return spawn(
            [binary, f"--logdir={logs}", configuration],
            folder=windows.path(FOLDER),
            log=windows.run_dir / "orthanc.log",
            environment={**environment(windows, key), "HOME": str(windows.run_dir)},
        )


def translate(windows: Windows) -> Path:
    """Writes the translated copy of the configuration folder and returns it."""
    target = windows.run_dir / "orthanc"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700)
    for file in sorted(windows.path(rf"{FOLDER}\Configuration").iterdir()):
        if file.is_file() and file.suffix.lower() == ".json":
            raw = file.read_bytes()
            mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""  # kept: Orthanc must cope with it
            text = local_json(windows, raw.decode("utf-8-sig"))
            text = _plugins(windows, _scripts(windows, text, target), target)
            copy = target / file.name
            copy.touch(mode=0o600)
            copy.write_bytes(mark + text.encode())
    return target


def _scripts(windows: Windows, text: str, target: Path) -> str:
    """Replaces the local paths of Lua files by translated copies."""

    def replace(match: re.Match[str]) -> str:
        return json.dumps(str(_script(windows, Path(json.loads(match.group(0))), target)))

    return re.sub(r'"/[^"\r\n]+\.lua"', replace, text)


def _script(windows: Windows, source: Path, target: Path) -> Path:
    if not source.is_file() or not source.is_relative_to(windows.root / "C"):
        return source
    copy = target / "lua" / source.relative_to(windows.root / "C")
    if copy.exists():
        return copy
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.touch()  # a script may name itself

    def replace(match: re.Match[str]) -> str:
        quoted = match.group("double") or match.group("single") or ""
        name = match.group("long") or quoted.replace("\\\\", "\\")
        try:
            path = windows.path(name) if re.match(r"[A-Za-z]:[\\/]", name) else None
        except Failure:
            path = None
        if path is None:
            return match.group(0)
        return json.dumps(str(_script(windows, path, target) if path.suffix.lower() == ".lua" else path))

    copy.write_text(_LUA_TEXT.sub(replace, source.read_text(encoding="utf-8")), encoding="utf-8")
    return copy


def _plugins(windows: Windows, text: str, target: Path) -> str:
    """Replaces plugin DLLs, or folders that hold them, by the Linux libraries they stand for."""
    match = re.search(r'"Plugins"\s*:\s*(\[[^\]]*\])', text)
    if not match:
        return text
    try:
        entries = json.loads(match.group(1))
    except ValueError:
        return text
    out: list[str] = []
    for entry in entries:
        path = Path(entry)
        if path.is_dir():
            libraries = [_plugin_library(dll) for dll in sorted(path.iterdir()) if dll.suffix.lower() == ".dll"]
            out += [str(library) for library in libraries if library]
        elif path.is_file():
            out.append(str(_plugin_library(path) or path))
        else:
            out.append(entry)
    return text[: match.start(1)] + json.dumps(out) + text[match.end(1) :]
