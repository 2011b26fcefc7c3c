# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of a role, before anything is changed: every mistake at once, a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ..module_utils._rules import addresses, containers, dicom, logins, syncthing, values
from . import _forwarder
from ._memory import largest_instance

_ADMIN = ("admin_user", "gateway_user", "viewer_user")
_PASSWORDS = ("admin_password", "gateway_password", "viewer_password")
_MEGABYTES = values.within(0, 2**31 - 1)
_SECONDS = values.within(1, 86400)


def problems(role: str, given: Mapping[str, Any], others: Collection[str] = ()) -> list[str]:
    """One sentence for each mistake; an empty list when all is well.

    ``role``: one of :data:`ROLES`. ``given``: all variables whose names begin with the role's.
    ``others``: the hosts of the inventory without the one that the role runs on; of use to ``syncthing_pair`` alone.
    """
    name = f"{role}_"
    own = {key[len(name) :]: value for key, value in given.items() if key.startswith(name)}
    rules, more = ROLES[role]
    found = [sentence for key, rule in rules.items() if (sentence := _judge(f"{name}{key}", own.get(key), rule))]
    # What fits together can be judged where each part is right.
    right = {key for key, rule in rules.items() if rule(own.get(key)) is None}
    return found + list(more(own, right)) + list(_hub(own, others) if role == "syncthing_pair" else ())


def _or_nothing(rule: values.Rule) -> values.Rule:
    return lambda value: None if value == "" else rule(value)


def _each(name: str, given: Any, rule: values.Rule, what: str) -> Iterator[str]:
    if not isinstance(given, list):
        yield f"{name} is {values.show(given)}; expected a list of {what}."
        return
    for one in given:
        if wrong := rule(one):
            yield f"{name} holds {values.show(one)}, which {wrong}."


def _judge(name: str, value: Any, rule: values.Rule) -> str | None:
    wrong = rule(value)
    if not wrong:
        return None
    return f"{name} {wrong}." if logins.names_a_secret(name) else f"{name} is {values.show(value)}, which {wrong}."


_CLOUD: dict[str, values.Rule] = {
    "site_id": containers.site_id,
    "root": values.folder,
    "network": containers.network,
    "orthanc_image": containers.image,
    "ohif_image": containers.image,
    "pull": values.choice("always", "missing", "never"),
    "rest_port": addresses.port,
    **dict.fromkeys(_ADMIN, logins.api_user),
    **dict.fromkeys(_PASSWORDS, logins.secret),
    "proxy_secret": logins.token,
    "title": values.one_line(80),
    "install_docker": values.switch,
    "upload": values.switch,
    "packed_uploads": values.switch,
    "orthanc_memory": containers.memory,
    "ohif_memory": containers.memory,
    "ohif_uid": values.within(0, 2**32 - 2),
    "http_threads": values.within(1, 1000),
    "storage_limit_mb": _MEGABYTES,
    "wait_timeout": _SECONDS,
}


def _cloud(own: Mapping[str, Any], right: set[str]) -> Iterator[str]:
    project = own.get("proxy_project")
    if project and values.one_line(128)(project):
        yield f"cloud_pacs_proxy_project is {values.show(project)}; expected the name of a compose project, or nothing."
    days = own.get("list_days")
    if not isinstance(days, list) or not days or any(values.whole(day, 1, 36500) for day in days):
        shown = days if isinstance(days, list) else values.show(days)
        yield f"cloud_pacs_list_days is {shown}; expected numbers of days, such as [30, 7, 2, 1]."
    if "orthanc_memory" in right:
        yield from _largest(str(own["orthanc_memory"]), own.get("largest_instance_mb"))
    for kind, keys in (("names", _ADMIN), ("passwords", _PASSWORDS)):
        if right.issuperset(keys) and len({own[key] for key in keys}) < len(keys):
            listed = f"cloud_pacs_{keys[0]}, cloud_pacs_{keys[1]} and cloud_pacs_{keys[2]}"
            why = "" if kind == "names" else "; the viewer's would otherwise open the administrator's account"
            yield f"{listed} must be three different {kind}{why}."


def _largest(memory: str, wanted: Any) -> Iterator[str]:
    fits = largest_instance(memory)
    if fits < 1:
        expected = "expected 1g or more, because Orthanc needs 768m beside the images"
        yield f"cloud_pacs_orthanc_memory is {memory}; {expected}."
    elif values.whole(wanted, 1, fits):
        yield (
            f"cloud_pacs_largest_instance_mb is {values.show(wanted)}; expected 1 to {fits}, which is what "
            f"cloud_pacs_orthanc_memory ({memory}) takes without Orthanc being killed. Orthanc needs 768 MiB and six "
            "times the largest file."
        )


_PROXY: dict[str, values.Rule] = {
    "root": values.folder,
    "network": containers.network,
    "image": containers.image,
    "pull": values.choice("always", "missing", "never"),
    "memory": containers.memory,
    "http_port": addresses.port,
    "https_port": addresses.port,
    "admin_port": addresses.port,
    "admin_email": addresses.email,
    "admin_password": logins.proxy_admin_password,
    "install_docker": values.switch,
    "acme_staging": values.switch,
    "stranger_rate": values.within(1, 10000),
    "wait_timeout": _SECONDS,
}


def _proxy(own: Mapping[str, Any], right: set[str]) -> Iterator[str]:
    name = "nginx_proxy_manager"
    ports = ("http_port", "https_port", "admin_port")
    if right.issuperset(ports) and len({values.number(own[key]) for key in ports}) < len(ports):
        yield f"{name}_http_port, {name}_https_port and {name}_admin_port must be three different ports."
    places = own.get("addresses")
    if not isinstance(places, list) or not places or not all(map(addresses.is_bindable, places)):
        shown = "', '".join(map(str, places)) if isinstance(places, list) else values.kind(places)
        expected = "expected addresses of this host such as 0.0.0.0, without brackets and ports"
        yield f"{name}_addresses is '{shown}'; {expected}."
    networks = own.get("networks")
    for network in networks if isinstance(networks, list) else [networks]:
        if wrong := containers.network(network):
            yield f"{name}_networks holds {values.show(network)}, which {wrong}."
        elif network == own.get("network"):
            yield f"{name}_networks holds {network!r}, which is {name}_network; expected the networks of sites alone."
    yield from _lists(own.get("access_lists"), own.get("proxy_hosts"))


def _lists(lists: Any, hosts: Any) -> Iterator[str]:
    for key, many in (("access_lists", lists), ("proxy_hosts", hosts)):
        if not isinstance(many, list) or not all(isinstance(one, Mapping) for one in many):
            yield f"nginx_proxy_manager_{key} is {values.kind(many)} of something else; expected a list of maps."
            return
    names = [one.get("name") for one in lists]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"nginx_proxy_manager_access_lists names the list {name!r} twice; give each list its own name."
    for one in lists:
        for wrong in logins.readers(one.get("items") or [], "nginx_proxy_manager_access_lists"):
            yield f"The access list {one.get('name')} has a person who could not log in: {wrong}"
    for host in hosts:
        if (wanted := host.get("access_list") or "") not in ["", *names]:
            yield (
                f"The proxy host {host.get('domain')} names the access list {wanted}, which "
                "nginx_proxy_manager_access_lists does not have; without it the host would be open to everybody."
            )


_GATEWAY: dict[str, values.Rule] = {
    "site_id": containers.site_id,
    "name": values.one_line(64, "$"),
    "aet": dicom.aet,
    "dicom_port": addresses.port,
    "rest_port": addresses.port,
    "admin_user": logins.api_user,
    "admin_password": logins.secret,
    "data_dir": values.windows_folder,
    "storage_dir": values.windows_folder,
    "worklist_dir": values.windows_folder,
    "storage_limit_mb": _MEGABYTES,
    "install_timeout": _SECONDS,
    "keep_awake": values.switch,
    "scanner_ack_at_once": values.switch,
}


def _gateway(own: Mapping[str, Any], right: set[str]) -> Iterator[str]:
    name = "orthanc_windows_gateway"
    ports = ("dicom_port", "rest_port")
    if right.issuperset(ports) and len({values.number(own[key]) for key in ports}) < len(ports):
        yield f"{name}_dicom_port and {name}_rest_port are both {own['rest_port']}; expected two different ports."
    if right.issuperset(("storage_dir", "worklist_dir")):
        first, second = sorted(f"{str(own[key]).lower()}\\" for key in ("storage_dir", "worklist_dir"))
        if second.startswith(first):
            yield f"{name}_worklist_dir and {name}_storage_dir lie in each other; expected two separate folders."
    certificates = own.get("ca_certificates")
    if certificates and values.one_line(260)(certificates):
        expected = "expected the path of a file on the PC, or nothing"
        yield f"{name}_ca_certificates is {values.show(certificates)}; {expected}."
    authorities = own.get("ca_file")
    if authorities and values.controllers_path(authorities):
        expected = "expected the path of a file on the controller, or nothing"
        yield f"{name}_ca_file is {values.show(authorities)}; {expected}."
    if authorities and certificates:
        expected = "expected one, the file on the controller or that on the PC"
        yield f"{name}_ca_file and {name}_ca_certificates are both set; {expected}."
    # Never shown: it may hold a password.
    if own.get("http_proxy") and addresses.http_proxy(own["http_proxy"]):
        yield f"{name}_http_proxy {addresses.http_proxy(own['http_proxy'])}."
    installer = own.get("installer")
    if not isinstance(installer, Mapping) or any(
        values.text(installer.get(key)) for key in ("src", "sha256", "version")
    ):
        yield f"{name}_installer is {values.kind(installer)} that lacks src, sha256 or version; expected all, as texts."
    yield from _scanners(own, own["aet"] if "aet" in right else None)
    more = own.get("more_peers")
    if not isinstance(more, list):
        yield f"{name}_more_peers is {values.show(more)}; expected a list of destinations."
    yield from _forwarder.problems(own.get("forwarder"), [own.get("peer"), *(more if isinstance(more, list) else [])])


def _scanners(own: Mapping[str, Any], aet: str | None) -> Iterator[str]:
    name = "orthanc_windows_gateway"
    scanners, address = own.get("scanners"), own.get("scanner_address")
    home = None
    if not address and own.get("scanner_mac"):
        missing = f"{name}_scanner_address is missing beside {name}_scanner_mac"
        yield f"{missing}; expected both or neither."
    if address:
        if sentence := _judge(f"{name}_scanner_address", address, addresses.interface):
            yield sentence
        else:
            home = str(address)
        if sentence := _judge(f"{name}_scanner_mac", own.get("scanner_mac"), addresses.mac):
            yield f"{sentence} The adapter that is wired to the scanner is meant; getmac /v shows them on the PC."
    if not isinstance(scanners, Mapping):
        yield f"{name}_scanners is {values.show(scanners)}; expected a map of scanners by their names."
        return
    good: dict[str, dict[str, Any]] = {}
    for scanner, given in scanners.items():
        place = f"{name}_scanners.{scanner}"
        if wrong := dicom.scanner_name(scanner):
            yield f"{name}_scanners holds the name {values.show(scanner)}, which {wrong}."
        if not isinstance(given, Mapping):
            yield f"{place} is {values.show(given)}; expected a map with aet, host and port."
            continue
        good[str(scanner)] = {}
        for key, rule in dicom.SCANNER.items():
            if key == "manufacturer" and not given.get(key):
                continue
            if sentence := _judge(f"{place}.{key}", given.get(key), rule):
                yield sentence
            else:
                good[str(scanner)][key] = given[key]
    for scanner, key, wrong in dicom.together(good, aet, home):
        yield f"{name}_scanners.{scanner}.{key} is {values.show(scanners[scanner][key])}, which {wrong}."


_LINK: dict[str, values.Rule] = {
    "site_id": containers.site_id,
    "folder_id": syncthing.folder_id,
    "hub_address": addresses.sync_address,
    "hub_directory": values.folder,
    "hub_home": values.folder,
    "hub_api_url": addresses.web_url,
    "hub_owner": values.plain(32),
    "hub_group": values.plain(32),
    "hub_mode": values.mode,
    "hub_options": values.switch,
    "hub_receive_limit": values.within(0, 2**31 - 1),
    "gateway_directory": values.windows_path,
    "gateway_home": values.windows_path,
    "gateway_api_url": addresses.loopback_url,
    "staging": values.windows_path,
    "install_timeout": _SECONDS,
    "gui_user": values.one_line(64),
    "wait_timeout": _SECONDS,
}


def _link(own: Mapping[str, Any], right: set[str]) -> Iterator[str]:
    name = "syncthing_pair"
    yield from _each(f"{name}_hub_listen", own.get("hub_listen"), syncthing.listen, "addresses to listen at")
    yield from _each(f"{name}_gateway_networks", own.get("gateway_networks"), syncthing.network, "networks")
    # A password in its place must not be shown.
    if wrong := _or_nothing(syncthing.password_hash)(own.get("gui_password_hash")):
        yield f"{name}_gui_password_hash {wrong}."
    for key in ("installer", "archive"):
        given = own.get(key)
        if not isinstance(given, Mapping):
            yield f"{name}_{key} is {values.show(given)}; expected a map with src and sha256, or an empty one."
            continue
        for part, rule in (("src", values.controllers_path), ("sha256", values.checksum)) if given else ():
            if sentence := _judge(f"{name}_{key}.{part}", given.get(part), rule):
                yield sentence


def _hub(own: Mapping[str, Any], others: Collection[str]) -> Iterator[str]:
    hub = own.get("hub")
    if hub not in others:
        yield (
            f"syncthing_pair_hub is {values.show(hub)}, which is no other host of the inventory; the role runs on the "
            "gateway and needs the name of another host as its hub."
        )


_ENGINE: dict[str, values.Rule] = {
    "install": values.switch,
    "network": _or_nothing(containers.network),
    "project": _or_nothing(containers.project),
}
_REPOSITORY: dict[str, values.Rule] = {
    "uris": addresses.web_url,
    "suites": values.one_line(128),
    "components": values.one_line(128),
    "key": lambda value: None if "BEGIN PGP PUBLIC KEY" in str(value) else "is no public key; expected one in armour",
}


def _engine(own: Mapping[str, Any], right: set[str]) -> Iterator[str]:
    yield from _each("docker_host_packages", own.get("packages"), containers.package, "packages")
    yield from _each("docker_host_network_members", own.get("network_members"), containers.project, "projects")
    labels = own.get("network_labels")
    if not isinstance(labels, Mapping):
        yield f"docker_host_network_labels is {values.show(labels)}; expected a map of labels."
    repositories = own.get("repositories")
    if not isinstance(repositories, list) or not all(isinstance(one, Mapping) for one in repositories):
        yield f"docker_host_repositories is {values.kind(repositories)}; expected a list of maps."
        return
    for number, one in enumerate(repositories):
        for key, rule in _REPOSITORY.items():
            if key == "components" and key not in one:
                continue
            if sentence := _judge(f"docker_host_repositories[{number}].{key}", one.get(key), rule):
                yield sentence


_ACCESS: dict[str, values.Rule] = {
    "network": addresses.tunnel_network,
    "wireguard_port": addresses.port,
    "ssh_port": addresses.port,
    "interface": values.plain(15),
    "handshake_age": values.within(130, 86400),
    "wait_timeout": _SECONDS,
}


def _access(own: Mapping[str, Any], right: set[str]) -> Iterator[str]:
    name = "gateway_access"
    yield from _each(f"{name}_operators", own.get("operators"), addresses.ipv4_network, "networks")
    yield from _each(f"{name}_ports", own.get("ports"), addresses.port, "ports")


_More = Callable[[Mapping[str, Any], "set[str]"], "Iterator[str]"]
ROLES: dict[str, tuple[dict[str, values.Rule], _More]] = {
    "cloud_pacs": (_CLOUD, _cloud),
    "nginx_proxy_manager": (_PROXY, _proxy),
    "orthanc_windows_gateway": (_GATEWAY, _gateway),
    "syncthing_pair": (_LINK, _link),
    "gateway_access": (_ACCESS, _access),
    "docker_host": (_ENGINE, _engine),
}
