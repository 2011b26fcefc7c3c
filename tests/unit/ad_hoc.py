# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task with a module of the collection on this machine, through Ansible itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import COLLECTIONS


def run(module: str, arguments: dict[str, Any], *options: str) -> dict[str, Any]:
    """What the module returned. ``options``: of the command ``ansible``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true"}
    environment |= {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal", "ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-m", f"mediverse.pacs.{module}"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}", *options, "-a", json.dumps(arguments)]
    done = subprocess.run(command, env=environment, cwd=COLLECTIONS, capture_output=True, text=True, check=False)
    # The minimal callback writes "localhost | CHANGED => {...}" after whatever else Ansible has to say.
    found: dict[str, Any] = json.loads(done.stdout.partition("=> ")[2])
    return found
