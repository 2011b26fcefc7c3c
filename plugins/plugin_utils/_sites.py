# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the text of a site file to the hosts of the inventory. Pure: no Ansible, no files, no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..module_utils._access.report import USER
from ._sites_load import REPORTED, Problem, load
from ._sites_schema import check
from ._sites_together import DEFAULT_AET, DEFAULT_REST_PORT, DEFAULT_SSH_PORT, DEFAULT_WINRM_PORT

HUB = "hub"
WORKLIST_ROOT = "/files/worklists_wl"
WORKLIST_UID = "1000"
SYNC_PORT = 22000

# The only templates of the inventory. They come from here and never from the site file, whose rules refuse templates.
TEMPLATES = {
    "ansible_password": "{{ mediverse_winrm_password }}",
    "ansible_winrm_ca_trust_path": "{{ mediverse_winrm_ca | default('legacy_requests', true) }}",
}
# The same for a PC that was enrolled: ``playbooks/tasks/way.yml`` registers how it is reached in this run. Before that,
# and where it failed, the host is one that is nowhere, to which nobody sends anything.
NOWHERE = "not-known-yet.invalid"
ENROLLED_TEMPLATES = {
    "ansible_host": f"{{{{ (mediverse_way | default({{}})).host | default('{NOWHERE}') }}}}",
    "ansible_port": f"{{{{ (mediverse_way | default({{}})).port | default({DEFAULT_WINRM_PORT}) }}}}",
    "ansible_password": "{{ (mediverse_way | default({})).password | default('') }}",
    "ansible_winrm_ca_trust_path": "{{ (mediverse_way | default({})).ca | default('/nonexistent') }}",
}

TUNNEL, OWN, BY_HAND = "tunnel", "own", "hand"

# Text that people write freely. Ansible must never render it, whatever the rules let through.
FREE_TEXT = frozenset({"ansible_user", "mediverse_label"})

_WINRM = {
    "ansible_connection": "winrm",
    "ansible_winrm_scheme": "https",
    "ansible_winrm_transport": "ntlm",
    "ansible_winrm_message_encryption": "always",
    # A hospital's VPN answers slowly; reading must be allowed to take longer than the operation itself.
    "ansible_winrm_operation_timeout_sec": 60,
    "ansible_winrm_read_timeout_sec": 90,
}


class SitesError(ValueError):
    """A site file is wrong. The text names the file and every problem, one on each line."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.problems = problems
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        super().__init__("\n".join([f"The site file {source} has {count}:", *(f"  {problem}" for problem in problems)]))


@dataclass(frozen=True)
class Host:
    """A host of the inventory, the groups it belongs to, and its variables (plain JSON values)."""

    name: str
    groups: tuple[str, ...]
    variables: dict[str, Any] = field(default_factory=dict)


def read(raw: bytes, source: str) -> list[Host]:
    """All hosts of a site file by its bytes; raises ``SitesError`` with every problem of the file."""
    data, problems = load(raw)
    clean, found = ({}, []) if data is REPORTED else check(data)
    if problems or found:
        raise SitesError(source, [*problems, *found])
    return _hosts(clean)


def _hosts(clean: dict[str, Any]) -> list[Host]:
    hub = clean["hub"]
    hosts = [Host(HUB, ("worklist_hub",), _ssh(hub))]
    for site, entry in clean["sites"].items():
        shared = _site_variables(site, entry, clean["domain"], hub)
        hosts.append(Host(f"{site}-cloud", (site, "cloud_pacs"), {**_ssh(entry["cloud"]), **shared}))
        gateway = _winrm(entry.get("gateway", {}))
        hosts.append(Host(f"{site}-gateway", (site, "orthanc_gateways"), {**gateway, **shared}))
    return hosts


def _ssh(entry: dict[str, Any]) -> dict[str, Any]:
    user = entry.get("user", "root")
    own = {
        "ansible_host": entry["host"],
        "ansible_port": entry.get("port", DEFAULT_SSH_PORT),
        "ansible_user": user,
        # Debian's and Ubuntu's own. Left to be discovered, it would be discovered again by every delegated task.
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    # As a variable of the host it also holds for the steps that other hosts delegate to it.
    return own if user == "root" else {**own, "ansible_become": True}


def kind(gateway: Mapping[str, Any]) -> str:
    """How the PC of a site comes into it, by the keys of its gateway.

    ``tunnel``: it is enrolled and comes to the hub. ``own``: it is enrolled and the site has a VPN of its own.
    ``hand``: somebody has set it up, as its user.
    """
    return BY_HAND if "user" in gateway else OWN if "host" in gateway else TUNNEL


def _winrm(gateway: dict[str, Any]) -> dict[str, Any]:
    if kind(gateway) != BY_HAND:
        # A proxy of the controller's network would be asked for 127.0.0.1; None is pywinrm's word for none.
        return {"ansible_user": USER, **_WINRM, **ENROLLED_TEMPLATES, "ansible_winrm_proxy": None}
    own = {
        "ansible_host": gateway["host"],
        "ansible_port": gateway.get("port", DEFAULT_WINRM_PORT),
        "ansible_user": gateway["user"],
    }
    return {**own, **_WINRM, **TEMPLATES}


def _site_variables(site: str, entry: dict[str, Any], domain: str, hub: dict[str, Any]) -> dict[str, Any]:
    gateway = entry.get("gateway", {})
    hub_host = f"[{hub['host']}]" if ":" in hub["host"] else hub["host"]
    return {
        "mediverse_site": site,
        "mediverse_label": entry.get("label", site),
        "mediverse_domain": domain,
        "mediverse_viewer_fqdn": f"{site}.viewer.{domain}",
        "mediverse_pacs_fqdn": f"{site}.pacs.{domain}",
        "mediverse_peer": f"MediverseCloud_{site}",
        "mediverse_worklist_folder": f"wl-{site}",
        "mediverse_gateway_aet": gateway.get("aet", DEFAULT_AET),
        "mediverse_scanners": {
            name: {"manufacturer": "Generic", **scanner} for name, scanner in entry["scanners"].items()
        },
        "mediverse_scanner_address": gateway.get("scanner_address", ""),
        "mediverse_scanner_mac": gateway.get("scanner_mac", ""),
        "mediverse_cloud": f"{site}-cloud",
        "mediverse_gateway": f"{site}-gateway",
        "mediverse_gateway_kind": kind(gateway),
        "mediverse_gateway_host": gateway.get("host", ""),
        "mediverse_to_gateways": hub.get("to_gateways", "ssh"),
        "mediverse_hub": HUB,
        "mediverse_rest_port": entry["cloud"].get("rest_port", DEFAULT_REST_PORT),
        "mediverse_worklist_root": hub.get("worklist_root", WORKLIST_ROOT),
        "mediverse_worklist_uid": hub.get("worklist_uid", WORKLIST_UID),
        "mediverse_hub_sync_address": hub.get("sync_address", f"tcp://{hub_host}:{SYNC_PORT}"),
    }
