# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a play, once the site files of the run were found right."""

from __future__ import annotations

DOCUMENTATION = r"""
name: checked_sites
short_description: Ends a run whose site file is wrong or missing
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Ansible calls an inventory that it cannot read a warning, runs no play, and ends with success.
  - As the C(hosts) of a play this lookup ends the run instead, with every problem of every site file among the
    inventories of the run. It is evaluated whatever C(--limit) says.
  - It reads the files by itself, because Ansible without the settings of this collection asks the inventory plugin
    only about files that name it.
options:
  _terms:
    description: The host pattern of the play, which is given back.
    type: list
    elements: str
    required: true
notes:
  - This lookup is run on the Ansible host, and reads the files that were given with C(-i) or by C(ansible.cfg).
seealso:
  - plugin: mediverse.pacs.sites
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Gateways
  hosts: "{{ lookup('mediverse.pacs.checked_sites', 'orthanc_gateways') }}"
  tasks: []
"""

RETURN = r"""
_raw:
  description: The host pattern that was given.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ..plugin_utils import _sites_files as files

_UNKNOWN = "This run knows no site: name your sites file with -i, for example -i inventories/production."


class LookupModule(LookupBase):  # type: ignore[misc]  # the base has no types
    """Gives back the pattern, or ends the run."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The terms as they are; raises one error with every problem of the site files of this run."""
        known = variables or {}
        sources = [str(source) for source in known.get("ansible_inventory_sources") or ()]
        said = files.problems(sources, self._loader)
        if not said and not known.get("groups", {}).get("orthanc_gateways"):
            said = [_UNKNOWN, *(files.misnamed(path) for path in files.found(sources) if files.resembles(path))]
        if said:
            raise AnsibleError("\n".join([*said, "Nothing was changed."]))
        return list(terms)
