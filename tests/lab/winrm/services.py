# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service control manager: services are entries of the state, some of them real processes of this machine.

Tests prepare trouble in two lists of names in the state: ``service_handles``, services that a console holds open, so
that their deletion waits until it is closed, and ``refused_services``, which cannot be created. A program that does not
end keeps its service in ``stop_pending``; nobody ends it but who asks for that.
"""

from __future__ import annotations

import struct
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from . import registry
from .programs import Program, find_program
from .windows import Failure, Windows

STOP_SECONDS = 60
FIELDS: dict[str, Any] = {
    "display_name": "",
    "description": "",
    "path": "",
    "start_mode": "auto",
    "username": "LocalSystem",
    "state": "stopped",
    "dependencies": [],
    "failure_actions": [],
    "failure_reset_period_sec": 0,
    "failure_actions_on_non_crash_failure": False,
}
_MARKED = "The specified service has been marked for deletion."
_ACTIONS = {"none": 0, "restart": 1, "reboot": 2, "run_command": 3}
_START = {"auto": 2, "delayed": 2, "manual": 3, "disabled": 4}


def _failure_actions(service: dict[str, Any]) -> list[int]:
    """The bytes of SERVICE_FAILURE_ACTIONS as the registry keeps them, with offsets in the place of pointers."""
    actions = service["failure_actions"]
    numbers = [int(service["failure_reset_period_sec"] or 0), 0, 0, len(actions), 20]
    for action in actions:
        numbers += [_ACTIONS[action["type"]], int(action.get("delay_ms") or 0)]
    return list(struct.pack(f"<{len(numbers)}I", *numbers))


class ServiceManager:
    """Starts, stops and watches. Methods that change something raise Failure with Windows' words."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._failures: dict[str, list[float]] = {}
        self._closing = False

    @property
    def _services(self) -> dict[str, dict[str, Any]]:
        services: dict[str, dict[str, Any]] = self._windows.state["services"]
        held = self._windows.state.get("service_handles", [])
        done = [key for key, service in services.items() if service.get("deleting") and service["state"] == "stopped"]
        for key in [key for key in done if key not in held]:
            del services[key]
            self._windows.registry.delete(rf"{registry.SERVICES}\{key}")
        return services

    def find(self, name: str) -> str | None:
        """The service's own name, given that or its display name in any letter case."""
        wanted = name.lower()
        for key, service in self._services.items():
            if wanted in (key.lower(), str(service["display_name"]).lower()):
                return key
        return None

    def get(self, key: str) -> dict[str, Any]:
        return self._services[key]

    def create(self, key: str, **fields: Any) -> None:
        if self._services.get(key, {}).get("deleting"):
            raise Failure(_MARKED)
        if key in self._windows.state.get("refused_services", []):
            raise Failure("Access is denied.")
        self._services[key] = {**FIELDS, "display_name": key, **fields}
        self.write_registry(key)
        self._windows.save()

    def write_registry(self, key: str) -> None:
        """Keeps the service's registry key in step with its entry."""
        service, path = self.get(key), rf"{registry.SERVICES}\{key}"
        for name, kind, data in (
            ("DisplayName", "string", service["display_name"]),
            ("ImagePath", "expandstring", service["path"]),
            ("ObjectName", "string", service["username"]),
            ("Start", "dword", _START[service["start_mode"]]),
            ("DelayedAutostart", "dword", int(service["start_mode"] == "delayed")),
            ("FailureActions", "binary", _failure_actions(service)),
            ("FailureActionsOnNonCrashFailures", "dword", int(service["failure_actions_on_non_crash_failure"])),
        ):
            self._windows.registry.set(path, name, kind, data)

    def delete(self, key: str) -> None:
        """One that somebody holds open stays, marked, until that is over."""
        self.stop(key)
        self.get(key)["deleting"] = True
        self._windows.registry.set(rf"{registry.SERVICES}\{key}", "DeleteFlag", "dword", 1)
        self.find(key)  # what nobody holds goes at once
        self._windows.save()

    def process_id(self, key: str) -> int:
        """0 if the service has no process of its own."""
        process = self._processes.get(key)
        return process.pid if process and process.poll() is None else 0

    def processes(self) -> dict[str, dict[str, Any]]:
        """``{"id"}`` of each service that has a process."""
        return {key: {"id": pid} for key in self._processes if (pid := self.process_id(key))}

    # ---- start and stop
    def start(self, key: str) -> None:
        """Returns as soon as the process exists, as Windows does: it may still fail while reading its settings."""
        service = self.get(key)
        self.settle()
        if service["start_mode"] == "disabled" or service["state"] == "stop_pending" or service.get("deleting"):
            raise Failure(
                f"Service '{service['display_name']} ({key})' cannot be started due to the following error: "
                f"Cannot start service '{key}' on computer '.'."
            )
        with self._windows.lock:
            if self.process_id(key):
                return
            program = find_program(service["path"])
            if program:
                self._launch(key, program, service)
            service["state"] = "started"
            self._windows.event(f"service {key} started")

    def _launch(self, key: str, program: Program, service: dict[str, Any]) -> None:
        try:
            process = program.launch(self._windows, key, service)
        except OSError as error:
            raise Failure(f"Service '{service['display_name']} ({key})' cannot be started: {error}") from error
        self._processes[key] = process
        threading.Thread(target=self._watch, args=(key, process), daemon=True, name=f"service {key}").start()

    def stop(self, key: str, *, wait: bool = True) -> None:
        """Asks the process to end. Waiting lasts as long as the process, on Windows for ever; here it fails then."""
        with self._windows.lock:
            service, process = self.get(key), self._processes.get(key)
            if process is None:
                service["state"] = "stopped"
                self._windows.event(f"service {key} stopped")
                return
            if service["state"] != "stop_pending":
                service["state"] = "stop_pending"
                self._windows.save()
                process.terminate()
        if not wait:
            return
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Failure(
                f"The program of the service {key} has not ended within {STOP_SECONDS} s. On Windows this call would "
                "wait for as long as it takes."
            ) from error
        self.settle()

    def end(self, process_id: int) -> None:
        """Ends a process of a service, as the task manager does."""
        for key, process in list(self._processes.items()):
            if process.pid == process_id:
                self._windows.event(f"the process of service {key} was ended")
                process.kill()
                process.wait()

    def settle(self) -> None:
        """Services whose process ended as it was asked to are stopped."""
        with self._windows.lock:
            for key, process in list(self._processes.items()):
                service = self._services.get(key)
                if process.poll() is not None and service and service["state"] == "stop_pending":
                    del self._processes[key]
                    service["state"] = "stopped"
                    self._windows.event(f"service {key} stopped")

    def answer_requests(self) -> None:
        """Does what programs on the PC itself have asked for in the state: a pending service is started or stopped."""
        with self._windows.lock:
            if any(
                one.get("deleting") and one["state"] == "stopped" for one in self._windows.state["services"].values()
            ):
                self.find("")  # what nobody holds goes
                self._windows.save()
            for key, service in list(self._services.items()):
                if service["state"] == "start_pending":
                    service["state"] = "stopped"
                    self._try("started", key, self.start)
                elif service["state"] == "stop_pending" and not self.process_id(key):
                    self._processes.pop(key, None)
                    service["state"] = "stopped"
                    self._windows.event(f"service {key} stopped")
                elif service["state"] == "stop_pending":
                    self._processes[key].terminate()

    def _try(self, what: str, key: str, action: Callable[[str], None]) -> None:
        try:
            action(key)
        except Failure as failure:
            self._windows.event(f"service {key} could not be {what}: {failure}")

    def restart(self, key: str) -> None:
        self.stop(key)
        self.start(key)

    # ---- what happens by itself
    def start_automatic(self) -> None:
        """The machine comes up: automatic services with a program start, other programs are not running."""
        for key, service in list(self._services.items()):
            if find_program(service["path"]) is None:
                continue
            service["state"] = "stopped"
            if service["start_mode"] in ("auto", "delayed"):
                try:
                    self.start(key)
                except Failure as failure:
                    self._windows.event(f"service {key} did not start with the machine: {failure}")
        self._windows.save()

    def shut_down(self) -> None:
        """The machine goes down: programs end, what should be running stays noted."""
        self._closing = True
        for process in list(self._processes.values()):
            if process.poll() is None:
                process.terminate()
        for process in list(self._processes.values()):
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()

    def _watch(self, key: str, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with self._windows.lock:
            self.settle()
            if self._closing or self._processes.get(key) is not process:
                return  # stopped on purpose
            del self._processes[key]
            service = self._services.get(key)
            if service is None:
                return
            service["state"] = "stopped"
            self._windows.event(f"service {key} ended unexpectedly with code {code}")
            action = self._next_action(key, service, code)
        if action and action["type"] == "restart":
            time.sleep(int(action.get("delay_ms") or 0) / 1000)
            self._recover(key)

    def _next_action(self, key: str, service: dict[str, Any], code: int) -> dict[str, Any] | None:
        actions = service["failure_actions"]
        if not actions or (code == 0 and not service["failure_actions_on_non_crash_failure"]):
            return None
        now, period = time.monotonic(), int(service["failure_reset_period_sec"] or 0)
        failures = self._failures.setdefault(key, [])
        if failures and period and now - failures[-1] > period:
            failures.clear()
        failures.append(now)
        found: dict[str, Any] = actions[min(len(failures), len(actions)) - 1]
        return found

    def _recover(self, key: str) -> None:
        with self._windows.lock:
            service = self._services.get(key)
            if self._closing or service is None or service["state"] != "stopped" or self.process_id(key):
                return
            self._windows.event(f"service {key} is restarted by its recovery action")
            try:
                self.start(key)
            except Failure as failure:
                self._windows.event(f"service {key} could not be restarted: {failure}")
