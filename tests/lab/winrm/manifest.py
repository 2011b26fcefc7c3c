# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes apart what Ansible's bootstrap reads from standard input and runs it.

The parts are separated by a line of four NUL characters: the wrapper, the manifest (scripts and actions), and
for file transfer the data. The same layout holds for ansible-core 2.19 and 2.21.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ntpath
import threading
from dataclasses import dataclass, field
from typing import Any

from .call import Call, run_module
from .windows import Failure, Windows

SEPARATOR = "\n\0\0\0\0\n"
Answer = tuple[str, int, str, str]  # (what ran, exit code, standard output, standard error)


@dataclass
class Manifest:
    """``actions``: name -> parameters in order; ``scripts``: name -> source; ``data``: lines after the manifest."""

    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    data: str = ""


def read(stdin: bytes) -> Manifest:
    """Raises Failure if this is not what ansible-core 2.19 to 2.21 sends."""
    parts = stdin.decode("utf-8").split(SEPARATOR)
    try:
        if len(parts) < 2 or json.loads(parts[0])["name"] != "exec_wrapper":
            raise Failure(
                "The standard input of the bootstrap holds no exec_wrapper: this ansible-core is not supported."
            )
        raw = json.loads(parts[1])
        scripts = {
            name: base64.b64decode(entry["script"]).decode("utf-8-sig") for name, entry in raw["scripts"].items()
        }
        actions = {
            entry["name"]: {**entry.get("params", {}), **entry.get("secure_params", {})} for entry in raw["actions"]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"The manifest of the bootstrap is not readable: {type(error).__name__}: {error}") from error
    return Manifest(actions, scripts, parts[2] if len(parts) > 2 else "")


def run(windows: Windows, stdin: bytes) -> Answer:
    manifest = read(stdin)
    first, params = next(iter(manifest.actions.items()))
    helper = _HELPERS.get(first)
    if helper:
        return helper(windows, params, manifest.data)
    wrapper = manifest.actions.get("module_wrapper.ps1")
    if wrapper is None:
        raise Failure(f"The simulated Windows has no model for the action {first}.")
    return _module(windows, manifest, wrapper)


def _module(windows: Windows, manifest: Manifest, wrapper: dict[str, Any]) -> Answer:
    file = wrapper["Script"]
    name = file.removesuffix(".ps1").rsplit(".", 1)[-1]
    variables = {entry["Name"]: entry["Value"] for entry in wrapper.get("Variables") or []}
    if "complex_args" not in variables:
        raise Failure(
            f"The simulated Windows runs no script of the script action ({file}); use ansible.windows.win_powershell."
        )
    become = manifest.actions.get("become_wrapper.ps1", {}).get("BecomeUser")
    utilities = [text for script, text in manifest.scripts.items() if script != file]
    call = Call(
        name=name,
        source=manifest.scripts[file],
        utilities=utilities,
        arguments=variables["complex_args"],
        environment=wrapper.get("Environment") or {},
        become=become,
    )
    asynchronous = manifest.actions.get("async_wrapper.ps1")
    if asynchronous:
        return f"async {name}", 0, json.dumps(_start(windows, call, asynchronous)), ""
    result = run_module(windows, call)
    what = f"{name}{' as ' + become if become else ''}{' (check)' if call.check else ''}"
    note = f" {result.get('msg')}" if result.get("failed") else ""
    return what + note, 1 if result.get("failed") else 0, json.dumps(result), ""


def _start(windows: Windows, call: Call, wrapper: dict[str, Any]) -> dict[str, Any]:
    """Begins an asynchronous job; async_status reads its file."""
    job = f"{wrapper['AsyncJid']}.{threading.get_native_id()}"
    shown = ntpath.join(windows.expand(wrapper["AsyncDir"]), job)
    file = windows.path(shown)
    file.parent.mkdir(parents=True, exist_ok=True)
    begun = {"started": True, "finished": False, "results_file": shown, "ansible_job_id": job}
    file.write_text(json.dumps(begun), encoding="utf-8")

    def work() -> None:
        result = {**run_module(windows, call), **begun, "finished": True}
        temporary = file.with_name(file.name + ".part")
        temporary.write_text(json.dumps(result), encoding="utf-8")
        temporary.replace(file)

    threading.Thread(target=work, daemon=True, name=f"job {job}").start()
    return {**begun, "_ansible_suppress_tmpdir_delete": True, "ansible_async_watchdog_pid": threading.get_native_id()}


def _mkdtemp(windows: Windows, params: dict[str, Any], data: str) -> Answer:
    path = ntpath.join(windows.expand(params["Directory"]), params["Name"])
    windows.path(path).mkdir(parents=True)
    return "mkdtemp", 0, path + "\r\n", ""


def _expand_user(windows: Windows, params: dict[str, Any], data: str) -> Answer:
    path = str(params["Path"])
    home = windows.environment()["USERPROFILE"]
    return "expand_user", 0, (home + path[1:] if path.startswith("~") else path) + "\r\n", ""


def _put_file(windows: Windows, params: dict[str, Any], data: str) -> Answer:
    content = b"".join(base64.b64decode(line) for line in data.splitlines() if line.strip())
    windows.path(params["Path"]).write_bytes(content)
    return f"put_file {len(content)} bytes", 0, json.dumps({"sha1": hashlib.sha1(content).hexdigest()}), ""


def _fetch_file(windows: Windows, params: dict[str, Any], data: str) -> Answer:
    file = windows.path(params["Path"])
    if file.is_dir():
        return "fetch_file", 0, "[DIR]", ""
    if not file.is_file():
        return "fetch_file", 1, "", f"{params['Path']} does not exist"
    with file.open("rb") as stream:
        stream.seek(int(params["Offset"]))
        return "fetch_file", 0, base64.b64encode(stream.read(int(params["BufferSize"]))).decode(), ""


_HELPERS = {
    "powershell_mkdtemp.ps1": _mkdtemp,
    "powershell_expand_user.ps1": _expand_user,
    "winrm_put_file.ps1": _put_file,
    "winrm_fetch_file.ps1": _fetch_file,
}
