# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several looks at web services and ports in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http_probe
short_description: Look at web services and ports as a stranger would
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Sends one request for each probe from the host that the task runs on, and returns what came back.
  - Redirects are not followed and paths are sent as they are written. Certificates are always verified.
  - The module judges nothing; a service that does not answer is a result, not a failure.
attributes:
  check_mode:
    description: Probes that could change something (other methods than GET and HEAD) are left out.
    support: full
  diff_mode:
    description: It never changes anything.
    support: N/A
options:
  probes:
    description: The probes, in order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the probe, under which its answer is found.
        type: str
        required: true
      url:
        description: An C(http), C(https) or C(tcp) URL. C(tcp://host:port) asks only whether a connection is accepted.
        type: str
        required: true
      method:
        description: HTTP method.
        type: str
        default: GET
      username:
        description: User of HTTP Basic authentication.
        type: str
        default: ""
      password:
        description: Password of that user.
        type: str
        default: ""
      headers:
        description: Further headers.
        type: dict
        default: {}
      body:
        description: Body of the request.
        type: str
        default: ""
      content:
        description: Return the first 256 KiB of the body as text.
        type: bool
        default: false
      timeout:
        description: Seconds to wait for each step of the answer.
        type: float
        default: 10
  ca_path:
    description: Certificates of the authorities to trust instead of those of the host.
    type: path
  address:
    description:
      - Address to connect to instead of the one that the name servers give for the name in the URL.
      - The name still goes into the request, and the certificate has to be that of the name.
    type: str
"""

EXAMPLES = r"""
- name: Look at the viewer from outside
  mediverse.pacs.http_probe:
    probes:
      - {name: anonymous, url: "https://kanifing.viewer.mediverse.ai/"}
      - {name: admin_port, url: "tcp://kanifing.viewer.mediverse.ai:81"}
  register: seen
  delegate_to: hub
"""

RETURN = r"""
answers:
  description: The answers by the name of their probe.
  returned: success
  type: dict
  contains:
    status: {description: "HTTP status; 0 when there was no answer.", type: int}
    open: {description: Whether a connection was accepted., type: bool}
    error: {description: Why there was no answer., type: str}
    headers: {description: "Headers of the answer, in lower case.", type: dict}
    body: {description: Body of the answer when it was asked for., type: str}
    days: {description: Whole days until the certificate expires., type: int}
    issuer: {description: Who issued the certificate., type: str}
    not_before: {description: "Since when the certificate is valid, in UTC.", type: str}
    not_after: {description: "When the certificate expires, in UTC.", type: str}
    lifetime: {description: Days from one to the other., type: int}
    fingerprint: {description: SHA-256 of the certificate as it was served., type: str}
    seconds: {description: How long it took., type: float}
    skipped: {description: Whether check mode left the probe out., type: bool}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._engine.hiding import without_secrets
from ..module_utils._site.probe import Probe, ask, nothing

_PROBE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "method": {"type": "str", "default": "GET"},
    "username": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "headers": {"type": "dict", "default": {}},
    "body": {"type": "str", "default": ""},
    "content": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 10.0},
}
ARGUMENTS: dict[str, Any] = {
    "probes": {"type": "list", "elements": "dict", "required": True, "options": _PROBE},
    "ca_path": {"type": "path"},
    "address": {"type": "str"},
}


def run(parameters: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """All answers by name."""
    answers: dict[str, Any] = {}
    for options in parameters["probes"]:
        probe = Probe(**options)
        if check_mode and probe.method not in ("GET", "HEAD"):
            answers[probe.name] = {**nothing(probe), "error": "left out in check mode", "skipped": True}
        else:
            answers[probe.name] = ask(probe, parameters["ca_path"], parameters["address"])
    return answers


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    result = {"changed": False, "answers": run(module.params, module.check_mode)}
    module.exit_json(**without_secrets(result, module.params, module.no_log_values))


if __name__ == "__main__":
    main()
