# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two Debian images that all others start from.

An official image is taken when a registry answers. Otherwise the image is made by debootstrap from the package
source that this machine itself uses; no address of a mirror is written here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import docker
import docker.errors

from tests.lab import rootless
from tests.lab.engine import HASH_LABEL, adopt, drop, image_tag
from tests.lab.errors import LabError
from tests.lab.steps import Progress

_RECIPE = "3"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SLIM = """path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
"""


@dataclass(frozen=True)
class Base:
    """A Debian release. ``stale``: its index may be past its own expiry date on a mirror that is a snapshot."""

    suite: str
    stale: bool

    @property
    def name(self) -> str:
        """Name of the image, without whose it is."""
        return f"debian-{self.suite}"

    @property
    def hash(self) -> str:
        """Changes when the recipe changes; a newer state of the mirror alone makes no new image."""
        return hashlib.sha256(f"{_RECIPE} {self}".encode()).hexdigest()[:16]


BASES = {"debian-trixie": Base("trixie", stale=False), "debian-forky": Base("forky", stale=True)}


def ensure_base(client: docker.DockerClient, base: Base, progress: Progress) -> str:
    """Make the image of ``base`` unless it is there; return what was done."""
    if adopt(client, base.name, base.hash):
        return "cached"
    old = client.images.list(name=image_tag(base.name))
    with tempfile.TemporaryDirectory(prefix="mediverse-base-") as scratch:
        archive = Path(scratch) / "root.tar"
        if os.geteuid() == 0:
            _bootstrap_as_root(base, Path(scratch), archive, progress)
        else:
            rootless.bootstrap(client, base.suite, mirror(), archive, finish_script(base), progress)
        progress.say("importing", always=True)
        labels = [f"LABEL {HASH_LABEL}={base.hash}", 'CMD ["/bin/bash"]', "ENV LANG=C.UTF-8"]
        repository, __, tag = image_tag(base.name).partition(":")
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag, changes=labels)
    drop(client, old)
    return "built"


def mirror(sources: Path = Path("/etc/apt")) -> str:
    """The package source of this machine for Debian, '' when it names none (debootstrap then takes its default)."""
    files = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    for file in files:
        if not file.is_file():
            continue
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            found = re.match(r"\s*(?:URIs:|deb\s+(?:\[[^]]*\]\s*)?)\s*(https?://\S+?/debian)/?(?:\s|$)", line)
            if found:
                return found.group(1)
    return ""


def finish_script(base: Base) -> str:
    """Shell text run in the new root: what the image does not need goes, what makes installs quiet comes."""
    lines = [
        f"printf '%s' '{_SLIM}' > /etc/dpkg/dpkg.cfg.d/slim",
        "printf 'APT::Install-Recommends \"false\";\\n' > /etc/apt/apt.conf.d/50no-recommends",
        "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d",
        "rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* "
        "/var/cache/apt/* /var/lib/apt/lists/* /var/log/*.log",
    ]
    if base.stale:
        lines.append("printf 'Acquire::Check-Valid-Until \"false\";\\n' > /etc/apt/apt.conf.d/50stale-mirror")
    return "set -e\n" + "\n".join(lines) + "\n"


def _bootstrap_as_root(base: Base, scratch: Path, archive: Path, progress: Progress) -> None:
    if not shutil.which("debootstrap") or not _KEYRING.exists():
        raise LabError("debootstrap is missing: run 'make setup' as root, which installs it, and run again.")
    root = scratch / "root"
    # The script of "sid" fits every later release; the debootstrap of an older Debian has none under the newer name.
    command = ["debootstrap", "--variant=minbase", f"--keyring={_KEYRING}", "--include=ca-certificates"]
    command += [base.suite, str(root), *_mirror_and_script(mirror())]
    _run(command, progress, f"debootstrap of Debian {base.suite}")
    _run(["chroot", str(root), "/bin/sh", "-c", finish_script(base)], progress, "cleaning the new root")
    _run(
        ["tar", "--numeric-owner", "--one-file-system", "-C", str(root), "-cf", str(archive), "."], progress, "packing"
    )


def _mirror_and_script(source: str) -> list[str]:
    script = "/usr/share/debootstrap/scripts/sid"
    # debootstrap takes the script only after a mirror; "" means its own default.
    return [source, script]


def _run(command: list[str], progress: Progress, what: str) -> None:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    tail: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            tail = [*tail[-4:], line.strip()]
            progress.say(line.strip()[:90])
    if process.returncode:
        last = " / ".join(x for x in tail if x)[-300:]
        raise LabError(
            f"{what} failed ({last}): check that this machine reaches its Debian package source "
            "('apt-get update') and run again."
        )
