# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory from a site file: a few lines of YAML for each hospital site."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sites
short_description: Hospital imaging sites from a few lines of YAML
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Turns each site of a site file into the hosts C(<site>-cloud) and C(<site>-gateway).
  - Adds the host C(hub), which writes the worklists.
  - The groups are C(<site>), C(cloud_pacs), C(orthanc_gateways) and C(worklist_hub).
  - The file is checked strictly. Every mistake of the file is reported at once, with the path of the value,
    the value, and what is expected.
  - A gateway without C(host) and C(user) is a PC that is enrolled and comes through the hub's tunnel. With C(host)
    alone it is enrolled, and the site has a VPN of its own. With both somebody has set it up by hand.
  - How an enrolled PC is reached is looked up by the playbooks of this collection at the beginning of a run. To others
    its host is a name that is nowhere.
  - A site file holds no secrets. Give them to the playbooks as C(mediverse_secrets), and C(mediverse_winrm_password)
    for PCs that were set up by hand.
notes:
  - The name of the file must end in C(sites.yml) or C(sites.yaml), for example C(mediverse.sites.yml).
  - Values of the file are never rendered as templates. A number may stand in quotes.
  - A wrong file ends the command, with its mistakes as the last words. Raised as an error they would be a warning,
    said twice, before the other readers of inventories add what they do not understand.
  - A run takes one site file; a second one is refused.
options:
  plugin:
    description: Marks the file as a site file.
    type: str
    required: true
    choices: [mediverse.pacs.sites]
  domain:
    description: The domain below which C(<site>.viewer.<domain>) and C(<site>.pacs.<domain>) stand.
    type: str
    required: true
  hub:
    description: The host that writes the worklists, with its Syncthing.
    type: dict
    required: true
    suboptions:
      host:
        description: Its address or name.
        type: str
        required: true
      user:
        description: The user that logs in. Another one than C(root) becomes it by sudo.
        type: str
        default: root
      port:
        description: Its port of SSH.
        type: int
        default: 22
      worklist_root:
        description: The directory that holds a directory of entries for each site.
        type: str
        default: /files/worklists_wl
      worklist_uid:
        description: The number of the user that writes the entries.
        type: str
        default: "1000"
      sync_address:
        description: Where the gateways reach its Syncthing. By default C(tcp://<host>:22000).
        type: str
      to_gateways:
        description: >-
          How the controller reaches PCs that come through the hub's tunnel. V(ssh) goes through a session of SSH with
          the hub. With V(route) the controller is the hub, or has a route to the tunnel's network and is among
          C(gateway_access_operators).
        type: str
        choices: [ssh, route]
        default: ssh
  sites:
    description: The sites, each below an id of its own.
    type: dict
    required: true
    suboptions:
      <siteid>:
        description: The id of a site, which is a DNS label of at most 32 characters, as the key, and below it the site.
        type: dict
        required: true
        suboptions:
          label:
            description: The name of the site for people. By default its id.
            type: str
          cloud:
            description: The host of the cloud PACS.
            type: dict
            required: true
            suboptions:
              host:
                description: Its address or name.
                type: str
                required: true
              user:
                description: The user that logs in. Another one than C(root) becomes it by sudo.
                type: str
                default: root
              port:
                description: Its port of SSH.
                type: int
                default: 22
              rest_port:
                description: >-
                  The port of Orthanc's REST API on the loopback address. Sites share a host only with different ones.
                type: int
                default: 8042
          gateway:
            description: The Windows PC beside the scanner. May be left out for a PC that is enrolled.
            type: dict
            suboptions:
              host:
                description: >-
                  Its address or name, as the controller reaches it. Without C(user) the IPv4 address of an enrolled PC
                  in a VPN of the site's own.
                type: str
              user:
                description: The account that logs in, an administrator, of a PC that was set up by hand.
                type: str
              port:
                description: Its port of WinRM over HTTPS, beside C(user). An enrolled PC has always 5986.
                type: int
                default: 5986
              aet:
                description: Its own AE title.
                type: str
                default: MEDIVERSE
              scanner_address:
                description: >-
                  Its static address on the scanner's network, with prefix length, such as V(192.168.0.20/24).
                  Given together with C(scanner_mac), or not at all, for a PC whose only adapter is on the hospital's
                  network, as the scanners are. Then no adapter is touched.
                type: str
              scanner_mac:
                description: The hardware address of the adapter that gets it.
                type: str
          scanners:
            description: The scanners of the site, at least one, each below a name of its own.
            type: dict
            required: true
            suboptions:
              <name>:
                description: The name of a scanner as the key, and below it the scanner.
                type: dict
                required: true
                suboptions:
                  aet:
                    description: Its AE title.
                    type: str
                    required: true
                  host:
                    description: Its IPv4 address.
                    type: str
                    required: true
                  port:
                    description: The port on which it answers C-ECHO.
                    type: int
                    required: true
                  manufacturer:
                    description: The dialect of DICOM that Orthanc speaks with it.
                    type: str
                    choices: [Generic, GenericNoWildcardInDates, GenericNoUniversalWildcard, Vitrea, GE]
                    default: Generic
"""

EXAMPLES = r"""
# mediverse.sites.yml
plugin: mediverse.pacs.sites
domain: mediverse.ai
hub: {host: clfy.mediverse.ai}
sites:
  kanifing:
    cloud: {host: 203.0.113.10}
    gateway: {scanner_address: 192.168.0.20/24, scanner_mac: "00:1B:44:11:3A:B7"}
    scanners:
      ct1: {aet: CT_SCANNER, host: 192.168.0.10, port: 104}
"""

from typing import Any, NoReturn

from ansible import context
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import trust_as_template

from ..plugin_utils import _sites_files as files
from ..plugin_utils._sites import FREE_TEXT, HUB, Host, SitesError, read
from ..plugin_utils._sites_schema import PLUGIN

# What Ansible's commands end with when they cannot read a file.
_UNREADABLE = 4


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]  # the base has no types
    """Reads a site file and adds its hosts."""

    NAME = PLUGIN

    def verify_file(self, path: str) -> bool:
        """Site files by name, and files that look like one, so that ``parse`` can say what is wrong with the name."""
        return bool(super().verify_file(path)) and (files.is_meant(path) or files.resembles(path))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fills the inventory; ends the command with every mistake of the site files that it was given."""
        super().parse(inventory, loader, path, cache)
        if not files.is_named(path):
            self._refuse(files.misnamed(path))
        hub = self.inventory.get_host(HUB)
        if hub and hub.vars.get("inventory_file") != path:
            self._refuse(files.second(hub.vars.get("inventory_file"), path))
        try:
            hosts = read(files.content(path, loader), path)
        except SitesError as error:
            self._refuse(str(error))
        for host in hosts:
            self._add(host)

    def _refuse(self, sentence: str) -> NoReturn:
        """Ends the command with all that is wrong, this ``sentence`` at least. A program that is no command of
        Ansible's gets an AnsibleParserError.
        """
        given = context.CLIARGS.get("inventory")
        if not given:
            raise AnsibleParserError(sentence) from None
        said = files.problems([str(source) for source in given], self.loader)
        self.display.error("\n".join([*(said if sentence in said else [sentence, *said]), "Nothing was changed."]))
        raise SystemExit(_UNREADABLE)

    def _add(self, host: Host) -> None:
        self.inventory.add_host(host.name)
        for group in host.groups:
            self.inventory.add_group(group)
            self.inventory.add_child(group, host.name)
        for name, value in host.variables.items():
            self.inventory.set_variable(host.name, name, value if name in FREE_TEXT else _trusted(value))


def _trusted(value: Any) -> Any:
    """The value with every string trusted: those of the file cannot hold a template, the others are our own."""
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    return trust_as_template(value) if isinstance(value, str) else value
