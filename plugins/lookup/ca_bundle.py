# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate authorities of a hospital, together with those of everybody."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ca_bundle
short_description: Own certificate authorities and the public ones, as one file
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - For a site that opens TLS on the way out and signs with an authority of its own. The certificates of the given files
    come first, then the authorities that the Ansible host trusts in its own HTTPS requests.
  - Refuses a file without a certificate, and one with a private key, which no other host should get.
options:
  _terms:
    description: Files in PEM on the Ansible host.
    type: list
    elements: path
    required: true
notes:
  - This lookup is run on the Ansible host. The public authorities are those of the Python library C(requests) there.
"""

EXAMPLES = r"""
- name: Trust the hospital's authority as well
  ansible.windows.win_copy:
    content: "{{ lookup('mediverse.pacs.ca_bundle', 'files/hospital.pem') }}"
    dest: 'C:\ProgramData\ca.crt'
"""

RETURN = r"""
_raw:
  description: One text of certificates in PEM.
  type: list
  elements: str
"""

import ssl
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

try:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH
except ImportError:
    HAS_REQUESTS = False
else:
    HAS_REQUESTS = True


def _certificates(file: str) -> str:
    """The text of a file that holds certificates and no key."""
    try:
        text = Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in PEM"
        raise AnsibleError(
            f"The certificate authorities '{file}' cannot be read ({reason}); correct the path."
        ) from None
    if "PRIVATE KEY" in text:
        raise AnsibleError(
            f"The file '{file}' holds a private key; give a file with the authorities' certificates alone."
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise AnsibleError(f"The file '{file}' holds no certificate in PEM; export the authority as Base-64.") from None
    return text.strip() + "\n"


class LookupModule(LookupBase):  # type: ignore[misc]  # the base has no types
    """One text of all authorities."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """A list of one text."""
        if not HAS_REQUESTS:
            raise AnsibleError("The Python library requests is missing on the Ansible host; install it.")
        own = [_certificates(str(term)) for term in terms]
        return ["".join([*own, Path(DEFAULT_CA_BUNDLE_PATH).read_text(encoding="utf-8")])]
