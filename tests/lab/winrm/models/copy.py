# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_copy as its action plugin uses it (ansible.windows 3.3.0 to 3.8.0); win_template is built on it.

The plugin first asks what is missing (``query``), then sends one file (``single``) or an archive (``explode``);
``remote`` copies from one place of the target to another.
"""

from __future__ import annotations

import base64
import ntpath
import posixpath
import shutil
import zipfile
from pathlib import Path
from typing import Any

from .. import security
from ..call import Call, Result, model
from ..filesystem import digest, make_folder
from ..windows import Failure, Windows


@model("win_copy")
def win_copy(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    if params.get("backup"):
        raise Failure("The simulated Windows does not model win_copy with backup.")
    modes = {"query": _query, "explode": _explode, "single": _single, "remote": _remote}
    return modes[params.get("_copy_mode") or "single"](windows, params, call)


def _query(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    dest, force = params["dest"], params.get("force") is not False
    files, folders = [], []
    for item in params.get("files") or []:
        name = ntpath.join(dest, item["dest"])
        path = windows.path(name)
        if path.is_dir():
            path = path / posixpath.basename(item["src"])
        if path.is_dir():
            raise Failure(f"cannot copy file to dest '{name}': object at path is already a directory")
        if not path.is_file() or (force and digest(path) != item["checksum"]):
            files.append(item)
    for item in params.get("directories") or []:
        name = ntpath.join(dest, item["dest"])
        path = windows.path(name)
        if path.is_file():
            raise Failure(f"cannot copy folder to dest '{name}': object at path is already a file")
        if not path.is_dir():
            folders.append(item)
    return {"files": files, "directories": folders, "symlinks": params.get("symlinks") or []}


def _source(windows: Windows, params: dict[str, Any]) -> Path:
    path = windows.path(params["src"])
    if not path.exists():
        raise Failure(f"Cannot copy src file: '{params['src']}' as it does not exist")
    return path


def _explode(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    with zipfile.ZipFile(_source(windows, params)) as archive:
        for name in archive.namelist():
            target = windows.path(ntpath.join(params["dest"], base64.b64decode(name.rstrip("/")).decode("utf-8")))
            if name.endswith("/"):
                make_folder(windows, target)
            else:
                make_folder(windows, target.parent)
                _write(windows, target, archive.read(name))
    return {"changed": True}


def _write(windows: Windows, target: Path, content: bytes) -> None:
    new = not target.exists()
    target.write_bytes(content)
    if new:
        security.inherit(windows, target)


def _target(windows: Windows, params: dict[str, Any], call: Call) -> str:
    dest: str = params["dest"]
    if not dest.endswith(("/", "\\")) and not windows.path(dest).is_dir():
        parent = ntpath.dirname(windows.full_name(dest))
        if windows.path(parent).is_file():
            raise Failure(f"object at destination parent dir '{parent}' is currently a file")
        if not windows.path(parent).is_dir():
            raise Failure(f"Destination directory '{parent}' does not exist")
        return dest
    target = ntpath.join(dest, params.get("_original_basename") or ntpath.basename(params["src"]))
    if not call.check:
        make_folder(windows, windows.path(target).parent)
    return target


def _single(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    source = _source(windows, params)
    target = _target(windows, params, call)
    if windows.path(target).is_dir():
        raise Failure(f"dest '{target}' is a directory and cannot be replaced by a file")
    if not call.check:
        _write(windows, windows.path(target), source.read_bytes())
    return {"changed": True, "src": params["src"], "dest": target, "operation": "file_copy"}


def _remote(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    source = _source(windows, params)
    if source.is_dir():
        return _remote_folder(windows, params, call, source)
    target = _target(windows, params, call)
    path = windows.path(target)
    same = path.is_file() and (params.get("force") is False or digest(path) == digest(source))
    if not same and not call.check:
        _write(windows, path, source.read_bytes())
    return {
        "changed": not same,
        "src": params["src"],
        "dest": target,
        "operation": "file_copy",
        "checksum": digest(source),
    }


def _remote_folder(windows: Windows, params: dict[str, Any], call: Call, source: Path) -> Result:
    top = windows.path(params["dest"])
    if not params["src"].endswith(("\\", "/")):
        top = top / source.name
    changed = False
    for item in [source, *sorted(source.rglob("*"))]:
        target = top / item.relative_to(source)
        if item.is_dir() and not target.is_dir():
            changed = True
            if not call.check:
                make_folder(windows, target)
        elif item.is_file() and (not target.is_file() or digest(target) != digest(item)):
            changed = True
            if not call.check:
                shutil.copyfile(item, target)
    return {"changed": changed, "src": params["src"], "dest": params["dest"], "operation": "folder_copy"}
