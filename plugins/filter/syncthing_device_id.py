# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter mediverse.pacs.syncthing_device_id."""

from __future__ import annotations

DOCUMENTATION = r"""
name: syncthing_device_id
short_description: The Syncthing device ID that belongs to a certificate
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Computes the device ID, with its check characters, from the certificate C(cert.pem) in Syncthing's home directory.
  - Syncthing need not be running, so the result is the same in check mode.
positional: _input
options:
  _input:
    description: The certificate as PEM text. The first certificate in the text counts.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Read the certificate
  ansible.builtin.slurp:
    src: /var/lib/syncthing/cert.pem
  register: certificate

- name: Show the device ID
  ansible.builtin.debug:
    msg: "{{ certificate.content | b64decode | mediverse.pacs.syncthing_device_id }}"
"""

RETURN = r"""
_value:
  description: The device ID, eight groups of seven characters.
  type: str
"""

from typing import TYPE_CHECKING  # noqa: E402 (the documentation stands first)

from ansible.errors import AnsibleFilterError  # noqa: E402 (the documentation stands first)

from ..module_utils.syncthing._identity import device_id  # noqa: E402 (the documentation stands first)

if TYPE_CHECKING:
    from collections.abc import Callable


def syncthing_device_id(certificate: object) -> str:
    """Return the device ID of a PEM certificate; AnsibleFilterError with the way out when the input is not one."""
    if not isinstance(certificate, str):
        raise AnsibleFilterError(
            "syncthing_device_id needs the text of a certificate; apply b64decode to slurp's result."
        )
    try:
        return device_id(certificate)
    except ValueError as error:
        raise AnsibleFilterError(f"syncthing_device_id: {error}") from error


class FilterModule:
    """What Ansible looks for in a filter plugin file."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters of this file by name."""
        return {"syncthing_device_id": syncthing_device_id}
