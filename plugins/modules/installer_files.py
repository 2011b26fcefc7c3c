#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches and checks the installers for the gateways, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: installer_files
short_description: Fetch installers from their makers and check them
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Fetches files from their makers' addresses, or takes them from a folder, compares each with what its maker
    publishes about it, and says where there is nothing to compare with.
  - A file appears whole and checked or not at all. Its SHA-256 stands beside it afterwards, in C(<file>.sha256), and a
    file that has it is left alone without asking anybody.
  - All files are tried; the failure names all that could not be had, a sentence for each.
requirements:
  - The Python library C(requests)
  - The Python library C(cryptography) for lists that are signed
attributes:
  check_mode:
    description: Says which files would be fetched, and asks nobody.
    support: full
  diff_mode:
    description: Files are not shown.
    support: none
options:
  folder:
    description: Where the files go. Made when it is missing.
    type: path
    required: true
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: "What it is, for sentences.", type: str, required: true}
      version: {description: Its version., type: str, required: true}
      url: {description: "Its address, by HTTPS. The last part is the name of the file.", type: str, required: true}
      sha256: {description: "The SHA-256 that it must have, where somebody knows it.", type: str, default: ""}
      published:
        description: >-
          What its maker publishes. V(sums) is a list of SHA-256, V(github) the description of a release by GitHub's
          API, V(signify) a list of BLAKE2b with a signature by Ed25519. Empty when there is nothing.
        type: str
        default: ""
        choices: ["", sums, github, signify]
      list_url: {description: Where that is., type: str, default: ""}
      key: {description: "Public key of a list that is signed, in base64.", type: str, default: ""}
      variable: {description: The variable of the inventory that names the file., type: str, default: ""}
      with_version: {description: Whether that variable has the version as well., type: bool, default: false}
  offline:
    description: >-
      A folder with the files, and the lists where there are any, that somebody downloaded elsewhere. Nothing is asked
      for then.
    type: path
  ca_path:
    description: Certificates of the authorities to trust instead of those of the controller.
    type: path
  timeout:
    description: Seconds to wait for each step of an answer.
    type: float
    default: 60
seealso:
  - name: Roles that take the files
    description: The roles orthanc_windows_gateway and syncthing_pair of this collection.
    link: https://github.com/mediverse/pacs
"""

EXAMPLES = r"""
- name: Fetch the installer of Orthanc
  mediverse.pacs.installer_files:
    folder: /srv/installers
    files:
      - name: Orthanc
        version: 26.8.1
        url: https://orthanc.uclouvain.be/downloads/windows-64/installers/OrthancInstaller-Win64-26.8.1.exe
        variable: orthanc_windows_gateway_installer
        with_version: true
  register: fetched
  delegate_to: localhost
"""

RETURN = r"""
files:
  description: The files in their order.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: What it is., type: str}
    path: {description: Where it is., type: str}
    sha256: {description: "Its SHA-256; empty in check mode for one that would be fetched.", type: str}
    checked: {description: "How it was checked, as the end of a sentence.", type: str}
    changed: {description: Whether it was fetched., type: bool}
lines:
  description: The lines for the inventory.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._installers.fetch import Fetcher, FetchError, Installer, missing_library
from ..module_utils._installers.published import KINDS

_FILE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "sha256": {"type": "str", "default": ""},
    "published": {"type": "str", "default": "", "choices": ["", *KINDS]},
    "list_url": {"type": "str", "default": ""},
    # Public.
    "key": {"type": "str", "default": "", "no_log": False},
    "variable": {"type": "str", "default": ""},
    "with_version": {"type": "bool", "default": False},
}
ARGUMENTS: dict[str, Any] = {
    "folder": {"type": "path", "required": True},
    "files": {"type": "list", "elements": "dict", "required": True, "options": _FILE},
    "offline": {"type": "path"},
    "ca_path": {"type": "path"},
    "timeout": {"type": "float", "default": 60.0},
}


def inventory_lines(given: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What stands in the inventory about one file."""
    if not given["variable"]:
        return [f"# {found['path']}", f'#   sha256: "{found["sha256"]}"']
    lines = [f"{given['variable']}:", f"  src: {found['path']}", f'  sha256: "{found["sha256"]}"']
    # In quotes, because 1.10 would be a number.
    return lines + ([f'  version: "{given["version"]}"'] if given["with_version"] else [])


def run(parameters: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The result; raises FetchError with a sentence for each file that could not be had."""
    folder = Path(parameters["folder"]).absolute()
    offline = Path(parameters["offline"]) if parameters["offline"] else None
    fetcher = Fetcher(folder, offline, parameters["ca_path"], parameters["timeout"])
    files: list[dict[str, Any]] = []
    lines: list[str] = []
    problems: list[str] = []
    for given in parameters["files"]:
        options = {key: value for key, value in given.items() if key not in ("variable", "with_version")}
        one = Installer(**options)
        try:
            found = {"name": one.name, **fetcher.fetch(one, check_mode)}
        except FetchError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(
                f"{one.name}: {error.filename or folder} cannot be used ({error.strerror}); choose another folder."
            )
        else:
            files.append(found)
            lines += inventory_lines(given, found)
    if problems:
        raise FetchError("\n".join(problems))
    return {"changed": any(one["changed"] for one in files), "files": files, "lines": lines}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    if missing_library():
        module.fail_json(
            msg="The Python library requests is missing on the controller; install it: pip install requests."
        )
    try:
        result = run(module.params, module.check_mode)
    except FetchError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
