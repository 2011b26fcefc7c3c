# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A company's zone that is not ours: forty records, as they are stored, with all that a careless write breaks."""

from __future__ import annotations

from tests.names.double import Record, Zone

DOMAIN = "mediverse.ai"
# As the double keeps them, so that afterwards each can be compared letter by letter.
FOREIGN = (
    Record("@", "A", "198.51.100.1"),
    Record("@", "A", "198.51.100.2", ttl="60"),
    Record("@", "AAAA", "2001:db8::1"),
    Record("@", "CAA", '0 issue "letsencrypt.org"'),
    Record("@", "CAA", "0 iodef mailto:hostmaster@mediverse.ai"),
    Record("@", "CAA", '128 issuewild ";"'),
    Record("@", "MX", "aspmx.l.google.com.", "1", "3600"),
    Record("@", "MX", "alt1.aspmx.l.google.com.", "5"),
    Record("@", "MX", "alt2.aspmx.l.google.com.", "5"),
    Record("lists", "MX", "mx.lists.mediverse.ai.", "0"),
    Record("@", "TXT", "v=spf1 include:_spf.google.com include:spf.example.net ~all"),
    Record("@", "TXT", "it's 'quoted' once and `again`"),
    Record("@", "TXT", "google-site-verification=AbC_dEf-123.", ttl="60000"),
    Record("_dmarc", "TXT", "v=DMARC1; p=reject; rua=mailto:dmarc@mediverse.ai; pct=100"),
    Record("s1._domainkey", "TXT", "v=DKIM1; k=rsa; p=" + "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+/=" * 9),
    Record("_acme-challenge", "TXT", "dGhpcyBpcyBub3QgYSBzZWNyZXQ"),
    Record("odd", "TXT", "<a href='x'>&amp; ; = + % & \\\\ </a>"),
    Record("space", "TXT", "two  spaces"),
    Record("www", "CNAME", "mediverse.ai."),
    Record("blog", "CNAME", "hosting.example.net.", ttl="300"),
    Record("autodiscover", "CNAME", "autodiscover.outlook.com."),
    Record("*", "CNAME", "catch.example.net."),
    Record("shop", "ALIAS", "shops.example.net."),
    Record("clfy", "A", "203.0.113.9"),
    Record("vpn", "A", "203.0.113.7"),
    Record("vpn", "AAAA", "2001:db8:0:7::7"),
    Record("lab", "NS", "ns1.lab.example.net."),
    Record("lab", "NS", "ns2.lab.example.net."),
    Record("go", "URL", "https://example.net/go?a=1&b=2#part"),
    Record("old", "URL301", "https://example.net/new"),
    Record("frame", "FRAME", "http://example.net/framed"),
    Record("status", "A", "192.0.2.80"),
    Record("git", "A", "192.0.2.81", ttl="1200"),
    Record("mail", "A", "192.0.2.25"),
    Record("viewer", "TXT", "this name is not ours, those below it are"),
    Record("pacs", "A", "192.0.2.90"),
    Record("kanifing.viewer", "TXT", "beside the address of a site"),
    Record("old-site.viewer", "A", "192.0.2.99"),
    Record("a.b.c.d", "A", "192.0.2.4"),
    Record("xn--mnchen-3ya", "CNAME", "muenchen.example.net."),
)


def zone() -> Zone:
    """The zone, with mail by records of its own."""
    return Zone(list(FOREIGN), "MX")
