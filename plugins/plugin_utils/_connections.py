# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the hosts of a site are reached is the site file's to say, and all of them are verified. Pure.

Variables say it, and so do ``ansible.cfg``, the environment and the options of a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# What the site file gives. Ansible also knows it by an older name, or by one of the connection.
_PLACES = {"host": "host", "port": "port", "user": "user"}
_GIVEN = {
    f"ansible_{kind}{key}": (f"ansible_{key}", place)
    for key, place in _PLACES.items()
    for kind in ("", "ssh_", "winrm_", "psrp_", "paramiko_")
}
_SSH = frozenset({"ssh", "smart", "ansible.builtin.ssh"})
_WINRM = "winrm"
_OFF = frozenset({"false", "no", "off", "0", "n", "f"})
# "accept-new" takes any key from a host that was not seen before.
_UNVERIFIED_SSH = re.compile(r"StrictHostKeyChecking[\s=]+['\"]?(no|off|false|accept-new)\b", re.IGNORECASE)
_SSH_ARGUMENTS = frozenset({f"ansible_{name}" for name in ("ssh_args", "ssh_common_args", "ssh_extra_args")})
_VERIFYING = frozenset(
    {
        *("ansible_winrm_server_cert_validation", "ansible_psrp_cert_validation", "ansible_winrm_scheme"),
        *("ansible_winrm_message_encryption", "ansible_host_key_checking", "ansible_ssh_host_key_checking"),
        "ansible_paramiko_host_key_checking",
    }
)
# What proves an enrolled PC and logs in there comes from its acceptance.
_OF_ENROLLED = frozenset(
    {"ansible_password", "ansible_winrm_pass", "ansible_winrm_password"}
    | {"ansible_winrm_ca_trust_path", "ansible_winrm_proxy"}
)
# Every variable about which something may be said here.
NAMES = frozenset({"ansible_connection", *_GIVEN, *_VERIFYING, *_SSH_ARGUMENTS, *_OF_ENROLLED})
_CERTIFICATES = "the certificates of the gateways are always verified; name their authority in mediverse_winrm_ca"
_HOST_KEYS = "the keys of SSH hosts are always verified; add them to known_hosts"


def overridden(name: str, value: Any, hosts: Mapping[str, Mapping[str, Any]], of_a_group: bool) -> str | None:
    """The sentence about a variable that contradicts the site file about how a host is reached; None otherwise.

    hosts       the variables that the site file gives to each host that the variable is meant for.
    of_a_group  the variable of a group may be right for one of its hosts alone, because the site file wins there.
    """
    if not hosts:
        return None
    if name in _OF_ENROLLED:
        enrolled = [host for host, given in hosts.items() if "ansible_winrm_proxy" in given]
        # The site file wins over a group, but for other names of the password, which it does not give. A value is not
        # looked at, as it may be of the vault.
        wins = of_a_group and all(name in hosts[host] for host in enrolled)
        if not enrolled or wins or (name == "ansible_winrm_proxy" and value is None):
            return None
        return (
            f"{name} cannot be set for {enrolled[0]}: it is an enrolled PC, which its own certificate proves and to "
            "which accept.yml has given a password; remove it here."
        )
    if name == "ansible_connection":
        ways = [_way(given) for given in hosts.values()]
        if (any if of_a_group else all)(str(value) in way for way in ways):
            return None
        return f"{name} is the site file's to say, where gateways have WinRM and the others SSH; remove it here."
    if name not in _GIVEN:
        return None
    own, place = _GIVEN[name]
    wanted = [str(given[own]) for given in hosts.values()]
    if str(value) in wanted if of_a_group else all(str(value) == one for one in wanted):
        return None
    places = {_place(host, given, place) for host, given in hosts.items()}
    where = places.pop() if len(places) == 1 else f"{place} of each host"
    return f"{name} stands in the site file ({where}); change it there and remove it here."


def weakened(name: str, value: Any) -> str | None:
    """The sentence about a variable that would have a host trusted without proof; None when it does not."""
    text = str(value).strip().lower()
    if name == "ansible_winrm_server_cert_validation" or name == "ansible_psrp_cert_validation":
        return None if text in ("validate", "true") else f"{name} cannot be set: {_CERTIFICATES} and remove it here."
    if name == "ansible_winrm_scheme":
        return (
            None if text == "https" else f"{name} cannot be set: gateways are reached over HTTPS only; remove it here."
        )
    if name == "ansible_winrm_message_encryption":
        return None if text != "never" else f"{name} cannot be set: messages are always encrypted; remove it here."
    if name in ("ansible_host_key_checking", "ansible_ssh_host_key_checking", "ansible_paramiko_host_key_checking"):
        return f"{name} cannot be set: {_HOST_KEYS} and remove it here." if text in _OFF else None
    if name in _SSH_ARGUMENTS and _UNVERIFIED_SSH.search(str(value)):
        return f"{name} cannot switch StrictHostKeyChecking off: {_HOST_KEYS} and remove it here."
    return None


def settled(variables: Mapping[str, Any], hosts: Mapping[str, Mapping[str, Any]], of_a_group: bool) -> Iterator[str]:
    """Both kinds of sentences about all variables of one place."""
    for name, value in variables.items():
        # Others are left as they are: a value of Ansible Vault may need a password that this run does not have.
        if name not in NAMES:
            continue
        said = overridden(str(name), value, hosts, of_a_group) or (weakened(str(name), value) if hosts else None)
        if said:
            yield said


# Options of Ansible's connection by SSH that are asked for in C(ansible.cfg), the environment and the command line.
OPTIONS = ("host_key_checking", "ssh_args", "ssh_common_args", "ssh_extra_args")


def configured(values: Mapping[str, tuple[Any, str]], transport: tuple[Any, str]) -> Iterator[str]:
    """A sentence about each setting of Ansible itself that would have hosts trusted without proof, or leads elsewhere.

    values     the value of each of ``OPTIONS`` and where it comes from, such as C(env: ANSIBLE_SSH_ARGS).
    transport  the same of the connection that Ansible takes for a host that names none.
    """
    for name, (value, origin) in values.items():
        said = weakened(f"ansible_{name}", value)
        if said:
            yield f"{_origin(origin)}: {said.removeprefix('ansible_')}"
    way, origin = transport
    if str(way) not in _SSH:
        wrong = f"the connection is {str(way)!r}; hosts of a site have SSH or WinRM"
        yield f"{_origin(origin)}: {wrong}, so remove it here."


def _origin(origin: str) -> str:
    """Where a setting of Ansible's comes from, in the words of an operator."""
    kind, __, name = origin.partition(":")
    return name.strip() if kind == "env" else f"--{name.strip().replace('_', '-')}" if kind == "cli" else origin


def _way(given: Mapping[str, Any]) -> frozenset[str]:
    return frozenset({_WINRM}) if given.get("ansible_connection") == _WINRM else _SSH


def _place(host: str, given: Mapping[str, Any], key: str) -> str:
    site = given.get("mediverse_site")
    return f"sites.{site}.{host.removeprefix(f'{site}-')}.{key}" if site else f"{host}.{key}"
