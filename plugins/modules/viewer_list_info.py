# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The study list of the viewer, read as the viewer reads it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: viewer_list_info
short_description: Look whether the viewer can read its study list
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Asks for the first page of the study list with the request that OHIF sends, through the viewer's login, and looks
    at every row for what OHIF reads without a look. One row that it cannot read empties the list for everybody.
  - That page comes in the archive's own order. With O(days) it looks as well at the days that the viewer's list
    begins with, so that a study of today is among those that it has looked at.
  - Says nothing of patients; a study is named by its UID. The certificate is always verified.
attributes:
  check_mode:
    description: It only reads.
    support: full
  diff_mode:
    description: It never changes anything.
    support: N/A
options:
  url:
    description: Address of the viewer, such as V(https://kanifing.viewer.mediverse.ai).
    type: str
    required: true
  username:
    description: User of the viewer's login.
    type: str
    required: true
  password:
    description: Password of that user.
    type: str
    required: true
  address:
    description:
      - Address to connect to instead of the one that the name servers give for the name in the URL.
      - The name still goes into the request, and the certificate has to be that of the name.
    type: str
  ca_path:
    description: Certificates of the authorities to trust instead of those of the host.
    type: path
  timeout:
    description: Seconds to wait for each step of the answer.
    type: float
    default: 30
  days:
    description:
      - With how many days the viewer's list may begin, as in C(cloud_pacs_list_days). As the viewer does, the first of
        them that holds at most 100 studies is taken, or the last. The days end with the host's own day; studies of
        later days are looked at too.
      - Empty looks at the first page without a date alone.
    type: list
    elements: int
    default: []
"""

EXAMPLES = r"""
- name: Look at the study list where the login is known anyway
  mediverse.pacs.viewer_list_info:
    url: https://kanifing.viewer.mediverse.ai
    address: 127.0.0.1
    username: viewer
    password: "{{ viewer_password }}"
    days: [30, 7, 2, 1]
  register: list
  delegate_to: cloud
"""

RETURN = r"""
studies:
  description: Rows of the first page without a date, at most 101.
  returned: success
  type: int
days:
  description: With how many days the viewer's list begins today; 0 when that was not asked for.
  returned: success
  type: int
recent:
  description: Rows of these days, at most 101.
  returned: success
  type: int
problems:
  description: What the viewer could not read, a sentence for each row, or one for the whole answer.
  returned: success
  type: list
  elements: str
summary:
  description: The first of the problems as one text.
  returned: success
  type: str
asked:
  description: How many questions that took.
  returned: success
  type: int
turned_away:
  description:
    - How many of them the proxy turned away, because too many were asked from this address at once (429).
    - They are one of the RV(problems), because nothing is known of the list.
  returned: success
  type: int
compressed:
  description: Whether the answer was compressed, or too small for that.
  returned: success
  type: bool
bytes:
  description: Bytes of the answer without a date on the line.
  returned: success
  type: int
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._engine.hiding import without_secrets
from ..module_utils._site.viewer_list import look, summary

ARGUMENTS: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "address": {"type": "str"},
    "ca_path": {"type": "path"},
    "timeout": {"type": "float", "default": 30.0},
    "days": {"type": "list", "elements": "int", "default": []},
}
_WORTH_COMPRESSING = 2000


def run(parameters: dict[str, Any]) -> dict[str, Any]:
    """What was seen; an answer that cannot be read is a problem like any other, not a failure."""
    asked = {name: value for name, value in parameters.items() if name != "days"}
    seen = look(asked, parameters["days"], time.time())
    compressed = seen.page.encoding == "gzip" or seen.page.size < _WORTH_COMPRESSING
    return {
        **{"studies": seen.studies, "days": seen.days, "recent": seen.recent},
        **{"problems": seen.said, "summary": summary(seen.said)},
        **{"asked": seen.asked, "turned_away": seen.turned_away},
        **{"compressed": compressed, "bytes": seen.page.size},
    }


def main() -> None:
    """The module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    result = {"changed": False, **run(module.params)}
    module.exit_json(**without_secrets(result, module.params, module.no_log_values))


if __name__ == "__main__":
    main()
