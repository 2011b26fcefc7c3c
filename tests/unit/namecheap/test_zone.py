# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When two records are the same, and which answers are believed.

Values of the first part are those of the test cases of Namecheap's own client (namecheap/go-namecheap-sdk 2.10.1), if
it has any.
"""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.namecheap._zone import Host, StrangeAnswerError, parse

A = Host("www", "A", "10.0.0.1", "10", "1799")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Host("@", "A", "1.2.3.4"), Host("@", "A", "1.2.3.4", "10", "1799")),
        (Host("@", "A", "1.2.3.4", ttl="0"), Host("@", "A", "1.2.3.4", ttl="1799")),
        (Host("@", "A", "1.2.3.4", ttl="1800"), Host("@", "A", "1.2.3.4", ttl="1799")),
        (Host("WWW", "a", "1.2.3.4"), Host("www", "A", "1.2.3.4")),
        (Host("", "A", "1.2.3.4"), Host("@", "A", "1.2.3.4")),
        (Host("blog", "CNAME", "target.example.com."), Host("blog", "CNAME", "target.example.com")),
        (Host("WWW", "a", "target.com.", ttl="0"), Host("www", "A", "target.com", ttl="1799")),
        (Host("mail", "MX", "mailhost.example.com.", "10"), Host("mail", "MX", "MAILHOST.example.com", "10")),
        (Host("@", "A", "1.2.3.4", "10"), Host("@", "A", "1.2.3.4", "")),
        (Host("x", "AAAA", "2001:DB8:0:0::1"), Host("x", "AAAA", "2001:db8::1")),
    ],
)
def test_the_same(one: Host, other: Host) -> None:
    assert one.same == other.same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (A, Host("www", "A", "10.0.0.2", "10", "1799")),
        (A, Host("blog", "A", "10.0.0.1", "10", "1799")),
        (A, Host("www", "AAAA", "10.0.0.1", "10", "1799")),
        (A, Host("www", "A", "10.0.0.1", "10", "60")),
        (A, Host("www", "A", "10.0.0.1", "10", "3600")),
        (Host("mail", "MX", "mailhost.example.com", "10"), Host("mail", "MX", "mailhost.example.com", "20")),
        (Host("@", "TXT", "V=spf1"), Host("@", "TXT", "v=spf1")),
        (Host("@", "TXT", "a sentence."), Host("@", "TXT", "a sentence")),
        (Host("go", "URL", "https://example.com/A"), Host("go", "URL", "https://example.com/a")),
        (Host("@", "CAA", '0 issue "letsencrypt.org"'), Host("@", "CAA", '0 issuewild "letsencrypt.org"')),
    ],
)
def test_not_the_same(one: Host, other: Host) -> None:
    assert one.same != other.same


def _answer(
    inside: str, attributes: str = 'Domain="domain.net" EmailType="MX" IsUsingOurDNS="true"'
) -> ElementTree.Element:
    text = f'<DomainDNSGetHostsResult xmlns="http://api.namecheap.com/xml.response" {attributes}>{inside}'
    return ElementTree.fromstring(f"{text}</DomainDNSGetHostsResult>")


@pytest.mark.parametrize("name", ["host", "Host"])
def test_an_answer_is_read_as_it_is(name: str) -> None:
    lines = (
        f'<{name} HostId="877748" Name="host33" Type="MX" Address="addr.domain.com." MXPref="10" TTL="1800" '
        'AssociatedAppTitle="" FriendlyName="" IsActive="true" IsDDNSEnabled="false" />'
        f'<{name} HostID="877749" Name="@" Type="CNAME" Address="anotherdomain.com" MXPref="10" TTL="1800" '
        'AssociatedAppTitle="" FriendlyName="" IsActive="true" IsDDNSEnabled="false" />'
    )
    zone = parse(_answer(lines), "domain.net")
    assert (zone.email_type, zone.ours) == ("MX", True)
    assert zone.hosts == (
        Host("host33", "MX", "addr.domain.com.", "10", "1800"),
        Host("@", "CNAME", "anotherdomain.com", "10", "1800"),
    )


def test_a_zone_may_say_that_it_is_empty() -> None:
    assert parse(_answer(""), "domain.net").hosts == ()


GOOD = 'Name="a" Type="A" Address="10.0.0.1" TTL="60"'


@pytest.mark.parametrize(
    ("inside", "attributes", "said"),
    [
        ("", 'Domain="other.net" EmailType="MX" IsUsingOurDNS="true"', "other.net"),
        ("", 'Domain="domain.net" IsUsingOurDNS="true"', "EmailType"),
        ("", 'Domain="domain.net" EmailType="NEW" IsUsingOurDNS="true"', "NEW"),
        ("", 'Domain="domain.net" EmailType="MX"', "IsUsingOurDNS"),
        ("", 'Domain="domain.net" EmailType="MX" IsUsingOurDNS="perhaps"', "perhaps"),
        ("<srv/>", "", "srv"),
        ('<host Type="A" Address="10.0.0.1"/>', "", "lacks"),
        ('<host Name="a" Address="10.0.0.1"/>', "", "lacks"),
        ('<host Name="a" Type="A"/>', "", "lacks"),
        ('<host Name="a" Type="A" Address="10.0.0.1" TTL="soon"/>', "", "soon"),
        ('<host Name="a" Type="MX" Address="b." TTL="60"/>', "", "preference"),
        (f'<host {GOOD} IsDDNSEnabled="maybe"/>', "", "maybe"),
    ],
)
def test_an_answer_that_is_not_known_is_not_believed(inside: str, attributes: str, said: str) -> None:
    element = _answer(inside, attributes) if attributes else _answer(inside)
    with pytest.raises(StrangeAnswerError, match=said):
        parse(element, "domain.net")
