# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""async_status (ansible.windows 3.3.0 to 3.8.0): asks for the file that an asynchronous job writes."""

from __future__ import annotations

import json
import ntpath
from typing import Any

from ..call import Call, Result, model
from ..windows import Failure, Windows


@model("async_status", unlocked=True)
def async_status(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    job = params["jid"]
    folder = params.get("_async_dir") or call.arguments.get("_async_dir") or r"%USERPROFILE%\.ansible_async"
    file = windows.path(ntpath.join(windows.expand(folder), job))
    if not file.exists():
        raise Failure("could not find job", ansible_job_id=job, started=True, finished=True)
    if params.get("mode") == "cleanup":
        file.unlink()
        return {"ansible_job_id": job, "erased": str(params.get("jid")), "changed": False}
    try:
        content: Result = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Failure(f"Could not parse job output: {error}", ansible_job_id=job, finished=True) from error
    return {**content, "ansible_job_id": job, "started": True}
