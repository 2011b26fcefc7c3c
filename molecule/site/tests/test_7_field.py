# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of each kind that scanners send, from the scanner to the viewer: the small set of `make field`."""

from __future__ import annotations

import subprocess
import sys

from tests.scenarios import site_lab as site


def test_files_of_the_field_arrive_and_are_shown() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.field", "--small", "--inventory", str(site.INVENTORY)]
    done = subprocess.run(command, cwd=site.REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert done.stdout.splitlines()[-1].endswith("wrong=0")
