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
  - What stands around the certificates in those files, such as names and remarks, is left out, and so is a certificate
    that was there before. Two files with the same certificates make the same text.
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

import re
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

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----", re.ASCII)


def _certificates(file: str) -> list[str]:
    """The certificates of a file that holds no key, in one spelling."""
    try:
        # Remarks may be in any encoding; what is looked for is ASCII.
        text = Path(file).expanduser().read_bytes().decode("ascii", errors="replace")
    except OSError as error:
        raise AnsibleError(
            f"The certificate authorities '{file}' cannot be read ({error.strerror}); correct the path."
        ) from None
    if "PRIVATE KEY" in text:
        raise AnsibleError(
            f"The file '{file}' holds a private key; give a file with the authorities' certificates alone."
        )
    found = _CERTIFICATE.findall(text)
    if not found:
        raise AnsibleError(f"The file '{file}' holds no certificate in PEM; export the authority as Base-64.")
    return [_checked(file, number, certificate) for number, certificate in enumerate(found, 1)]


def _checked(file: str, number: int, certificate: str) -> str:
    try:
        plain = ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(certificate))
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=plain)
    except (ssl.SSLError, ValueError, TypeError):
        raise AnsibleError(
            f"Certificate {number} of the file '{file}' cannot be read; export the authority again, as Base-64."
        ) from None
    return plain


class LookupModule(LookupBase):  # type: ignore[misc]  # the base has no types
    """One text of all authorities."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """A list of one text."""
        if not HAS_REQUESTS:
            raise AnsibleError("The Python library requests is missing on the Ansible host; install it.")
        # The public ones in an order that does not depend on who wrote them down.
        own = [certificate for term in terms for certificate in _certificates(str(term))]
        return ["".join(dict.fromkeys([*own, *sorted(_certificates(DEFAULT_CA_BUNDLE_PATH))]))]
