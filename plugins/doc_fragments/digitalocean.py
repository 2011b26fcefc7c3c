# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the DigitalOcean modules have in common: their connection options, and that they run on Linux only."""

from __future__ import annotations


class ModuleDocFragment:
    """``mediverse.pacs.digitalocean``, before ``.attributes``: what is said first about an attribute counts."""

    DOCUMENTATION = r"""
options:
  api_url:
    description: Address of the API. Anything but HTTPS is refused, unless it is on the machine itself.
    type: str
    default: https://api.digitalocean.com
  api_token:
    description:
      - Token of the team. The environment variable E(DIGITALOCEAN_TOKEN) of the target is used when it is not given.
      - Whoever has it can destroy what it may change; give it the rights that are needed and no others.
    type: str
    required: true
  validate_certs:
    description: Whether the certificate of O(api_url) must be valid. Use O(ca_path) rather than V(false).
    type: bool
    default: true
  ca_path:
    description: File with the certificate of the authority that signed the server's, for one the system does not know.
    type: path
  api_timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 30
attributes:
  platform:
    support: full
    platforms: posix
    description: Operating systems of the target, which is best the controller itself.
notes:
  - The rate limit is kept. After too many requests the module waits as long as it is told, two and a half minutes at
    most.
  - Tried against a double of the API, and never yet against DigitalOcean itself.
"""
