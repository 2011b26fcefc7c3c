# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down what each Windows module returned, for whoever models Windows."""

from __future__ import annotations

DOCUMENTATION = r"""
name: windows_capture
type: aggregate
short_description: Record what Windows modules return
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Writes a JSON file for each call of a module of C(ansible.windows) and C(community.windows) on a Windows host, with
    module, arguments, check mode and result. C(mediverse.pacs.capture) is a run that reads only.
  - No file holds a secret. Tasks with C(no_log) are left out; what stands below keys such as C(password), and every
    value of such variables, is masked in every spelling; of contents of files, scripts and HTTP answers only the shape
    is kept, because they may tell of patients.
requirements:
  - It is switched on with C(ANSIBLE_CALLBACKS_ENABLED=mediverse.pacs.windows_capture).
options:
  folder:
    description: Folder on the Ansible host for the files. Nothing is written without it.
    type: path
    env:
      - name: MEDIVERSE_CAPTURE
"""

import json
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.template import Templar

from ..plugin_utils import _capture as capture
from ..plugin_utils._report_file import write_report


class CallbackModule(CallbackBase):  # type: ignore[misc]  # the base has no types
    """One file for each call."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mediverse.pacs.windows_capture"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._play: Any = None
        self._count = 0

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Keeps the play, which knows the variables."""
        self._play = play

    def _known(self) -> tuple[set[str], set[str]]:
        """Secrets of every host of the run as they are now, and the users they may be joined with."""
        manager = self._play.get_variable_manager()
        secrets: set[str] = set()
        users: set[str] = set()
        for host in manager._inventory.get_hosts():
            variables = manager.get_vars(play=self._play, host=host)
            templar = Templar(loader=manager._loader, variables=variables)
            for text in capture.secrets_in(variables):
                secrets.add(text)
                if "{{" in text:
                    secrets.update(capture.secrets_in({"secret": self._rendered(templar, text)}))
            names = (value for key, value in variables.items() if key.endswith("user") and isinstance(value, str))
            users.update(str(self._rendered(templar, name)) for name in names)
        return secrets, users

    @staticmethod
    def _rendered(templar: Any, text: str) -> Any:
        """What a variable is; itself where that cannot be known here, as when it needs a registered result."""
        try:
            return templar.template(text)
        except Exception:
            return text

    def _keep(self, result: Any) -> None:
        shown = result.result if hasattr(result, "result") else result._result
        task = result.task if hasattr(result, "task") else result._task
        host = result.host if hasattr(result, "host") else result._host
        module = task.resolved_action or task.action
        folder = self.get_option("folder")
        if not folder or not module.startswith(capture.COLLECTIONS) or task.no_log or "censored" in shown:
            return
        # A whole loop: each of its calls came before.
        if "results" in shown and task.loop is not None:
            return
        given = (shown.get("invocation") or {}).get("module_args")
        if given is None:
            return
        # What the task says, with the values that the module got: it also lists every default.
        given = {key: value for key, value in given.items() if key in task.args}
        secrets, users = self._known()
        rest = {key: value for key, value in shown.items() if key not in ("invocation", "item", "ansible_loop_var")}
        made = capture.fixture(module, given, bool(task.check_mode), rest, secrets, users)
        self._count += 1
        name = f"{self._count:04d}-{host.get_name()}-{module.rpartition('.')[2]}.json"
        write_report(Path(folder) / name, json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False, default=str))

    def v2_runner_on_ok(self, result: Any) -> None:
        """A call that went well."""
        self._keep(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """One that did not."""
        self._keep(result)

    v2_runner_item_on_ok = v2_runner_on_ok
    v2_runner_item_on_failed = v2_runner_on_ok
