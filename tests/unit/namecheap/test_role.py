# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role site_names: what it asks and makes, in which order, and when it stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.filter.names_disagreements import names_disagreements

from tests.names.double import Double, Record, serving
from tests.names.sample import DOMAIN, FOREIGN, zone
from tests.unit.role_tasks import Done, RoleTasks

from .support import KEY, OWNED

NAME = "kanifing.viewer.mediverse.ai"
RECORDS = [{"name": NAME, "value": "203.0.113.10"}]
LOOK, MAKE = "Look what the name servers say", "Make the records at Namecheap"
SAY, WAIT = "Say what to enter by hand", "Wait until all name servers say the same"


def _answer(name: str = NAME, **said: list[str]) -> list[dict[str, Any]]:
    servers = [
        {"nameserver": server, "entries": [{"address": one} for one in addresses]} for server, addresses in said.items()
    ]
    return [{"name": name, "result": servers}]


@pytest.mark.parametrize(
    ("results", "type", "said"),
    [
        (_answer(ns1=["203.0.113.10"], ns2=["203.0.113.10"]), "A", []),
        (_answer(NAME.upper() + ".", ns1=["203.0.113.10"]), "A", []),
        (_answer(ns1=[]), "AAAA", []),
        (_answer(ns1=["203.0.113.10"], ns2=[]), "A", ["ns2 has none."]),
        (_answer(ns1=["203.0.113.11"], ns2=["203.0.113.10"]), "A", ["ns1 has 203.0.113.11."]),
        (_answer(ns1=["203.0.113.10", "192.0.2.1"]), "A", ["ns1 has 192.0.2.1 and 203.0.113.10."]),
        (_answer(ns1=["2001:db8::1"]), "AAAA", ["shall have no AAAA record, and ns1 has 2001:db8::1."]),
        (_answer(), "A", ["nothing is known of its name servers."]),
        ([], "A", ["nothing is known of its name servers."]),
        ([{"name": NAME, "result": [{"nameserver": "ns1"}]}], "A", ["ns1 did not answer."]),
        ([{"name": NAME}], "A", ["nothing is known of its name servers."]),
    ],
)
def test_what_name_servers_say_otherwise(results: list[dict[str, Any]], type: str, said: list[str]) -> None:
    found = names_disagreements(results, RECORDS, type)
    assert len(found) == len(said)
    assert all(one.endswith(end) and NAME in one for one, end in zip(found, said, strict=True))


def test_spellings_of_an_address_are_one() -> None:
    records = [{"name": NAME, "type": "AAAA", "value": "2001:DB8:0::1"}]
    assert names_disagreements(_answer(ns1=["2001:db8::1"]), records, "AAAA") == []


# The same stand-in answers for both types, so these sites have both addresses by one text.
@pytest.fixture
def role(tmp_path: Path) -> RoleTasks:
    """Return the role, without a network."""
    return RoleTasks(tmp_path, "site_names", ["community.dns.nameserver_record_info"])


def _run(role: RoleTasks, provider: str, *options: str, before: Any, after: Any, **more: Any) -> Done:
    variables = {
        "site_names_provider": provider,
        "site_names_records": [*RECORDS, {"name": NAME, "type": "AAAA", "value": "203.0.113.10"}],
        "site_names_patience": 1,
        "site_names_pause": 1,
        **more,
    }
    return role.run("main", variables, *options, answers={LOOK: before, WAIT: after})


GOOD = {"results": _answer(ns1=["203.0.113.10"])}
NOTHING = {"results": _answer(ns1=[])}


def test_by_hand_it_says_what_to_enter_and_waits(role: RoleTasks) -> None:
    done = _run(role, "manual", before=NOTHING, after=GOOD)
    assert done.code == 0, done.text
    assert done.tasks == [LOOK, LOOK, WAIT, WAIT]
    assert "Enter these records" in done.text
    assert f"{NAME} shall have A 203.0.113.10, and ns1 has none." in done.text


def test_it_stops_before_a_certificate_would_be_asked_for(role: RoleTasks) -> None:
    """What was right at first is not asked for."""
    done = _run(role, "manual", before=GOOD, after=NOTHING)
    assert done.code == 2
    assert "Enter these records" not in done.text
    assert "Ask for no certificate before that is mended" in done.text


def test_in_check_mode_it_looks_and_does_not_fail(role: RoleTasks) -> None:
    done = _run(role, "manual", "--check", before=NOTHING, after=NOTHING)
    assert done.code == 0, done.text


def test_without_the_library_nothing_is_begun(role: RoleTasks) -> None:
    missing = {"failed": True, "msg": "Failed to import the required Python library (dnspython) on this machine."}
    done = _run(role, "namecheap", before=missing, after=GOOD)
    assert done.code == 2
    assert "dnspython" in done.text
    assert done.tasks == [LOOK, LOOK]


def test_another_provider_is_refused_with_those_that_there_are(role: RoleTasks) -> None:
    done = _run(role, "hetzner", before=GOOD, after=GOOD)
    assert done.code == 2
    assert "manual, namecheap" in done.text
    assert done.tasks == []


def test_a_zone_at_namecheap_is_written_by_the_real_module(role: RoleTasks, tmp_path: Path) -> None:
    double = Double({DOMAIN: zone()})
    with serving(double) as address:
        done = _run(
            role,
            "namecheap",
            "-vvv",
            before=NOTHING,
            after=NOTHING,
            site_names_records=RECORDS,
            site_names_zone=DOMAIN,
            site_names_owned=OWNED,
            site_names_zone_without_srv=True,
            site_names_api_url=address,
            site_names_api_user="mediverse",
            site_names_api_key=KEY,
            site_names_client_ip="203.0.113.5",
            site_names_folder=str(tmp_path / "keep"),
        )
    assert Record("kanifing.viewer", "A", "203.0.113.10") in double.zones[DOMAIN].records
    assert set(FOREIGN) < set(double.zones[DOMAIN].records)
    # The name servers do not have it yet.
    assert done.code == 2
    assert "Ask for no certificate" in done.text
    assert KEY not in done.text
