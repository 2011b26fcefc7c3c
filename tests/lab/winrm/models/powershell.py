# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_powershell (ansible.windows 3.3.0 to 3.8.0): the script runs on a real PowerShell engine.

Windows-only cmdlets are functions of ``ps/Windows.psm1`` over a copy of the state; when the script has ended,
the sections that it may change are taken over. Services are started and stopped here, while the script waits. A
cmdlet without such a function is an ordinary "not recognized" error. Without a PowerShell the models of scripts.py
answer for the scripts they know.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from .. import network, requests, scripts, security
from ..call import Call, Result, model
from ..local import ENGINE
from ..windows import Failure, Windows

_FOLDER = Path(__file__).resolve().parent.parent / "ps"
_SECTIONS = (
    *("interfaces", "excluded_ports", "services", "defender", "power", "firewall", "tasks", "registry"),
    *("machine_policy", "code_integrity"),
)
_CHANGED = ("interfaces", "defender", "power", "tasks")
"""Not the services: a script changes those through the machine, whose state may have moved on since."""
_SECONDS = 300
# Nothing secret may be sensitive_parameters: the module makes them by a cmdlet, whose parameters can be logged.
_UNMODELLED = ("arguments", "chdir", "executable", "remote_src", "sensitive_parameters")


def engine() -> str | None:
    """The pwsh to use, None if there is none."""
    mounted = Path("/opt/pwsh/pwsh")
    return str(mounted) if mounted.is_file() else shutil.which("pwsh")


def libraries(folder: Path) -> dict[str, str]:
    """The environment in which scripts find the SQLite that Windows has in System32: Debian's, under that name."""
    for library in Path("/usr/lib").glob("*/libsqlite3.so.0"):
        (folder / "libwinsqlite3.so").symlink_to(library)
        return {"LD_LIBRARY_PATH": str(folder)}
    return {}


@model("win_powershell")
def win_powershell(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option in _UNMODELLED:
        if params.get(option):
            raise Failure(f"The simulated Windows does not model the option {option} of win_powershell.")
    for option, present in (("creates", True), ("removes", False)):
        name = params.get(option)
        if name and windows.path(name).exists() == present:
            text = "exists" if present else "does not exist"
            return {"changed": False, "skipped": True, "msg": f"skipped, since {name} {text}"}
    script = params.get("script")
    if script is None:
        script = windows.path(params["path"]).read_text(encoding="utf-8-sig")
    network.adapters(windows)
    program = engine()
    asks = requests.SENTENCE in script
    if program is None:
        answer = requests.without_engine(windows, params, call) if asks else scripts.run(windows, script, params, call)
    else:
        answer = _run(windows, program, script, requests.outgoing(windows, params) if asks else params, call)
        if asks:
            requests.incoming(windows, params, answer)
    # As the module, without a sentence for a script that failed: its words are in the errors.
    result: Result = {"host_out": "", "host_err": "", "debug": [], "verbose": [], "information": [], **answer}
    if not result.get("failed"):
        result.pop("failed", None)
    return result


def _run(windows: Windows, program: str, script: str, params: dict[str, Any], call: Call) -> Result:
    with tempfile.TemporaryDirectory(prefix="script-", dir=windows.run_dir) as name:
        folder = Path(name)
        folder.chmod(0o700)
        request = {
            "script": script,
            "parameters": params.get("parameters") or {},
            "error_action": params.get("error_action") or "continue",
            "depth": params.get("depth") or 2,
            "check": call.check,
            "verbosity": call.arguments.get("_ansible_verbosity") or 0,
            "tmpdir": str(folder),
            "drive": str(windows.root / "C"),
            "environment": {**windows.environment(), **call.environment},
            "connections": network.connections(windows),
            "processes": network.processes(windows),
            "service_processes": windows.services.processes(),
            "sddl": _rights(windows, params.get("parameters") or {}),
            "sids": {name: security.sid(windows, name) for name in windows.state["users"]},
            "state": {section: windows.state[section] for section in _SECTIONS},
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        command = [program, "-NoProfile", "-NonInteractive", "-File", str(_FOLDER / "run.ps1"), str(folder)]
        environment = {
            **{key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ},
            **libraries(folder),
            "HOME": str(folder),
            # Where a pwsh that unpacks itself has done so: in a new home it would do it each time.
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
            "NO_COLOR": "1",
            **ENGINE,
        }
        done = _watch(windows, command, environment, folder)
        answer = folder / "answer.json"
        if not answer.is_file():
            text = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
            raise Failure(f"PowerShell ended with code {done.returncode} and no result: {text[-2000:]}")
        result: Result = json.loads(answer.read_text(encoding="utf-8-sig"))
    missing = [
        item["output"] for item in result["error"] if item["fully_qualified_error_id"] == "CommandNotFoundException"
    ]
    if missing:
        raise Failure(f"The simulated Windows has no stand-in for a command of this script: {missing[0]}")
    state = result.pop("state")
    if not call.check:
        take_over(windows, state)
    result["host_out"] = done.stdout.decode("utf-8", "replace")
    result["host_err"] = done.stderr.decode("utf-8", "replace")
    return result


def _rights(windows: Windows, parameters: dict[str, Any]) -> dict[str, str]:
    """What Get-Acl tells of the folders that the script is given."""
    asked = [parameters, *(part["parameters"] for part in parameters.get("Parts") or [])]
    folders = [name for one in asked for name in one.get("Folders") or [] if windows.path(name).is_dir()]
    return {name.lower(): security.sddl(windows, name) for name in folders}


def _watch(
    windows: Windows, command: list[str], environment: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command to its end and does what it asks the machine for."""
    with (folder / "out").open("w+b") as out, (folder / "err").open("w+b") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        end = time.monotonic() + _SECONDS
        while process.poll() is None:
            _serve(windows, folder)
            if time.monotonic() > end:
                process.kill()
                process.wait()
                raise Failure(f"The script did not end within {_SECONDS} s.")
            time.sleep(0.02)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, process.returncode, out.read(), err.read())


def _serve(windows: Windows, folder: Path) -> None:
    """Answers what the script asks the service manager, if it asks something."""
    question, answer = folder / "service-question.json", folder / "service-answer.json"
    if not question.exists():
        return
    asked = json.loads(question.read_text(encoding="utf-8-sig"))
    question.unlink()
    problem, name, manager = "", str(asked["name"]), windows.services
    manager.settle()
    try:
        key = manager.find(name)
        if asked["action"] in ("start", "stop", "stop without waiting") and key is None:
            raise Failure(f"Cannot find any service with service name '{name}'.")
        if asked["action"] == "start":
            manager.start(key or "")
        elif asked["action"] == "end":
            manager.end(int(name))
        elif asked["action"] != "look":
            manager.stop(key or "", wait=asked["action"] == "stop")
    except Failure as failure:
        problem = str(failure)
    found = {"services": windows.state["services"], "processes": manager.processes(), "problem": problem}
    part = answer.with_suffix(".part")
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(answer)


def take_over(windows: Windows, state: dict[str, Any]) -> None:
    """Keeps what a script changed."""
    changed = [section for section in _CHANGED if section in state and state[section] != windows.state[section]]
    for section in changed:
        windows.state[section] = state[section]
    if changed:
        windows.save()
    if "interfaces" in changed:
        network.apply(windows)
