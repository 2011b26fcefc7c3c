# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_file, win_stat, slurp, win_find (ansible.windows 3.3.0 to 3.8.0)."""

from __future__ import annotations

import base64
import fnmatch
import ntpath
from typing import Any

from .. import security
from ..call import Call, Result, model
from ..filesystem import digest, make_folder, remove
from ..windows import Failure, Windows

_ALGORITHMS = {"md5", "sha1", "sha256", "sha384", "sha512"}


@model("win_file")
def win_file(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option in ("access_time", "modification_time"):
        if params.get(option):
            raise Failure(f"The simulated Windows does not model the option {option} of win_file.")
    name, state = params["path"], params.get("state")
    path = windows.path(name)
    # From 3.8.0 on, the action plugin of win_copy asks so for its diff; older modules do not know the option.
    if params.get("_diff_peek") is not None:
        binary = path.is_file() and b"\0" in path.read_bytes()[:8192]
        return {"path": name, "appears_binary": binary, "state": "file" if path.exists() else "absent"}
    if state == "touch":
        if not call.check:
            if not path.parent.is_dir():
                raise Failure(f"Could not find a part of the path '{name}'.")
            path.touch()
        return {"changed": True}
    if state == "absent":
        present = path.exists()
        if present and not call.check:
            remove(path)
            security.forget(windows, name)
        return {"changed": present}
    if path.exists():
        if state == "directory" and not path.is_dir():
            raise Failure(f"path {name} is not a directory")
        if state == "file" and path.is_dir():
            raise Failure(f"path {name} is not a file")
        return {"changed": False}
    if state != "directory":
        raise Failure(f"path {name} will not be created")
    if not call.check:
        make_folder(windows, path)
    return {"changed": True}


@model("win_stat", "stat")
def win_stat(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    name = params["path"]
    path = windows.path(name)
    if not path.exists():
        return {"stat": {"exists": False}}
    info = path.stat()
    folder = path.is_dir()
    full = windows.windows_name(path)
    owner = security.owner(windows, full)
    size = sum(item.stat().st_size for item in path.rglob("*") if item.is_file()) if folder else info.st_size
    stat: dict[str, Any] = {
        "exists": True,
        "path": full,
        "filename": ntpath.basename(full),
        "isdir": folder,
        "isreg": not folder,
        "islnk": False,
        "isjunction": False,
        "isshared": False,
        "ishidden": False,
        "isreadonly": False,
        "isarchive": not folder,
        "attributes": "Directory" if folder else "Archive",
        "hlnk_targets": [],
        "nlink": 1,
        "creationtime": info.st_ctime,
        "lastaccesstime": info.st_atime,
        "lastwritetime": info.st_mtime,
        "owner": owner,
        "size": size,
    }
    if not folder:
        stat["extension"] = ntpath.splitext(full)[1]
        if params.get("get_checksum", True):
            algorithm = str(params.get("checksum_algorithm") or "sha1").lower()
            if algorithm not in _ALGORITHMS:
                raise Failure(f"Unsupported checksum algorithm {algorithm}.")
            stat["checksum"] = digest(path, algorithm)
    return {"stat": stat}


@model("slurp")
def slurp(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    name = params.get("src") or params.get("path") or ""
    path = windows.path(name)
    if path.is_dir():
        raise Failure(f"Path {name} is a directory")
    if not path.is_file():
        raise Failure(f"Path {name} is not found")
    return {"content": base64.b64encode(path.read_bytes()).decode(), "encoding": "base64"}


@model("win_find")
def win_find(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option in ("age", "size", "use_regex", "hidden", "follow"):
        if params.get(option):
            raise Failure(f"The simulated Windows does not model the option {option} of win_find.")
    patterns = params.get("patterns") or ["*"]
    found = []
    for name in params["paths"]:
        top = windows.path(name)
        if not top.is_dir():
            raise Failure(f"Argument path '{name}' does not exist on the remote host")
        for item in sorted(top.rglob("*") if params.get("recurse") else top.iterdir()):
            kind = "directory" if item.is_dir() else "file"
            if params.get("file_type", "file") != kind or not any(
                fnmatch.fnmatch(item.name.lower(), p.lower()) for p in patterns
            ):
                continue
            info = item.stat()
            full = windows.windows_name(item)
            found.append(
                {
                    "path": full,
                    "filename": item.name,
                    "isdir": kind == "directory",
                    "isreg": kind == "file",
                    "exists": True,
                    "size": info.st_size,
                    "lastwritetime": info.st_mtime,
                    "creationtime": info.st_ctime,
                    "lastaccesstime": info.st_atime,
                    "islnk": False,
                    "extension": item.suffix,
                    "checksum": digest(item) if kind == "file" else None,
                }
            )
    return {"files": found, "matched": len(found), "examined": len(found)}
