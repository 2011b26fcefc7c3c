# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every mistake that a site file can hold is one error with its path, the value and what is expected."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites import SitesError, read

from tests.unit.sites.site_file import GOOD, REMOVED, changed

CT1 = "sites.kanifing.scanners.ct1"
GATEWAY = "sites.kanifing.gateway"
CLOUD = "sites.kanifing.cloud"

# path that is changed, new value, path that is reported, words that the message must hold
WRONG: list[tuple[str, Any, str, tuple[str, ...]]] = [
    (f"{CT1}.aet", "CT_SCANNER_ROOM_1", f"{CT1}.aet", ("'CT_SCANNER_ROOM_1'", "has 17 characters", "at most 16")),
    (f"{CT1}.aet", "CT\\1", f"{CT1}.aet", ("contains '\\\\'", "AE title")),
    (f"{CT1}.aet", "CTé", f"{CT1}.aet", ("contains 'é'",)),
    (f"{CT1}.aet", "CT\n1", f"{CT1}.aet", ("contains '\\n'",)),
    (f"{CT1}.aet", " CT", f"{CT1}.aet", ("begins or ends with a space",)),
    (f"{CT1}.aet", "", f"{CT1}.aet", ("is empty",)),
    (f"{CT1}.aet", 123, f"{CT1}.aet", ("is a number", "quote it")),
    (f"{CT1}.aet", None, f"{CT1}.aet", ("is empty; expected a string",)),
    (f"{CT1}.aet", "MEDIVERSE", f"{CT1}.aet", ("AE title of the gateway too",)),
    (f"{CT1}.aet", REMOVED, f"{CT1}.aet", ("missing",)),
    (f"{CT1}.host", "192.168.1.10", f"{CT1}.host", ("outside 192.168.0.0/24", "gateway.scanner_address")),
    (f"{CT1}.host", "192.168.0.20", f"{CT1}.host", ("the gateway's own address",)),
    (f"{CT1}.host", "192.168.0.255", f"{CT1}.host", ("broadcast address",)),
    (f"{CT1}.host", "scanner.local", f"{CT1}.host", ("not an IPv4 address", "firewall")),
    (f"{CT1}.host", "127.0.0.1", f"{CT1}.host", ("no address of a scanner",)),
    (f"{CT1}.port", 0, f"{CT1}.port", ("1 to 65535",)),
    (f"{CT1}.port", 65536, f"{CT1}.port", ("1 to 65535",)),
    (f"{CT1}.port", "104", f"{CT1}.port", ("'104' is not a port",)),
    (f"{CT1}.port", True, f"{CT1}.port", ("True is not a port",)),
    (f"{CT1}.manufacturer", "Siemens", f"{CT1}.manufacturer", ("Generic", "Vitrea")),
    (f"{CT1}.ae_title", "CT2", f"{CT1}.ae_title", ("unknown", "Did you mean aet?")),
    (f"{CT1}.prot", 104, f"{CT1}.prot", ("unknown", "Did you mean port?")),
    (f"{GATEWAY}.scanner_adress", "x", f"{GATEWAY}.scanner_adress", ("unknown", "Did you mean scanner_address?")),
    (f"{GATEWAY}.mac", "x", f"{GATEWAY}.mac", ("Did you mean scanner_mac?",)),
    (f"{GATEWAY}.zzz", "x", f"{GATEWAY}.zzz", ("unknown", "host, user, port, aet, scanner_address, scanner_mac.")),
    (f"{GATEWAY}.scanner_address", "192.168.0.20", f"{GATEWAY}.scanner_address", ("length of the network",)),
    (f"{GATEWAY}.scanner_address", "192.168.0.20/31", f"{GATEWAY}.scanner_address", ("/8 to /30",)),
    (f"{GATEWAY}.scanner_address", "192.168.0.0/24", f"{GATEWAY}.scanner_address", ("network or broadcast",)),
    (f"{GATEWAY}.scanner_address", "fd00::1/64", f"{GATEWAY}.scanner_address", ("192.168.0.20/24",)),
    (f"{GATEWAY}.scanner_mac", "00:1B:44:11:3A", f"{GATEWAY}.scanner_mac", ("not a MAC address",)),
    (f"{GATEWAY}.scanner_mac", "00:1B-44:11:3A:B7", f"{GATEWAY}.scanner_mac", ("not a MAC address",)),
    (f"{GATEWAY}.scanner_mac", "01:1B:44:11:3A:B7", f"{GATEWAY}.scanner_mac", ("group address",)),
    (f"{GATEWAY}.scanner_mac", 12345, f"{GATEWAY}.scanner_mac", ("quote it",)),
    (f"{GATEWAY}.scanner_mac", REMOVED, f"{GATEWAY}.scanner_mac", ("missing",)),
    (f"{GATEWAY}.host", "localhost", f"{GATEWAY}.host", ("the machine that runs Ansible",)),
    (f"{GATEWAY}.host", "10.8.0.300", f"{GATEWAY}.host", ("not a host",)),
    (f"{GATEWAY}.host", "203.0.113.10", f"{GATEWAY}.host", ("used by sites.kanifing.cloud too",)),
    (f"{GATEWAY}.host", "clfy.mediverse.ai", f"{GATEWAY}.host", ("used by hub too",)),
    (f"{GATEWAY}.user", "bad:user", f"{GATEWAY}.user", ("not a user name",)),
    (f"{GATEWAY}.aet", "MEDIVERSE_KANIFING", f"{GATEWAY}.aet", ("has 18 characters",)),
    (f"{CLOUD}.host", "0.0.0.0", f"{CLOUD}.host", ("no address of a remote machine",)),
    (f"{CLOUD}.host", "pacs.example.com", f"{CLOUD}.host", ("left over from an example",)),
    (f"{CLOUD}.host", "{{ cloud }}", f"{CLOUD}.host", ("holds a template",)),
    (f"{CLOUD}.user", "{# deploy #}", f"{CLOUD}.user", ("holds a template",)),
    (f"{CLOUD}.rest_port", 70000, f"{CLOUD}.rest_port", ("1 to 65535",)),
    (CLOUD, "203.0.113.10", CLOUD, ("no map", "host, user, port, rest_port")),
    (CLOUD, REMOVED, CLOUD, ("missing",)),
    ("sites.kanifing.scanners", {}, "sites.kanifing.scanners", ("at least one of the scanners",)),
    ("sites.kanifing.scanners", [], "sites.kanifing.scanners", ("at least one of the scanners",)),
    ("sites.kanifing.label", "a\nb", "sites.kanifing.label", ("on one line",)),
    ("sites.kanifing.label", "x" * 65, "sites.kanifing.label", ("up to 64",)),
    ("sites", {}, "sites", ("at least one of the sites",)),
    ("sites", None, "sites", ("at least one of the sites",)),
    ("domain", "example.com", "domain", ("left over from an example",)),
    ("domain", "mediverse", "domain", ("not a domain",)),
    ("domain", "Mediverse.ai", "domain", ("lower-case",)),
    ("domain", "-x.ai", "domain", ("not a domain",)),
    ("domain", "203.0.113.10", "domain", ("not a domain",)),
    ("domain", f"{'a' * 60}.{'b' * 60}.{'c' * 60}.ai", "domain", ("not a domain",)),
    ("domain", REMOVED, "domain", ("missing",)),
    ("plugin", "other.plugin", "plugin", ("expected mediverse.pacs.sites",)),
    ("hub", REMOVED, "hub", ("missing",)),
    ("hub.host", REMOVED, "hub.host", ("missing",)),
    ("hub.worklist_root", "files", "hub.worklist_root", ("absolute path",)),
    ("hub.worklist_root", "/files/../etc", "hub.worklist_root", ("absolute path",)),
    ("hub.worklist_root", "/", "hub.worklist_root", ("absolute path",)),
    ("hub.worklist_uid", 0, "hub.worklist_uid", ("not root",)),
    ("hub.worklist_uid", "node", "hub.worklist_uid", ("not a user id",)),
    ("hub.sync_address", "clfy.mediverse.ai:22000", "hub.sync_address", ("tcp://",)),
    ("hub.sync_address", "tcp://u:p@clfy.mediverse.ai:22000", "hub.sync_address", ("not a Syncthing address",)),
    ("hub.sync_address", "tcp://clfy.mediverse.ai:99999", "hub.sync_address", ("not a Syncthing address",)),
    ("site", {}, "site", ("unknown", "Did you mean sites?")),
]


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(SitesError) as caught:
        read(text, "mediverse.sites.yml")
    return [(problem.path, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(("path", "value", "reported", "words"), WRONG)
def test_each_mistake_is_one_problem(path: str, value: Any, reported: str, words: tuple[str, ...]) -> None:
    found = problems(changed((path, value)))
    assert [where for where, __ in found] == [reported]
    message = found[0][1]
    assert all(word in message for word in words), message
    assert message.endswith((".", "?"))
    assert "\n" not in message


@pytest.mark.parametrize(
    "site",
    ["Kanifing", "kan_ifing", "-kanifing", "kanifing-", "kan.ifing", "k" * 33, "hub", "all", "nginx-proxy-manager"],
)
def test_site_ids_are_dns_labels(site: str) -> None:
    text = changed(("sites", {site: GOOD["sites"]["kanifing"]}))
    found = problems(text)
    assert len(found) == 1
    assert found[0][0] == f"sites.{site}"
    assert repr(site) in found[0][1]


def test_a_site_id_that_yaml_reads_as_a_boolean() -> None:
    found = problems(changed().replace("kanifing:", "no:"))
    assert found[0][0] == "sites.False"
    assert "expected a string" in found[0][1]


@pytest.mark.parametrize("name", ["ct 1", "ct/1", "ct.1", "x" * 33, "mediverse-proof"])
def test_scanner_names(name: str) -> None:
    found = problems(changed(("sites.kanifing.scanners", {name: GOOD["sites"]["kanifing"]["scanners"]["ct1"]})))
    assert [where for where, __ in found] == [f"sites.kanifing.scanners.{name}"]


def test_two_scanners_of_one_site() -> None:
    scanner = {"aet": "CT_SCANNER", "host": "192.168.0.10", "port": 104}
    found = problems(changed(("sites.kanifing.scanners.ct2", scanner)))
    assert found == [
        (
            "sites.kanifing.scanners.ct2.aet",
            "'CT_SCANNER' is the AE title of scanner ct1 too; expected one AE title for each station of a site.",
        ),
        (
            "sites.kanifing.scanners.ct2.host",
            "'192.168.0.10' with port 104 is scanner ct1 too; expected its own address or port.",
        ),
    ]


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        (
            [("sites.brikama.cloud.host", "203.0.113.10")],
            "sites.brikama.cloud.host",
            "'203.0.113.10' is used by sites.kanifing too with the same rest_port 8042; expected that a cloud host is "
            "shared only by sites with different cloud.rest_port.",
        ),
        ([("sites.brikama.gateway.host", "10.8.0.12")], "sites.brikama.gateway.host", "every gateway has its own"),
        (
            [("sites.brikama.gateway.scanner_mac", "00-1b-44-11-3a-b7")],
            "sites.brikama.gateway.scanner_mac",
            "its own MAC address",
        ),
        ([("sites.brikama.gateway.host", "203.0.113.10")], "sites.brikama.gateway.host", "sites.kanifing.cloud too"),
    ],
)
def test_what_two_sites_cannot_share(changes: list[tuple[str, Any]], path: str, words: str) -> None:
    found = problems(changed(*changes, second=True))
    assert [where for where, __ in found] == [path]
    assert words in found[0][1]


@pytest.mark.parametrize(
    "changes",
    [
        [("sites.brikama.cloud.host", "203.0.113.10"), ("sites.brikama.cloud.rest_port", 8043)],
        [("sites.brikama.gateway.host", "10.8.0.12"), ("sites.brikama.gateway.port", 15986)],
        [("hub.host", "203.0.113.10")],
    ],
)
def test_what_two_sites_can_share(changes: list[tuple[str, Any]]) -> None:
    assert len(read(changed(*changes, second=True), "x.sites.yml")) == 5


def test_a_site_named_like_a_host() -> None:
    site = {**GOOD["sites"]["kanifing"], "cloud": {"host": "203.0.113.12"}}
    site["gateway"] = {**site["gateway"], "host": "10.8.0.14", "scanner_mac": "00:1B:44:11:3A:B9"}
    found = problems(changed(("sites.kanifing-cloud", site)))
    assert [where for where, __ in found] == ["sites.kanifing-cloud"]
    assert "also the host of site 'kanifing'" in found[0][1]


@pytest.mark.parametrize("key", ["password", "admin_password", "apiKey", "api_key", "token", "secret", "passwd"])
def test_secrets_are_refused_and_not_repeated(key: str) -> None:
    found = problems(changed((f"sites.kanifing.gateway.{key}", "my-own-Secret-value")))
    assert [where for where, __ in found] == [f"sites.kanifing.gateway.{key}"]
    assert "mediverse_secrets" in found[0][1]
    assert "my-own-Secret-value" not in found[0][1]


def test_a_burned_password_is_named_as_such() -> None:
    found = problems(changed(("sites.kanifing.gateway.password", "changeme")))
    assert "well-known password" in found[0][1]
    found = problems(changed(("sites.kanifing.label", "alicePassword")))
    assert found == [("sites.kanifing.label", "the value is a well-known password; a site file holds no secrets.")]


def test_all_errors_of_a_file_at_once() -> None:
    text = changed(
        ("domain", "example.com"),
        ("hub.hots", "x"),
        ("sites.kanifing.scanners.ct1.aet", "A" * 17),
        ("sites.kanifing.scanners.ct1.port", "x"),
        ("sites.brikama.cloud.host", "203.0.113.10"),
        second=True,
    )
    with pytest.raises(SitesError) as caught:
        read(text, "mediverse.sites.yml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "The site file mediverse.sites.yml has 5 errors:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "domain",
        "hub.hots",
        "sites.kanifing.scanners.ct1.aet",
        "sites.kanifing.scanners.ct1.port",
        "sites.brikama.cloud.host",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("a: [1\n", "not valid YAML"),
        ("a: b: c\n", "line 1"),
        ("- plugin\n", "no map"),
        ("plugin: !vault |\n  abc\n", "mediverse_secrets"),
        ("plugin: !!python/object:os.system x\n", "expected"),
    ],
)
def test_files_that_are_no_site_file(text: str, words: str) -> None:
    with pytest.raises(SitesError) as caught:
        read(text, "x.sites.yml")
    assert words in str(caught.value)


def test_a_key_that_stands_twice() -> None:
    text = changed() + "domain: mediverse.org\n"
    found = problems(text)
    assert [where for where, __ in found] == ["domain"]
    assert "stands twice, in lines 2 and" in found[0][1]
    nested = changed().replace("      host: 203.0.113.10\n", "      host: 203.0.113.10\n      host: 203.0.113.9\n")
    assert [where for where, __ in problems(nested)] == ["sites.kanifing.cloud.host"]
