# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every result of a run down as Ansible would print it if the task had failed, at the highest verbosity.

A task that works says little; one that fails says everything that it knows: its arguments, the item of its loop, what
it had got by then. Which of the two it is depends on the day. So a run in which nothing fails shows here what it would
show if all of it did, and the tests search that for secrets. A result comes in here as it comes to every callback: what
no_log and the modules hide is hidden already.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: as_failures
type: aggregate
short_description: Write every result down as if its task had failed
description:
  - For tests. The file is named by the environment variable C(MEDIVERSE_AS_FAILURES); without it nothing is written.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # the base has no types
    """One paragraph a result: the host, the task, and the whole result as JSON and as YAML."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "as_failures"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._path = os.environ.get("MEDIVERSE_AS_FAILURES", "")

    def _write(self, result: Any) -> None:
        if not self._path:
            return
        shown = result.result if hasattr(result, "result") else result._result
        # Its ``task_name`` leaves out the role.
        task = (result.task if hasattr(result, "task") else result._task).get_name()
        as_json = json.dumps(shown, default=str, ensure_ascii=False)
        lines = [f"== {task}", as_json, yaml.safe_dump(json.loads(as_json), allow_unicode=True, width=1000)]
        if isinstance(shown, dict) and "diff" in shown:
            lines.append(str(self._get_diff(shown["diff"])))
        path = Path(self._path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task, or a whole loop."""
        self._write(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """The same for one that failed."""
        self._write(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """And for one whose host did not answer."""
        self._write(result)

    v2_runner_item_on_ok = v2_runner_on_ok
    v2_runner_item_on_failed = v2_runner_on_unreachable
    v2_runner_retry = v2_runner_on_unreachable
