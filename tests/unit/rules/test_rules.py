# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What single values may be. The cases come from the standards and from what the servers do, not from the code."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._rules import (
    addresses,
    containers,
    dicom,
    logins,
    syncthing,
    values,
)

# Each of these was taken by the product that the case is about.
RIGHT: list[tuple[values.Rule, list[Any]]] = [
    (dicom.aet, ["CT", "CT SCANNER 1", "A" * 16, "ct-1_x", "{}$%&/()"]),
    (dicom.scanner_name, ["ct1", "MR_2", "x-ray-room-3", "9", "a" * 32]),
    (dicom.orthanc_name, ["MediverseCloud_kanifing", "_x", "-"]),
    (dicom.manufacturer, ["Generic", "GE", "Vitrea"]),
    (
        addresses.host,
        ["10.8.0.12", "203.0.113.10", "2001:db8::10", "clfy.mediverse.ai", "pc-7", "a" * 63 + ".ai", "1x"],
    ),
    (addresses.ipv4, ["192.168.0.10", "10.0.0.1", "172.31.255.254"]),
    (addresses.interface, ["192.168.0.20/24", "10.0.0.5/8", "10.1.2.1/30"]),
    (addresses.mac, ["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "02:00:00:00:00:01"]),
    (addresses.port, [1, 104, 65535, "104", "8042"]),
    (
        addresses.sync_address,
        ["tcp://clfy.mediverse.ai:22000", "quic://10.8.0.1:22000", "tcp://[2001:db8::10]:22000", "tcp4://h.ai"],
    ),
    (addresses.loopback_url, ["http://127.0.0.1:8384", "http://localhost:8384", "https://[::1]:1", "http://127.9.9.9"]),
    (addresses.https_url, ["https://pacs.example.org/", "https://10.0.0.1:8443", "https://a.example.org/orthanc/x"]),
    (addresses.email, ["a@b.org", "first.last+tag@sub.example.org"]),
    (logins.secret, ["x" * 12, "x" * 128, "a b'c\"d$e{f}g\\h", "correct horse battery"]),
    (logins.token, ["a" * 20, "A9.~_-" * 20]),
    (logins.api_user, ["admin", "a.b@c.org", "9" * 64]),
    (logins.reader, ["dr.house", "anna@hospital", "ü", "a#b", "x" * 100]),
    (logins.reader_password, ["x", "with space", "~" * 256, "a-"]),
    (containers.site_id, ["kanifing", "a", "site-2", "9lives", "a" * 32]),
    (
        containers.image,
        ["orthancteam/orthanc:26.8.1", "registry:5000/a/b:1", f"a@sha256:{'0' * 64}", f"a:1@sha256:{'f' * 64}"],
    ),
    (containers.network, ["mediverse-proxy", "a.b_c-1", "12345", "null"]),
    (containers.memory, ["2g", "256m", "6m", "6291456", "2097152k", "6291456b", "2G"]),
    (containers.project, ["mediverse-proxy", "a_b", "9"]),
    (containers.package, ["docker.io", "docker-ce=5:28.5.2-1~debian.13~trixie", "libstdc++6:amd64"]),
    (logins.proxy_admin_password, ["x" * 8, "x" * 64, "with${X}it"]),
    (syncthing.folder_id, ["worklists-demo", "a" * 64, "A.b_c", 12]),
    (syncthing.listen, ["default", "tcp://0.0.0.0:22000", "quic://[::]:22000", "tcp://:22000", "relay://a/?id=X"]),
    (syncthing.network, ["10.8.0.0/24", "!10.8.0.0/24", "2001:db8::/32", "10.8.0.12"]),
    (syncthing.password_hash, ["$2a$10$" + "." * 53, "$2y$05$" + "aZ9/" * 13 + "x"]),
    (values.plain(5), ["a.b-c", "1000", 1000]),
    (values.mode, ["2750", "755"]),
    (values.checksum, ["0" * 64, "aF" * 32]),
    (values.controllers_path, ["/a b/ü.exe"]),
    (values.windows_path, ["C:\\Program Files\\Mediverse", "d:\\ü (x86)"]),
    (values.folder, ["/files/worklists_wl", "/opt/a.b-c"]),
    (values.windows_folder, ["C:\\Orthanc", "d:\\a\\b-c_d"]),
    (values.one_line(5), ["x", "é ß", "'\"<>"]),
    (functools.partial(values.whole, low=0, high=10), [0, 10, "0", "7"]),
]
"""Rule and values that it takes."""

WRONG: list[tuple[values.Rule, list[tuple[Any, str]]]] = [
    (
        dicom.aet,
        [
            ("", "is empty"),
            ("   ", "is empty"),
            ("A" * 17, "has 17 characters"),
            ("CT\\1", "contains"),
            ("CT\n", "contains"),
            ("CT\u00c9", "contains"),
            ("CT\t1", "contains"),
            (" CT", "begins or ends with a space"),
            ("CT ", "begins or ends with a space"),
            (104, "is a number"),
            (None, "is empty"),
            (True, "is true or false"),
            (["CT"], "is a list"),
        ],
    ),
    (
        dicom.scanner_name,
        [
            ("ct 1", "no name of a scanner"),
            ("", "no name"),
            ("a" * 33, "up to 32"),
            ("ct1\n", "no name"),
            ("_ct", "no name"),
            (1, "no name"),
            ("self-test", "uses for itself"),
            ("Self-Test", "uses for itself"),
            ("mediverse-proof", "uses for itself"),
        ],
    ),
    (
        dicom.orthanc_name,
        [("a/b", "letters"), ("", "letters"), ("a\n", "letters"), ("é", "letters"), (None, "letters")],
    ),
    (
        dicom.manufacturer,
        [("Siemens", "Generic, "), ("generic", "Generic, "), ("", "Generic, "), (["GE"], "Generic, ")],
    ),
    (
        addresses.host,
        [
            ("", "is empty"),
            ("127.0.0.1", "no address of a remote machine"),
            ("::1", "no address of a remote machine"),
            ("0.0.0.0", "no address of a remote machine"),
            ("224.0.0.1", "no address of a remote machine"),
            ("255.255.255.255", "no address of a remote machine"),
            ("240.0.0.1", "no address of a remote machine"),
            ("169.254.7.7", "no address of a remote machine"),
            ("fe80::1", "no address of a remote machine"),
            ("localhost", "runs Ansible"),
            ("LOCALHOST", "runs Ansible"),
            ("10.8.0", "is not a host"),
            ("10.8.0.300", "is not a host"),
            ("010.8.0.1", "is not a host"),
            ("a b", "is not a host"),
            ("-a.org", "is not a host"),
            ("a..b", "is not a host"),
            ("a.b.", "is not a host"),
            ("a_b", "is not a host"),
            ("root@10.0.0.1", "is not a host"),
            ("http://a.org", "is not a host"),
            ("a.org\n", "is not a host"),
            ("a" * 64 + ".org", "is not a host"),
            (".".join(["a" * 60] * 5), "is not a host"),
            (12, "is a number"),
            ({"password": "S"}, "is a map"),
        ],
    ),
    (
        addresses.ipv4,
        [
            ("ct1.local", "is not an IPv4 address"),
            ("2001:db8::1", "is not an IPv4 address"),
            ("192.168.0.10/24", "is not an IPv4 address"),
            ("192.168.0.010", "is not an IPv4 address"),
            ("192.168.0.10 ", "is not an IPv4 address"),
            (3232235530, "is a number"),
            ("127.0.0.1", "no address of a scanner"),
            ("255.255.255.255", "no address of a scanner"),
            ("169.254.1.1", "no address of a scanner"),
        ],
    ),
    (
        addresses.interface,
        [
            ("192.168.0.20", "lacks the length"),
            ("192.168.0.20/255.255.255.0", "lacks the length"),
            ("192.168.0.20/31", "the length /31"),
            ("192.168.0.20/32", "the length /32"),
            ("10.0.0.1/0", "the length /0"),
            ("192.168.0.0/24", "network or broadcast"),
            ("192.168.0.255/24", "network or broadcast"),
            ("192.168.0.20/33", "is not an address"),
            ("x/24", "is not an address"),
            ("127.0.0.1/8", "no address of an adapter"),
            ("", "is empty"),
        ],
    ),
    (
        addresses.mac,
        [
            ("00:1B:44:11:3A", "is not a MAC"),
            ("00:1B-44:11-3A:B7", "is not a MAC"),
            ("001B44113AB7", "is not a MAC"),
            ("00:1B:44:11:3A:BG", "is not a MAC"),
            ("00:1B:44:11:3A:B7\n", "is not a MAC"),
            (52749, "is a number"),
            ("00:00:00:00:00:00", "of no adapter"),
            ("00-00-00-00-00-00", "of no adapter"),
            ("01:00:5E:00:00:01", "group address"),
            ("FF:FF:FF:FF:FF:FF", "group address"),
        ],
    ),
    (
        addresses.port,
        [
            *(
                (wrong, "from 1 to 65535")
                for wrong in (0, -1, 65536, "0", "abc", "8042 ", " 8042", "8_042", "0104", "0x68")
            ),
            *((wrong, "from 1 to 65535") for wrong in (True, None, 104.0, "", "104\n", "+104", "१०४", [104])),
        ],
    ),
    (
        addresses.sync_address,
        [
            ("clfy.mediverse.ai:22000", "is not a Syncthing address"),
            ("http://h.ai:22000", "is not a Syncthing address"),
            ("tcp://h.ai:0", "is not a Syncthing address"),
            ("tcp://h.ai:70000", "is not a Syncthing address"),
            ("tcp://h.ai:022000", "is not a Syncthing address"),
            ("tcp://[::::]:22000", "is not a host"),
            ("tcp://[clfy.mediverse.ai]:22000", "is not a Syncthing address"),
            ("tcp://2001:db8::10:22000", "is not a Syncthing address"),
            ("tcp://a b:22000", "is not a host"),
            ("tcp://a\nb:22000", "is not a host"),
            ("tcp://a';x:22000", "is not a host"),
            ("tcp://root@h:22000", "is not a host"),
            ("tcp://127.0.0.1:22000", "no address of a remote machine"),
            ("tcp://0.0.0.0:22000", "no address of a remote machine"),
            ("tcp://localhost:22000", "runs Ansible"),
            ("tcp://h.ai:22000/", "is not a Syncthing address"),
            ("tcp://h.ai:22000\n", "is not a Syncthing address"),
            (22000, "is not a Syncthing address"),
        ],
    ),
    (
        addresses.loopback_url,
        [
            ("http://10.0.0.1:8384", "does not stay"),
            ("http://127.0.0.1.example.org", "does not stay"),
            ("ftp://127.0.0.1", "does not stay"),
            ("http://127.0.0.1:99999", "does not stay"),
            ("http://127.0.0.1:1\n", "does not stay"),
            ("127.0.0.1:8384", "does not stay"),
            ("http://a:b@127.0.0.1", "user name or password"),
            (None, "does not stay"),
        ],
    ),
    (
        addresses.https_url,
        [
            ("http://pacs.example.org/", "https://"),
            ("https://", "https://"),
            ("https:///x", "https://"),
            ("https://a b/", "https://"),
            ("https://a.org:x/", "https://"),
            ("https://a.org/\n", "https://"),
            ("https://gateway:word@a.org/", "user name or password"),
            ("https://gateway@a.org/", "user name or password"),
            ("pacs.example.org", "https://"),
            ("", "https://"),
            (None, "https://"),
        ],
    ),
    (
        addresses.email,
        [("a@b", "e-mail"), ("a b@c.org", "e-mail"), ("a@b.org\n", "e-mail"), ("", "e-mail"), (1, "e-mail")],
    ),
    (
        logins.secret,
        [
            ("x" * 11, "has 11 characters; expected 12 to 128"),
            ("x" * 129, "has 129 characters; expected 12 to 128"),
            ("", "has 0 characters"),
            ("Your_Orthanc_Cloud_Password", "well-known"),
            (" password123 ", "well-known"),
            ("orthanc", "well-known"),
            ("has-${HOME}-inside", "Orthanc"),
            ("p\u00e4ssword-and-more", "printable ASCII"),
            ("line\nbreak-in-it", "printable ASCII"),
            ("long-enough-with-end\n", "printable ASCII"),
            (123456789012, "quote it"),
            (None, "quote it"),
            (["a" * 12], "is a list"),
        ],
    ),
    (
        logins.token,
        [("a" * 19, "20 to 128"), ("a" * 129, "20"), ("a" * 20 + '"', "20"), ("a" * 20 + "\n", "20"), (1, "20")],
    ),
    (
        logins.api_user,
        [
            ("", "no name"),
            ("dr house", "no name"),
            ("-x", "no name"),
            ("a:b", "no name"),
            ("a\n", "no name"),
            (1, "no name"),
        ],
    ),
    (
        logins.reader,
        [
            ("", "no user name"),
            ("dr house", "no user name"),
            ("#viewer", "no user name"),
            ("a:b", "no user name"),
            ("a\n", "no user name"),
            ("a\x00b", "no user name"),
            (7, "no user name"),
        ],
    ),
    (
        logins.reader_password,
        [
            ("", "not usable"),
            ("-x", "not usable"),
            (" x", "not usable"),
            ("x\n", "not usable"),
            ("\u00fcber", "not usable"),
            ("x" * 257, "not usable"),
            (None, "not usable"),
            ("password123", "well-known"),
        ],
    ),
    (functools.partial(logins.reader_password, shortest=12), [("x" * 11, "at least 12")]),
    (
        containers.site_id,
        [
            *(
                (wrong, "no site id")
                for wrong in ("", "Kanifing", "-a", "a-", "a.b", "a_b", "a" * 33, "abc\n", "é", 7, None)
            ),
            *((wrong, "reserved") for wrong in ("all", "hub", "localhost", "ungrouped", "nginx-proxy-manager")),
        ],
    ),
    (
        containers.image,
        [
            *(
                (wrong, "tag or a digest")
                for wrong in ("orthanc", "orthanc:", "a@sha256:12", "a:1\n", "a b:1", "", None, 1)
            ),
            ("registry:5000/a", "tag or a digest"),
            (f"a@sha256:{'F' * 64}", "tag or a digest"),
        ],
    ),
    (
        containers.network,
        [
            *(
                (wrong, "no name of a Docker network")
                for wrong in ("a #b", "a: b", "a$b", "a\n", "", "-a", 12345, None, "x" * 129)
            ),
            *((wrong, "Docker engine itself") for wrong in ("host", "bridge", "none")),
        ],
    ),
    (
        containers.memory,
        [
            *(
                (wrong, "no memory limit")
                for wrong in ("", "2T", "0", "-1", "2 g", "2gb", "1.5g", "2g\n", 2, None, "02g")
            ),
            *((wrong, "less than the 6m") for wrong in ("2", "5m", "6291455")),
        ],
    ),
    (
        values.folder,
        [
            ("/srv/wl/", "without a slash at its end"),
            *((wrong, "not a directory") for wrong in ("srv", "/", "/a b", "/a/../b", "/./a", "//a", "/a\n", "C:\\a")),
            (None, "is empty"),
        ],
    ),
    (
        values.windows_folder,
        [
            (wrong, "not a folder")
            for wrong in ("C:", "C:\\", "Orthanc", "C:\\a b", "C:/a", "C:\\a\n", "C:\\a\\", "\\\\s\\a", 1, None)
        ],
    ),
    (
        values.one_line(5),
        [
            ("", "is empty"),
            ("123456", "6 characters"),
            ("a\n", "cannot stand"),
            ("a\u2028", "cannot stand"),
            (None, "is empty"),
        ],
    ),
    (values.one_line(9, "$"), [("a$b", "without '$'")]),
    (
        functools.partial(values.whole, low=0, high=10),
        [
            (wrong, "from 0 to 10")
            for wrong in (-1, 11, "-1", "11", "1.0", 1.0, "", None, False, "01", "10 GB", "x", "1" * 30)
        ],
    ),
    (containers.project, [("A", "is no name of a compose"), ("a\n", "is no"), ("", "is no"), (None, "is no")]),
    (containers.package, [("docker io", "is no name of a package"), ("-y", "is no"), ("a\n", "is no"), (3, "is no")]),
    (
        logins.proxy_admin_password,
        [
            ("x" * 7, "has 7 characters; expected 8 to 64"),
            ("x" * 65, "has 65 characters"),
            ("\u00fc" * 37, "not printable ASCII"),
            ("long-enough\n", "not printable ASCII"),
            ("password", "well-known"),
            (12345678, "is a number"),
        ],
    ),
    (
        syncthing.folder_id,
        [("a/b", "expected 1 to 64 letters"), ("", "is no"), ("a" * 65, "is no"), ("a\n", "is no"), (True, "is no")],
    ),
    (
        syncthing.listen,
        [("0.0.0.0:22000", "is no address to listen at"), ("tcp://0.0.0.0:22000\n", "is no"), (22000, "is no")],
    ),
    (syncthing.network, [("10.8.0.1/24", "is no network in CIDR"), ("anywhere", "is no"), ("", "is no"), (9, "is no")]),
    (
        syncthing.password_hash,
        [("in clear", "must be a bcrypt hash"), ("$2a$10$" + "." * 53 + "\n", "must be"), (7, "must be")],
    ),
    (
        values.plain(5),
        [("a b", "is no plain name; expected 1 to 5"), ("abcdef", "is no"), ("a\n", "is no"), (1.5, "is no")],
    ),
    (values.mode, [(2750, "is no mode"), ("2950", "is no mode"), ("0750\n", "is no mode"), ("u=rwx", "is no mode")]),
    (values.checksum, [("0" * 63, "is no SHA-256"), ("0" * 64 + "\n", "is no"), (0, "is no"), ("g" * 64, "is no")]),
    (values.controllers_path, [("a.exe", "is no absolute path"), ("", "is no"), ("/a\n", "is no"), (None, "is no")]),
    (
        values.windows_path,
        [
            ("C:", "is no absolute path of Windows"),
            ("\\\\server\\share", "is no"),
            ("C:\\a\n", "is no"),
            ("C:/a", "is no"),
            ("C:\\\\a", "is no"),
            ("C:\\a?", "is no"),
            (None, "is no"),
        ],
    ),
]
"""Rule, and values that it refuses, with words of the reason."""


@pytest.mark.parametrize(("rule", "value"), [(rule, value) for rule, many in RIGHT for value in many])
def test_what_is_right(rule: values.Rule, value: Any) -> None:
    assert rule(value) is None


@pytest.mark.parametrize(("rule", "value", "words"), [(rule, *case) for rule, many in WRONG for case in many])
def test_what_is_wrong_and_why(rule: values.Rule, value: Any, words: str) -> None:
    clause = rule(value)
    assert clause is not None
    assert words in clause
    assert clause[-1] not in ".;: "
    assert "\n" not in clause


@pytest.mark.parametrize("rule", [logins.secret, logins.token, logins.reader_password])
def test_no_sentence_holds_a_secret(rule: values.Rule) -> None:
    for secret in ("S3cret", "S3cret\n" * 9, "${S3cret}-and-more-of-it", "-S3cret", ["S3cret"], {"S3cret": "S3cret"}):
        clause = rule(secret)
        assert clause is None or "S3cret" not in clause
    assert rule({"S3cret": "S3cret"})


def test_one_spelling_of_what_has_several() -> None:
    assert addresses.canonical_mac("00-1b-44-11-3a-b7") == "00:1B:44:11:3A:B7"
    assert addresses.canonical_host("2001:0DB8:0::10") == "2001:db8::10"
    assert addresses.canonical_host("PC-7.Example.org") == "pc-7.example.org"
    assert addresses.canonical_interface("192.168.0.20/24") == "192.168.0.20/24"
    assert (values.number("104"), values.number(104), values.number("0104"), values.number(True)) == (
        104,
        104,
        None,
        None,
    )
    assert (containers.memory_bytes("2g"), containers.memory_bytes("1536m"), containers.memory_bytes("x")) == (
        2147483648,
        1610612736,
        None,
    )


@pytest.mark.parametrize(
    "url", ["https://root:S3cret@host/x", "root:S3cret@host", "https://a:S3cret@b@host", "a:b@S3cret@c"]
)
def test_a_password_in_a_url_is_hidden(url: str) -> None:
    assert "S3cret" not in values.show(url)
    assert values.show("https://host:1/x") == "'https://host:1/x'"


def test_a_value_is_shown_by_its_kind_where_anything_may_stand_in_it() -> None:
    assert values.show({"password": "S3cret"}) == "a map"
    assert values.show(["S3cret"]) == "a list"
    assert values.show("CT 1") == "'CT 1'"
    assert values.show("a\n") == "'a\\n'"
    assert values.show(None) == "None"
    assert len(values.show("x" * 500)) == 60


NET = "192.168.0.20/24"
CT = {"aet": "CT", "host": "192.168.0.10", "port": 104}


@pytest.mark.parametrize(
    ("scanners", "expected"),
    [
        ({"ct1": CT, "mr1": {"aet": "MR", "host": "192.168.0.11", "port": 104}}, []),
        ({"ct1": CT, "ct2": {**CT, "aet": "CT2", "port": 105}}, []),
        ({"ct1": CT, "ct2": {**CT, "aet": "CT", "host": "192.168.0.11"}}, [("ct2", "aet", "of scanner ct1 too;")]),
        (
            {"ct1": CT, "ct2": {**CT, "aet": "ct", "host": "192.168.0.11"}},
            [("ct2", "aet", "of scanner ct1 too ('CT'; Orthanc")],
        ),
        ({"ct1": {**CT, "aet": "MEDIVERSE"}}, [("ct1", "aet", "of the gateway too")]),
        ({"ct1": {**CT, "aet": "mediverse"}}, [("ct1", "aet", "of the gateway too ('MEDIVERSE'")]),
        ({"ct1": CT, "ct2": {**CT, "aet": "CT2"}}, [("ct2", "host", "with port 104 is scanner ct1 too")]),
        (
            {"ct1": CT, "ct2": {**CT, "aet": "CT2", "port": "104"}},
            [("ct2", "host", "with port 104 is scanner ct1 too")],
        ),
        ({"ct1": {**CT, "host": "192.168.1.10"}}, [("ct1", "host", "is outside 192.168.0.0/24")]),
        ({"ct1": {**CT, "host": "192.168.0.20"}}, [("ct1", "host", "the gateway's own address")]),
        ({"ct1": {**CT, "host": "192.168.0.255"}}, [("ct1", "host", "network or broadcast address")]),
        ({"ct1": {"aet": "CT"}, "ct2": {"port": 104}, "ct3": {}}, []),
    ],
)
def test_what_must_fit_together_between_scanners(
    scanners: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    found = list(dicom.together(scanners, "MEDIVERSE", NET))
    assert [(name, key) for name, key, __ in found] == [(name, key) for name, key, __ in expected]
    assert all(words in clause for (__, __, clause), (__, __, words) in zip(found, expected, strict=True))


def test_without_the_gateways_own_values_the_scanners_are_compared_with_each_other() -> None:
    scanners = {"ct1": {**CT, "host": "10.0.0.1"}, "ct2": {**CT, "aet": "ct", "host": "10.0.0.2"}}
    assert [name for name, __, __ in dicom.together(scanners, None, None)] == ["ct2"]


def test_what_orthanc_compares_of_a_title() -> None:
    assert dicom.aet_key("Ct_Scanner 1") == dicom.aet_key("CT_SCANNER 1")
    assert dicom.aet_key("CT1") != dicom.aet_key("CT2")


def test_names_of_secrets_and_well_known_passwords() -> None:
    assert all(
        map(logins.names_a_secret, ("password", "admin_password", "apiKey", "api_key", "TOKEN", "pwd", "secrets"))
    )
    assert not any(map(logins.names_a_secret, ("aet", "port", "passage", "keyboard")))
    assert logins.is_known_password(" ChangeMe ")
    assert not logins.is_known_password("orthanc")
