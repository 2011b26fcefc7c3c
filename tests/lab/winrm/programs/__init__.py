# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs behind services: real Linux processes with their files in the simulated drive C:."""

from __future__ import annotations

from . import orthanc, syncthing, wireguard
from .base import Program

PROGRAMS: tuple[Program, ...] = (orthanc.OrthancProgram(), syncthing.SyncthingProgram(), wireguard.TunnelProgram())


def find_program(command_line: str) -> Program | None:
    """The program that a service's command line starts, None for services that are only entries of the state."""
    lower = command_line.lower()
    return next((program for program in PROGRAMS if program.executable.lower() in lower), None)


__all__ = ["PROGRAMS", "Program", "find_program"]
