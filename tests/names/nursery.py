# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module in a process of its own for each line of standard input, and says its number.

A line is JSON: ``options`` of the module and ``result``, the file that its result is written to. The processes are
forked, so that hundreds of them cost little; each can be ended alone, as a run of Ansible can.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args
from ansible_collections.mediverse.pacs.plugins.module_utils.namecheap import _keep, _session, records
from ansible_collections.mediverse.pacs.plugins.modules import namecheap_records


def _child(options: dict[str, Any], result: Path) -> None:
    out = io.StringIO()
    with patch_module_args(options), contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        namecheap_records.main()
    made = result.with_suffix(".new")
    made.write_text(out.getvalue())
    made.rename(result)


def main() -> None:
    """Until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # The waiting is the same, only shorter: nothing here takes seconds.
    _session.PAUSES_OF_LIMIT = (0.02, 0.04, 0.06)
    _session.PAUSES_OF_FAULT = (0.01, 0.02, 0.03)
    records.PAUSES = (0.0, 0.01, 0.02)
    records.SETTLING = 0.4
    _keep._POLL = 0.005
    for line in sys.stdin:
        given = json.loads(line)
        number = os.fork()
        if number == 0:
            try:
                _child(given["options"], Path(given["result"]))
            finally:
                os._exit(0)
        print(number, flush=True)
