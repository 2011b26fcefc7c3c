# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens, acceptance and revocation of a site's PC on the hub."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_access
short_description: Who may come to the hub as the gateway of a site
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Runs on the hub, which the role P(mediverse.pacs.gateway_access#role) has prepared.
  - V(look) tells what is known of a site. V(token) gives a stick its token and ends a former one.
  - V(accept) admits the PC whose fingerprint somebody has compared by telephone. V(revoke) locks it out at once.
attributes:
  check_mode:
    description: Changes nothing; V(accept) and V(revoke) say whether they would, V(token) always would.
    support: full
  diff_mode:
    description: The state is no text, so there is no difference to show.
    support: none
options:
  site:
    description: Id of the site.
    type: str
    required: true
  state:
    description: What is wanted.
    type: str
    choices: [look, token, accept, revoke]
    default: look
  token:
    description: With V(token), a map of C(token), C(key), C(made), C(ends) and C(way). The key is the public half.
    type: dict
  fingerprint:
    description: With V(accept), the fingerprint that the PC shows, of at least 24 digits.
    type: str
  text:
    description: With V(accept), the text that a PC without any line shows, in place of a fingerprint.
    type: str
"""

EXAMPLES = r"""
- name: Lock the PC out
  mediverse.pacs.hub_access:
    site: kanifing
    state: revoke
  delegate_to: hub
"""

RETURN = r"""
access:
  description: What the hub says, by O(state).
  returned: success
  type: dict
  sample: {"way": "wireguard"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._access import hub
from ..module_utils._access.report import ReportError, same
from ..module_utils._access.store import AccessError, Places

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["look", "token", "accept", "revoke"], "default": "look"},
    # The public half of a key and a name of it; neither opens anything.
    "token": {"type": "dict", "no_log": False},
    "fingerprint": {"type": "str"},
    "text": {"type": "str"},
}


def run(parameters: dict[str, Any], check: bool, places: Places) -> dict[str, Any]:
    """What the hub says; AccessError or ReportError with a sentence."""
    site, state = parameters["site"], parameters["state"]
    if state == "look" or check:
        found = hub.look(places, site)
        return {"changed": state != "look" and _would(found, parameters), "access": found}
    if state == "token":
        said = hub.token(places, {**parameters["token"], "site": site})
    elif state == "accept":
        typed = {name: parameters[name] for name in ("fingerprint", "text") if parameters[name]}
        said = hub.accept(places, {**typed, "site": site})
    else:
        said = hub.revoke(places, site)
    return {"changed": said.pop("changed"), "access": said}


def _would(found: dict[str, Any], parameters: dict[str, Any]) -> bool:
    if parameters["state"] == "revoke":
        return any(found[name] for name in ("token", "report", "accepted"))
    accepted = found["accepted"]
    return parameters["state"] == "token" or not (
        accepted and found["report"] is None and same(accepted["fingerprint"], parameters["fingerprint"] or "")
    )


def main() -> None:
    """Runs the module."""
    needs = [("state", "token", ["token"]), ("state", "accept", ["fingerprint", "text"], True)]
    module = AnsibleModule(
        ARGUMENTS,
        supports_check_mode=True,
        required_if=needs,
        mutually_exclusive=[("fingerprint", "text")],
    )
    try:
        result = run(module.params, module.check_mode, Places("/"))
    except (AccessError, ReportError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
