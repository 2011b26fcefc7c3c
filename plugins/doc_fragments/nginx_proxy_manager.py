# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Nginx Proxy Manager modules have in common: their connection options, and that they run on Linux only."""

from __future__ import annotations


class ModuleDocFragment:
    """``mediverse.pacs.nginx_proxy_manager``, before ``.attributes``: what is said first about an attribute counts."""

    DOCUMENTATION = r"""
requirements:
  - Nginx Proxy Manager 2.15.0 or newer
options:
  api_url:
    description: Address of the API, as seen from the target of the task.
    type: str
    default: http://127.0.0.1:81
  api_email:
    description: E-mail address of the administrator to log in as.
    type: str
    required: true
  api_password:
    description: Password of O(api_email).
    type: str
    required: true
  validate_certs:
    description: Whether the certificate of an HTTPS O(api_url) must be valid. Use O(ca_path) rather than V(false).
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificate of the authority that signed the server's, for authorities the system does not know.
      - Not available on Windows targets, where the machine's own certificate store decides.
    type: path
  api_timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 30
attributes:
  platform:
    support: full
    platforms: posix
    description: Operating systems of the target.
"""
