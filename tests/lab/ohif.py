# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published build of the OHIF viewer, fetched with the npm client and checked against a known digest."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.paths import STATE, private_directory
from tests.lab.steps import Progress

VERSION = "3.12.0"
_SHA512 = "D+SyPEOhW7E+P+ZfzFO1C3n8qwTfKSXExNEt2DPB5QHoLjSnUVTqEE+xaWX2B9p53boJfKWEM4b4SIVmz0qmOA=="
_NAME = f"ohif-app-{VERSION}.tgz"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_PATIENCE = 600


def package(progress: Progress) -> Path:
    """The package archive, from the cache or from the registry; LabError when neither gives the right file."""
    cached = private_directory(STATE / "cache") / _NAME
    if cached.exists() and _digest(cached) == _SHA512:
        return cached
    progress.say(f"fetching the viewer @ohif/app {VERSION} (48 MB)", always=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
        fetched = Path(scratch) / _NAME
        _fetch(Path(scratch))
        if not fetched.exists() or _digest(fetched) != _SHA512:
            raise LabError(
                f"The package @ohif/app {VERSION} that arrived is not the published one (digest differs): "
                "check the npm registry that this machine uses and run again."
            )
        fetched.replace(cached)
    return cached


def _fetch(directory: Path) -> None:
    """npm comes with the Python packages of the controller and reads the registry from its user's configuration."""
    environment = dict(os.environ)
    if _AUTHORITIES.is_file():
        # Node trusts a list of its own; a network with an authority of its own is known to the machine only.
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(_AUTHORITIES))
    command = [str(Path(sys.executable).with_name("npm")), "pack", "--loglevel=error", f"@ohif/app@{VERSION}"]
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError:
        raise LabError("npm is missing in the virtual environment: run 'make setup' and run again.") from None
    except subprocess.TimeoutExpired:
        raise _unreachable(f"no answer in {_PATIENCE} s") from None
    if done.returncode:
        # The first lines name the error, the last ones a log file.
        raise _unreachable(done.stderr)


def _unreachable(said: str) -> LabError:
    text = " ".join(said.replace("npm error ", "").split())[:200]
    return LabError(f"The npm registry did not give @ohif/app {VERSION} ({text}): check the network and run again.")


def _digest(path: Path) -> str:
    return base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
