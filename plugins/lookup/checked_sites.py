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
  - Refuses what undermines the site file before any host is asked for anything - files in C(group_vars) and
    C(host_vars) that are named after nobody, keys that stand twice, numbers that YAML reads as others, variables that
    lead to other hosts than the site file says, and those that would have hosts trusted without proof.
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

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible.parsing.vault import AnsibleVaultError
from ansible.plugins.loader import connection_loader
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars

from ..plugin_utils import _connections as connections
from ..plugin_utils import _sites_files as files
from ..plugin_utils import _vars_files as vars_files
from ..plugin_utils._sites import HUB

# What the names of settings begin with.
_PREFIXES = ("mediverse_", *(f"{path.name}_" for path in Path(__file__).resolve().parents[2].glob("roles/*")))
_HUB_ALONE = "worklist_hub"
_UNKNOWN = "This run knows no site: name your sites file with -i, for example -i inventories/production."


class LookupModule(LookupBase):  # type: ignore[misc]  # the base has no types
    """Gives back the pattern, or ends the run."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The terms as they are; raises one error with every problem of the site files of this run."""
        known = variables or {}
        sources = [str(source) for source in known.get("ansible_inventory_sources") or ()]
        said = files.problems(sources, self._loader)
        if not said and not known.get("groups", {}).get("orthanc_gateways"):
            said = [
                _UNKNOWN,
                *files.lost(sources),
                *(files.misnamed(path) for path in files.found(sources, ignored=True) if files.resembles(path)),
            ]
        if not said:
            said = list(dict.fromkeys([*files.lost(sources), *self._of_run(sources, known, terms)]))
        if said:
            raise AnsibleError("\n".join([*said, "Nothing was changed."]))
        return list(terms)

    def _of_run(self, sources: list[str], known: Mapping[str, Any], terms: list[str]) -> Iterator[str]:
        """What is wrong between the site file and the rest of the run."""
        given = {host.name: host.variables for host in files.hosts(sources, self._loader)}
        groups: Mapping[str, list[str]] = known.get("groups") or {}
        sites = (str(variables["mediverse_site"]) for variables in given.values() if "mediverse_site" in variables)
        yield from files.strangers(sources, given, groups)
        yield from files.unknown(str(known.get("ansible_limit") or ""), groups, sites)
        reached = {str(host) for host in known.get("ansible_play_hosts_all") or ()}
        # A play for the hub alone takes in no site.
        if terms != [_HUB_ALONE]:
            yield from files.halves(str(known.get("ansible_limit") or ""), reached, given)
        yield from _of_ansible()
        yield from self._of_variables(sources, known, given, groups, {*reached, HUB})

    def _of_variables(
        self,
        sources: list[str],
        known: Mapping[str, Any],
        given: Mapping[str, Mapping[str, Any]],
        groups: Mapping[str, list[str]],
        reached: set[str],
    ) -> Iterator[str]:
        """What is wrong with the files of variables, whoever they are meant for, and with what C(-e) gives.

        reached   the hosts of this run.
        """
        found = list(vars_files.files(vars_files.folders(sources, known.get("playbook_dir"))))
        yield from vars_files.ownerless(found, groups)
        for file in found:
            slips = list(vars_files.slips(file, self._loader, _PREFIXES))
            yield from slips
            of_a_group = file.kind == vars_files.GROUP_VARS
            # Every host is in the group "all", also while Ansible has told nobody the groups yet.
            members = [*given] if of_a_group and file.owner == "all" else groups.get(file.owner, [])
            hosts = {name: given[name] for name in (members if of_a_group else [file.owner]) if name in given}
            try:
                content = vars_files.plain(file, self._loader) if slips else self._load(file)
            except AnsibleVaultError:
                # That of another site may have another password.
                if file.owner == "all" or not reached.isdisjoint(hosts):
                    yield vars_files.locked(file)
                continue
            except AnsibleError:
                yield vars_files.refused(file)
                continue
            for sentence in connections.settled(content, hosts, of_a_group):
                yield f"{vars_files.short(file.path)}: {sentence}"
        # What is given there holds for every host.
        for sentence in connections.settled(load_extra_vars(self._loader), given, of_a_group=False):
            yield f"-e: {sentence}"

    def _load(self, file: vars_files.VarsFile) -> dict[str, Any]:
        content = self._loader.load_from_file(str(file.path), cache="all", trusted_as_template=True)
        return content if isinstance(content, dict) else {}


def _of_ansible() -> Iterator[str]:
    """What is wrong with Ansible's own settings for connections."""
    # Only a plugin that was loaded has options.
    connection_loader.get("ansible.builtin.ssh", class_only=True)
    # Another plugin may stand in the place of Ansible's own, and have none of these options.
    known = C.config.get_configuration_definitions("connection", "ssh")
    values = {
        name: C.config.get_config_value_and_origin(name, plugin_type="connection", plugin_name="ssh")
        for name in connections.OPTIONS
        if name in known
    }
    given = {name: (value, f"cli: {name}") for name in connections.OPTIONS if (value := context.CLIARGS.get(name))}
    way = C.config.get_config_value_and_origin("DEFAULT_TRANSPORT")
    option = context.CLIARGS.get("connection")
    if option and option != way[0]:
        way = option, "cli: connection"
    return connections.configured(values | given, way)
