# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of one site, kept on its cloud host and generated where they are missing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_secrets
short_description: Keep the secrets of a site
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Reads the secrets of a site from its store, takes over what the operator supplies, and generates what is missing.
  - The store is a file that only root can read. A secret that exists is never replaced unless another one is supplied.
  - The result of a success is never shown, even without C(no_log) on the task; a failure names no value.
  - Concurrent runs for the same site wait for each other, so that two operators never generate two different secrets.
attributes:
  check_mode:
    description: Writes nothing. Missing secrets get values for this run only, so that later tasks can be checked, too.
    support: full
  diff_mode:
    description: Shows which purposes change. The values are masked before and after.
    support: full
options:
  site:
    description: Id of the site.
    type: str
    required: true
  purposes:
    description: What the site needs secrets for, such as C(orthanc_admin). Each becomes one secret.
    type: list
    elements: str
    required: true
  supplied:
    description:
      - Secrets that the operator brings, by purpose. They replace what is stored.
      - One whose SHA-256 stands in the stored purpose of the same name with C(_lost) behind it is refused, because a PC
        that was locked out may know it.
      - Purposes that are listed neither in O(purposes) nor in O(others) are refused.
    type: dict
    default: {}
  offered:
    description:
      - Values for purposes whose secret is no random text, such as a private key. Each is stored where none is yet.
      - Other than with O(supplied), a secret that is stored stays.
    type: dict
    default: {}
  replaced:
    description: Like O(offered), but takes the place of what is stored, such as what is kept of a PC that was replaced.
    type: dict
    default: {}
  expected:
    description:
      - What was stored when it was decided to replace it, by purpose; empty for nothing.
      - Where another run has stored something else meanwhile, nothing is changed and the task fails.
    type: dict
    default: {}
  forgotten:
    description: Purposes whose stored secret is removed before that, because whoever knew it is gone.
    type: list
    elements: str
    default: []
  others:
    description: Purposes whose secrets another store keeps. What is supplied for them is not looked at.
    type: list
    elements: str
    default: []
  directory:
    description: Where the stores of all sites lie. It is created for root only.
    type: path
    default: /etc/mediverse/secrets
  timeout:
    description: Seconds to wait for another run that holds the store of this site.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Secrets of the site
  mediverse.pacs.site_secrets:
    site: kanifing
    purposes: [orthanc_admin, orthanc_gateway, orthanc_viewer]
    supplied: "{{ mediverse_secrets | default({}) }}"
  register: site
"""

RETURN = r"""
secrets:
  description: The secrets by purpose, for later tasks only. Those must use C(no_log).
  returned: success
  type: dict
  sample: {}
generated:
  description: Purposes whose secret this run generated, or would generate.
  returned: success
  type: list
  elements: str
  sample: [orthanc_admin]
stored:
  description: Whether the store holds exactly these secrets now. False only in check mode where something would change.
  returned: success
  type: bool
  sample: true
store:
  description: The file that holds the secrets.
  returned: success
  type: str
  sample: /etc/mediverse/secrets/kanifing.json
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._engine.hiding import hide
from ..module_utils._site.secret_store import SecretsError, Store, plan

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "purposes": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "supplied": {"type": "dict", "default": {}, "no_log": True},
    "offered": {"type": "dict", "default": {}, "no_log": True},
    "replaced": {"type": "dict", "default": {}, "no_log": True},
    "expected": {"type": "dict", "default": {}, "no_log": True},
    "forgotten": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "others": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "path", "default": "/etc/mediverse/secrets"},
    "timeout": {"type": "int", "default": 30},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """One locked read, at most one write; returns the result of the module."""
    parameters = module.params
    store = Store(parameters["directory"], parameters["site"], parameters["timeout"])
    supplied = {name: value for name, value in parameters["supplied"].items() if name not in parameters["others"]}
    with store.locked(write=not module.check_mode):
        decided = plan(
            store.read(),
            parameters["purposes"],
            supplied,
            parameters["offered"],
            replaced=parameters["replaced"],
            forgotten=parameters["forgotten"],
            expected=parameters["expected"],
        )
        changed = decided.changed or store.is_open_to_others()
        if changed and not module.check_mode:
            store.write(decided.secrets)
    return {
        "changed": changed,
        "diff": {"before": decided.before, "after": decided.after},
        "generated": decided.generated,
        "secrets": {purpose: decided.secrets[purpose] for purpose in parameters["purposes"]},
        "store": str(store.path),
        "stored": not (changed and module.check_mode),
    }


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module)
    except SecretsError as error:
        module.fail_json(msg=str(error))
    # Secrets are part of the result on purpose, so ansible-core before 2.22 must not replace the supplied ones by its
    # mask there. They stay out of the invocation, and the action plugin keeps the whole result out of every output.
    hide(result["secrets"].values(), set())
    module.no_log_values.clear()
    module.exit_json(
        **result,
        invocation={
            "module_args": {
                **module.params,
                "supplied": sorted(module.params["supplied"]),
                "offered": [],
                "replaced": [],
                "expected": [],
            }
        },
    )


if __name__ == "__main__":
    main()
