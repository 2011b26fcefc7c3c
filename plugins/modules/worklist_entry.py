# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worklist entry in the directory of a site, written the way a LIMS has to write it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: worklist_entry
short_description: Write or remove a worklist entry
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Writes a DICOM worklist file under a temporary name that Syncthing ignores, and renames it,
    so that no half file travels.
  - It is written as the user that owns the worklists, so that a missing right shows up here
    and not at the first patient.
attributes:
  check_mode:
    description: Says whether it would change something, and changes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare; an entry is written once.
    support: none
options:
  path:
    description: The file, whose name ends in C(.wl) and consists of lower-case letters, digits, C(.), C(_) and C(-).
    type: path
    required: true
  state:
    description: Whether the entry shall exist. An existing file is left as it is.
    type: str
    choices: [present, absent]
    default: present
  stale_prefix:
    description:
      - With V(absent), also remove entries in the directory of O(path) whose name begins with this and which are older
        than O(stale_hours), with the temporary files of such entries.
      - At least 8 characters, with which the name of no entry of the LIMS begins.
    type: str
  stale_hours:
    description: How old an entry must be to be stale, by the clock of the host and the time of the file.
    type: int
    default: 6
  owner:
    description: Numeric user id to write as. Needs root; without it the file is written as the user of the connection.
    type: int
  patient_id:
    description: Patient ID.
    type: str
  patient_name:
    description: Patient name in DICOM notation, C(FAMILY^GIVEN).
    type: str
  accession_number:
    description: Accession number, up to 16 characters. It is also the ID of the requested procedure and of its step.
    type: str
  station_aet:
    description: AE title of the scanner.
    type: str
  modality:
    description: Modality, such as C(CT).
    type: str
    default: OT
  date:
    description: Scheduled date, C(YYYYMMDD).
    type: str
  time:
    description: Scheduled time, C(HHMMSS).
    type: str
    default: "120000"
  description:
    description: What is to be done.
    type: str
    default: Worklist entry
"""

EXAMPLES = r"""
- name: Announce a patient
  mediverse.pacs.worklist_entry:
    path: /files/worklists_wl/kanifing/a1.wl
    owner: 1000
    patient_id: P1
    patient_name: DOE^JANE
    accession_number: A1
    station_aet: CT_SCANNER
    modality: CT
    date: "20260101"
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /files/worklists_wl/kanifing/a1.wl
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._dicom.file import worklist_entry

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*\.wl")
# So short a beginning may be that of somebody else's entries.
_SHORTEST_PREFIX = 8
_NEEDED = ("patient_id", "patient_name", "accession_number", "station_aet", "date")
ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "stale_prefix": {"type": "str"},
    "stale_hours": {"type": "int", "default": 6},
    "owner": {"type": "int"},
    "patient_id": {"type": "str"},
    "patient_name": {"type": "str"},
    "accession_number": {"type": "str"},
    "station_aet": {"type": "str"},
    "modality": {"type": "str", "default": "OT"},
    "date": {"type": "str"},
    "time": {"type": "str", "default": "120000"},
    "description": {"type": "str", "default": "Worklist entry"},
}


@contextlib.contextmanager
def acting_as(owner: int | None) -> Iterator[None]:
    """Touches files with the rights of that user, for as long as the block lasts."""
    if owner is None or os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.seteuid(owner)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setgroups(groups)


def write(path: Path, content: bytes) -> None:
    """Writes the file in one step as far as any reader, and Syncthing, can see."""
    temporary = path.with_name(f".syncthing.{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            # The hub's Syncthing reads the entry through the group of the directory.
            os.fchmod(file.fileno(), 0o640)
            file.write(content)
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def stale(folder: Path, prefix: str, hours: int) -> list[Path]:
    """Entries whose name begins so, and what was left of writing one, that nobody touched for so long."""
    before, found = time.time() - hours * 3600, []
    # The folder may be missing, and a file may go at any time: then nothing is left of it.
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            name = path.name
            ours = name.startswith((prefix, f".syncthing.{prefix}")) and name.endswith((".wl", ".wl.tmp"))
            with contextlib.suppress(FileNotFoundError):
                if ours and path.is_file() and path.stat().st_mtime < before:
                    found.append(path)
    return found


def run(module: AnsibleModule) -> bool:
    """Brings the file to its state; returns whether that changed something."""
    path, wanted = Path(module.params["path"]), module.params["state"] == "present"
    if not _NAME.fullmatch(path.name):
        module.fail_json(msg=f"{path.name!r} is no name of a worklist entry; use lower-case letters, digits and '.wl'.")
    prefix = module.params["stale_prefix"]
    if prefix is not None and len(prefix) < _SHORTEST_PREFIX:
        module.fail_json(msg=f"stale_prefix is {prefix!r}; expected at least {_SHORTEST_PREFIX} characters.")
    if wanted:
        if path.exists():
            return False
        if not module.check_mode:
            with acting_as(module.params["owner"]):
                write(path, worklist_entry(module.params))
        return True
    gone = [path] if path.exists() else []
    gone += [one for one in (stale(path.parent, prefix, module.params["stale_hours"]) if prefix else ()) if one != path]
    if not module.check_mode:
        with acting_as(module.params["owner"]):
            for one in gone:
                # Another run may have been faster.
                one.unlink(missing_ok=True)
    return bool(gone)


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True, required_if=[("state", "present", _NEEDED)])
    path = module.params["path"]
    try:
        module.exit_json(changed=run(module), path=path)
    except ValueError as error:
        module.fail_json(msg=f"The worklist entry {path} cannot be written: {error}.")
    except OSError as error:
        who = module.params["owner"] if module.params["owner"] is not None else "the user of the connection"
        module.fail_json(msg=f"User {who} cannot change {path}: {error.strerror}. Check the owner of the directory.")


if __name__ == "__main__":
    main()
