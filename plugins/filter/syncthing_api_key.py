# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter mediverse.pacs.syncthing_api_key."""

from __future__ import annotations

DOCUMENTATION = r"""
name: syncthing_api_key
short_description: The API key in Syncthing's config.xml
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Takes the API key out of the text of C(config.xml), which only Syncthing's account and the administrator can read.
  - The result is a secret that gives full control of that Syncthing. Use it in tasks with C(no_log) only.
positional: _input
options:
  _input:
    description: The text of Syncthing's C(config.xml).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Read Syncthing's configuration
  ansible.builtin.slurp:
    src: /var/lib/syncthing/config.xml
  register: configuration
  no_log: true

- name: Use the key
  mediverse.pacs.syncthing_info:
    api_key: "{{ configuration.content | b64decode | mediverse.pacs.syncthing_api_key }}"
"""

RETURN = r"""
_value:
  description: The API key.
  type: str
"""

from typing import TYPE_CHECKING  # noqa: E402 (the documentation stands first)
from xml.etree import ElementTree  # noqa: E402 (the documentation stands first)

from ansible.errors import AnsibleFilterError  # noqa: E402 (the documentation stands first)

if TYPE_CHECKING:
    from collections.abc import Callable


def syncthing_api_key(configuration: object) -> str:
    """Return the API key of a config.xml text; AnsibleFilterError when there is none. No message quotes the text."""
    if not isinstance(configuration, str):
        raise AnsibleFilterError("syncthing_api_key needs the text of config.xml; apply b64decode to slurp's result.")
    try:
        # A byte order mark, which Windows editors add, is not XML.
        root = ElementTree.fromstring(configuration.lstrip("\ufeff").strip())
    except ElementTree.ParseError:
        raise AnsibleFilterError(
            "syncthing_api_key: the text is not XML; read config.xml from Syncthing's home directory again."
        ) from None
    key = (root.findtext("gui/apikey") or "").strip()
    if root.tag != "configuration" or not key:
        raise AnsibleFilterError(
            "syncthing_api_key: the text has no API key in <gui><apikey>; start Syncthing once, it then makes one."
        )
    return key


class FilterModule:
    """What Ansible looks for in a filter plugin file."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters of this file by name."""
        return {"syncthing_api_key": syncthing_api_key}
