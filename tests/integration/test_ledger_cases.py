# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's questions to two real Orthancs: one study under two patients, and one UID with two contents."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import (
    Api,
    Endpoint,
    RequestsTransport,
    basic_auth,
)
from ansible_collections.mediverse.pacs.plugins.module_utils._ledger.compare import chosen, compare
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc import ledger, peer_store

from .servers import Server

STUDY = "1.2.826.0.1.3680043.10.3"
_QUESTIONS = ("day", "compare", "images_of", "origins_of", "clock", "replaced", "skip_patients")
_NOTHING = dict.fromkeys(_QUESTIONS)
Image = dict[str, str]


class Pair:
    """A gateway whose forwarder knows no cloud, and a cloud, which it knows as ``copy``."""

    def __init__(self, gateway: Server, cloud: Server) -> None:
        self.gateway, self.cloud = (
            Api(RequestsTransport(Endpoint("Orthanc", one.facts["url"], basic_auth("admin", one.facts["password"]))))
            for one in (gateway, cloud)
        )
        peer = {"Url": f"{cloud.facts['inside_url']}/", "Username": "admin", "Password": cloud.facts["password"]}
        self.gateway.send("PUT", "/peers/copy", json=peer)

    def make(self, api: Api, patient: str, number: int, station: str = "ONE") -> Image:
        """An image; ``station`` stands for its content."""
        tags = {"PatientID": patient, "StationName": station, "Modality": "OT", "StudyInstanceUID": STUDY}
        tags |= {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "SeriesInstanceUID": f"{STUDY}.1"}
        tags["SOPInstanceUID"] = f"{STUDY}.1.{number}"
        path = "/tools/create-dicom"
        made: Image = api.parse(api.send("POST", path, json={"Tags": tags, "Force": True}), path)
        return made

    def compare(self) -> dict[str, Any]:
        """Totals, what is wrong with which image, pairs and what was replaced."""
        today = time.strftime("%Y-%m-%d", time.gmtime())
        day = _ask(self.gateway, day=today)
        there = _ask(self.cloud, compare=day["series"], replaced=[today], list_differing=True)
        found = compare(_ask(self.gateway, images_of=[one["series"] for one in there["differing"]]), there)
        replaced = [one["id"] for one in there["replaced"] if one["day"] == today]
        return {"images": day["images"], "found": found, "pairs": there["pairs"], "replaced": replaced}

    def send(self, found: dict[str, Any], replace: bool = False) -> int:
        """What ``resend`` sends, and ``replace``."""
        ids = [one["id"] for one in chosen(found, True, replace)]
        return int(peer_store.act(self.gateway, {"peer": "copy", "images": ids, "wait": 120}, False)["sent"])

    def clean(self) -> None:
        """Neither end keeps anything, and the gateway forgets the cloud."""
        for api in (self.gateway, self.cloud):
            for patient in api.read("/patients"):
                api.send("DELETE", f"/patients/{patient}")
        self.gateway.send("DELETE", "/peers/copy")


def _ask(api: Api, **question: Any) -> dict[str, Any]:
    return dict(
        ledger.read(api, {**_NOTHING, "md5": True, "limit": 500, "after": "", "list_differing": False, **question})
    )


def _wrong(found: dict[str, Any]) -> dict[str, list[str]]:
    return {key: [one["id"] for one in found[key]] for key in ("missing", "different", "elsewhere") if found[key]}


@pytest.fixture
def pair(server: Callable[[str], Server]) -> Iterator[Pair]:
    """Both ends with the same image."""
    both = Pair(server("orthanc_forwarder"), server("orthanc"))
    try:
        yield both
    finally:
        both.clean()


def test_one_study_under_two_patients(pair: Pair) -> None:
    first = pair.make(pair.gateway, "first", 1)
    assert pair.send(pair.compare()["found"]) == 1
    second = pair.make(pair.gateway, "second", 1)
    assert first["ID"] != second["ID"]
    seen = pair.compare()
    assert (seen["images"], _wrong(seen["found"]), seen["pairs"]) == (2, {"missing": [second["ID"]]}, [])

    assert pair.send(seen["found"]) == 1
    seen = pair.compare()
    assert (seen["images"], _wrong(seen["found"])) == (2, {})
    assert seen["pairs"] == [{"study": STUDY, "ids": sorted([first["ParentStudy"], second["ParentStudy"]])}]

    # A copy that was deleted in the cloud alone.
    pair.cloud.send("DELETE", first["Path"])
    seen = pair.compare()
    assert (seen["images"], _wrong(seen["found"]), seen["pairs"]) == (2, {"missing": [first["ID"]]}, [])
    assert pair.send(seen["found"]) == 1
    assert len(pair.compare()["pairs"]) == 1

    # And at the gateway as well, as it should be.
    for api in (pair.gateway, pair.cloud):
        api.send("DELETE", first["Path"])
    seen = pair.compare()
    assert (seen["images"], _wrong(seen["found"]), seen["pairs"]) == (1, {}, [])


def test_a_patient_who_was_corrected_in_the_cloud(pair: Pair) -> None:
    image = pair.make(pair.gateway, "first", 1)
    pair.make(pair.cloud, "second", 1)
    seen = pair.compare()
    assert _wrong(seen["found"]) == {"elsewhere": [image["ID"]]}
    # To send it would make a pair.
    assert pair.send(seen["found"], replace=True) == 0


def test_one_uid_with_two_contents(pair: Pair) -> None:
    image = pair.make(pair.gateway, "first", 1)
    assert pair.send(pair.compare()["found"]) == 1
    assert pair.make(pair.gateway, "first", 1, station="OTHER")["ID"] == image["ID"]
    found = pair.compare()["found"]
    assert _wrong(found) == {"different": [image["ID"]]}
    assert pair.send(found) == 0
    assert pair.send(found, replace=True) == 1
    seen = pair.compare()
    assert (_wrong(seen["found"]), seen["replaced"]) == ({}, [])

    # The cloud's own script does this when an image is replaced; this server has none.
    now = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    pair.cloud.send("PUT", f"{image['Path']}/metadata/Replaced", body=f"{now} gateway".encode())
    seen = pair.compare()
    assert (_wrong(seen["found"]), seen["replaced"]) == ({}, [image["ID"]])
    # A server that does not know the mark has none.
    assert ledger.replaced_on(pair.gateway, now[:8]) == []
