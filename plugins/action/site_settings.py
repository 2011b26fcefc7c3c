# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the settings of one host with the argument specifications of its roles. Asks no host anything."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ..module_utils._engine.secrets import masker
from ..module_utils._rules.logins import SECRET_LENGTHS, readers, secret
from ..plugin_utils import _connections as connections
from ..plugin_utils import _settings as rules
from ..plugin_utils import _site_settings as settings
from ..plugin_utils import _sites_files as files
from ..plugin_utils._sites import BY_HAND, ENROLLED_TEMPLATES
from ..plugin_utils._specifications import COLLECTION, ROLES, options_of

PREFIX = "mediverse_"
# Logins that Ansible itself uses; no message shows them.
_LOGINS = ("ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_become_pass")


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """``problems`` of one host; whoever calls decides what to do about those of all hosts together."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result: ``problems``, a list of sentences without a secret."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, arguments = self.validate_argument_spec({"roles": {"type": "list", "elements": "str", "required": True}})
        variables = task_vars or {}
        specs = {role: options_of(COLLECTION / "roles" / role) for role in ROLES}
        own = options_of(COLLECTION / "playbooks")
        unknown = set(arguments["roles"]) - set(ROLES)
        if unknown:
            raise AnsibleError(f"There is no role {', '.join(sorted(unknown))} in this collection.")

        options = {name: spec for role in arguments["roles"] for name, spec in specs[role].items()} | own
        values, refused = self._rendered(options, variables)
        given = yaml.safe_load((COLLECTION / "playbooks" / "vars" / "roles.yml").read_text(encoding="utf-8"))
        # Settings of the other host's roles, of which the playbooks make some of this one's.
        others = {
            name: spec for role in specs.values() for name, spec in role.items() if name not in {**options, **given}
        }
        theirs, not_theirs = self._rendered(others, variables)
        texts = [*settings.secret_texts(options, values), *settings.secret_texts(others, theirs)]
        mask = masker(("", text) for text in [*texts, *self._logins(variables)])
        found = _found(options, values, refused, mask)
        found += self._of_logins(variables, values)
        found += _of_installers(options, values)

        sources = self._sources(variables)
        prefixes = (PREFIX, *(f"{role}_" for role in ROLES))
        own_names = values.get("mediverse_own_names")
        names = settings.Names(
            options=[*own, *(name for spec in specs.values() for name in spec)],
            prefixes=prefixes,
            given=given,
            own=own_names if isinstance(own_names, list) else (),
        )
        # What only repeats that a setting is wrong of which the playbooks make it gives way to the origin.
        elsewhere = _found({name: others[name] for name in {**theirs, **not_theirs}}, theirs, not_theirs, mask)
        found += [
            (origin, said) for origin, said in elsewhere if any(names.repeats(name, {origin}) for name, __ in found)
        ]
        wrong = {name for name, __ in found}
        by_rule = self._of_roles({role: specs[role] for role in arguments["roles"]}, variables)
        found += [(name, mask(said)) for name, said in by_rule if name not in wrong]
        wrong |= {name for name, __ in found}
        found = [(name, said) for name, said in found if not names.repeats(name, wrong)]
        host, site = str(variables.get("inventory_hostname")), str(variables.get("mediverse_site", "<site>"))
        for name in {**variables, **sources}:
            # Of what stands in none of these files only the names with a prefix of ours are looked at.
            if name in sources or name.startswith(prefixes):
                found += [(name, said) for said in [names.unknown(name, site)] if said]
        for name, places in sources.items():
            # What is given with -e wins over everything, and is meant.
            if places != [_EXTRA]:
                found += [(name, said) for said in [names.without_effect(name, site)] if said]

        said_of = (f"{' and '.join(sources.get(name, [host]))}: {sentence}" for name, sentence in found)
        problems = [*said_of, *self._of_connections(host, variables)]
        return {**result, "changed": False, "problems": list(dict.fromkeys(problems))}

    def _of_connections(self, host: str, variables: Mapping[str, Any]) -> Iterator[str]:
        """What another inventory of the run says otherwise than the site file about this host and those that it needs.

        Files of variables and C(-e) were looked at before the play began.
        """
        places = [str(source) for source in variables.get("ansible_inventory_sources") or []]
        given = {one.name: one.variables for one in files.hosts(places, self._loader)}
        hostvars = variables.get("hostvars") or {}
        for name in dict.fromkeys([host, *(str(variables.get(f"mediverse_{end}")) for end in ("cloud", "hub"))]):
            if name not in given or name not in hostvars:
                continue
            there = hostvars[name]
            found: dict[str, Any] = {}
            raw = hostvars.raw_get(name) if hasattr(hostvars, "raw_get") else there
            for one in sorted(connections.NAMES):
                # What comes of our own templates depends on what the run has looked up already.
                if one in ENROLLED_TEMPLATES and raw.get(one) == ENROLLED_TEMPLATES[one]:
                    continue
                # What cannot be rendered cannot be used either, as host_reach says next.
                with contextlib.suppress(AnsibleError):
                    found |= {one: there[one]} if one in there else {}
            for sentence in connections.settled(found, {name: given[name]}, of_a_group=False):
                yield f"{name}: {sentence}"

    def _of_roles(
        self, roles: Mapping[str, settings.Options], variables: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        """``(option, sentence)`` for what the roles themselves would refuse as soon as they begin."""
        everybody = (variables.get("groups") or {}).get("all") or ()
        others = [str(host) for host in everybody if host != variables.get("inventory_hostname")]
        for role, specs in roles.items():
            if role not in rules.ROLES:
                continue
            defaults = self._load(COLLECTION / "roles" / role / "defaults" / "main.yml")
            names = {
                name: specs.get(name, {"type": "raw"})
                for name in {**defaults, **variables}
                if name.startswith(f"{role}_")
            }
            values, refused = self._rendered(names, {**defaults, **variables})
            for sentence in rules.problems(role, values, others):
                mentioned = re.findall(rf"\b{role}_[a-z_]+", sentence)
                # What cannot be worked out is said already, where an operator wrote it. Here it is missing, which a
                # sentence may say without its name.
                if not refused or (mentioned and refused.keys().isdisjoint(mentioned)):
                    yield (mentioned or [role])[0], sentence

    def _rendered(
        self, options: settings.Options, variables: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The values of all options that are set, and the sentences about those that cannot be; both by name."""
        # A setting may refer to the default of another one.
        defaults: dict[str, Any] = {}
        for role in ROLES:
            defaults |= self._load(COLLECTION / "roles" / role / "defaults" / "main.yml")
        templar = self._templar.copy_with_new_env(available_variables={**defaults, **variables})
        values, refused = {}, {}
        for name, spec in options.items():
            if name not in variables:
                continue
            try:
                values[name] = settings.as_written(spec, variables[name], templar.template(variables[name]))
            except Exception as error:
                refused[name] = settings.unclear(name, spec, {**defaults, **variables}, error)
        return values, refused

    def _logins(self, variables: Mapping[str, Any]) -> Iterator[str]:
        for name in _LOGINS:
            try:
                yield str(self._templar.template(variables.get(name, "")))
            except AnsibleError:
                continue

    def _of_logins(self, variables: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Rules of the playbooks' own settings that no specification can say."""
        name = "mediverse_winrm_password"
        by_hand = variables.get("mediverse_gateway_kind", BY_HAND) == BY_HAND
        if variables.get("ansible_connection") == "winrm" and by_hand and not variables.get(name):
            yield (
                name,
                f"{name} is not set; give the password of {variables.get('ansible_user')}, best in group_vars/all from "
                "Ansible Vault.",
            )
        own = values.get("mediverse_secrets")
        if isinstance(own, Mapping):
            purposes = [*variables.get("mediverse_purposes", ()), *variables.get("mediverse_proxy_purposes", ())]
            yield from settings.secrets(own, map(str, purposes), secret)
        name, people = "mediverse_viewers", values.get("mediverse_viewers")
        if isinstance(people, Mapping):
            site = [str(values.get("mediverse_viewer_user") or "viewer")]
            for sentence in readers(people, name, site, SECRET_LENGTHS[0]):
                yield name, sentence

    def _sources(self, variables: Mapping[str, Any]) -> dict[str, list[str]]:
        """Where the settings of this host are written: the files that count most, or C(-e), by the name."""
        host, groups = str(variables.get("inventory_hostname")), list(variables.get("group_names") or [])
        places = [Path(str(source)) for source in variables.get("ansible_inventory_sources") or []]
        folders = [place if place.is_dir() else place.parent for place in places if place.exists()]
        folders += [Path(str(variables[name])) for name in ("playbook_dir",) if variables.get(name)]
        found: dict[str, list[str]] = {}
        for kind, names in (("group_vars", ["all"]), ("group_vars", groups), ("host_vars", [host])):
            level: dict[str, list[str]] = {}
            for folder, name in ((folder, name) for folder in dict.fromkeys(folders) for name in names):
                for file in self._loader.find_vars_files(str(folder / kind), name):
                    for setting in self._load(Path(os.fsdecode(file))):
                        level.setdefault(str(setting), []).append(_short(os.fsdecode(file)))
            found |= level
        return found | {str(name): [_EXTRA] for name in load_extra_vars(self._loader)}

    def _load(self, path: Path) -> dict[str, Any]:
        """Ansible keeps what it has read of this file already."""
        content = self._loader.load_from_file(str(path), cache="all", trusted_as_template=True)
        return content if isinstance(content, dict) else {}


_EXTRA = "-e"


def _found(
    options: settings.Options, values: Mapping[str, Any], refused: Mapping[str, str], mask: settings.Mask
) -> list[tuple[str, str]]:
    """``(option, sentence)`` for what could not be rendered, and for what the specifications do not allow."""
    return [*refused.items(), *(found for found in settings.problems(options, values, mask) if found[0] not in refused)]


def _of_installers(options: settings.Options, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a gateway that was never built needs as well: told together with the first of it that is missing.

    The role asks for it where Syncthing is not installed on the PC, which no specification can say.
    """
    if "syncthing_pair_installer" not in options or values.get("orthanc_windows_gateway_installer"):
        return
    for name in ("syncthing_pair_installer", "syncthing_pair_archive"):
        if not values.get(name):
            yield name, f"{name} is not set; expected a map with src and sha256, unless the PC has Syncthing already."


def _short(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative
