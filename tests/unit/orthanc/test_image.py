# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_image_info and orthanc_test_image, on Linux and on Windows."""

from __future__ import annotations

import base64
import struct
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc import image
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_image_info, orthanc_test_image

from ..fake_api import FakeApi

ID = "b194bab5-c62b2796-b67c9fcd-d545bf31-2a9c4bc2"
# The SHA-1 of "P1", as Orthanc writes it.
P1 = "/patients/bdaf1eca-33d4619e-80e8ca68-9a1b74a4-febbbb29"
TAGS = {
    **{"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3", "SOPInstanceUID": "1.2.3.4"},
    **{"PatientName": "SECRET^NAME", "PatientID": "SECRET-ID"},
}
UIDS = {"study_instance_uid": "1.2", "series_instance_uid": "1.2.3", "sop_instance_uid": "1.2.3.4"}


def known(api: FakeApi, image: str = ID) -> None:
    """The two requests about an image that is there."""
    api.expect("GET", f"/instances/{image}/attachments/dicom/md5").reply(text="0123abcd")
    api.expect("GET", f"/instances/{image}/simplified-tags").reply(json=TAGS)


def missing(api: FakeApi) -> None:
    api.expect("GET", f"/instances/{ID}/attachments/dicom/md5").reply(404)


def test_an_image_that_is_there(both: FakeApi) -> None:
    known(both)
    result = both.run(orthanc_image_info, check_mode=True, id=ID)
    assert {key: result[key] for key in ("found", "id", "md5", *UIDS)} == {
        "found": True,
        "id": ID,
        "md5": "0123abcd",
        **UIDS,
    }
    assert not result["changed"]
    assert "SECRET" not in both.output
    assert 0 <= result["seconds"] < 5


def test_an_image_that_is_not(both: FakeApi) -> None:
    missing(both)
    result = both.run(orthanc_image_info, id=ID)
    assert (result["found"], result["md5"], result["sop_instance_uid"]) == (False, "", "")


def test_waiting_ends_when_it_comes(both: FakeApi) -> None:
    for __ in range(3):
        missing(both)
    known(both)
    assert both.run(orthanc_image_info, id=ID, wait=60)["found"]


def test_one_that_goes_away_between_the_questions(both: FakeApi) -> None:
    both.expect("GET", f"/instances/{ID}/attachments/dicom/md5").reply(text="0123abcd")
    both.expect("GET", f"/instances/{ID}/simplified-tags").reply(404)
    result = both.run(orthanc_image_info, id=ID)
    assert (result["found"], result["md5"]) == (False, "")


def test_waiting_ends_with_an_error(both: FakeApi) -> None:
    both.expect("GET", f"/instances/{ID}/attachments/dicom/md5").reply(401)
    assert both.run(orthanc_image_info, id=ID, wait=60)["failure"]["status"] == 401


@pytest.mark.parametrize("image", ["", "none", ID.upper(), f"{ID}/file", ID[1:]])
def test_an_identifier_that_is_none(image: str, both: FakeApi) -> None:
    assert both.run(orthanc_image_info, id=image)["failure"]["code"] == "input"


def test_something_else_that_answers(both: FakeApi) -> None:
    both.expect("GET", f"/instances/{ID}/attachments/dicom/md5").reply(text="0123abcd")
    both.expect("GET", f"/instances/{ID}/simplified-tags").reply(json={"a": 1})
    assert "does not answer like Orthanc" in both.run(orthanc_image_info, id=ID)["msg"]


def test_an_image_is_made(both: FakeApi) -> None:
    both.expect("POST", "/tools/create-dicom").reply(json={"ID": ID, "Status": "Success"})
    known(both)
    result = both.run(orthanc_test_image, patient_id="P1", description="Proof")
    assert result["changed"]
    assert {key: result[key] for key in ("id", "md5", *UIDS)} == {"id": ID, "md5": "0123abcd", **UIDS}
    sent = both.requests[0].json
    assert (sent["Tags"]["PatientID"], sent["Tags"]["StudyDescription"]) == ("P1", "Proof")
    assert size_of(sent["Content"]) == (32, 32)
    assert both.trips == (1 if both.windows else 0)


def test_how_long_ago_an_image_was_made_is_counted_from_its_making(
    both: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the other answers came in: the proof tells how long a delivery took."""
    moments = iter([100.0, 103.0])
    monkeypatch.setattr(image, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    both.expect("POST", "/tools/create-dicom").reply(json={"ID": ID, "Status": "Success"})
    known(both)
    assert 2.0 < both.run(orthanc_test_image, patient_id="P1")["seconds"] <= 3.0


def test_an_image_without_a_checksum_is_not_there(both: FakeApi) -> None:
    both.expect("POST", "/tools/create-dicom").reply(json={"ID": ID, "Status": "Success"})
    both.expect("GET", f"/instances/{ID}/attachments/dicom/md5").reply(text="")
    both.expect("GET", f"/instances/{ID}/simplified-tags").reply(json=TAGS)
    assert "does not have it any more" in both.run(orthanc_test_image, patient_id="P1")["msg"]


def size_of(picture: str) -> tuple[int, ...]:
    """Width and height of a PNG; its pixels can be unpacked."""
    data = base64.b64decode(picture.partition("base64,")[2], validate=True)
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    begin = data.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", data[begin - 8 : begin - 4])
    assert len(zlib.decompress(data[begin : begin + length])) == height * (width + 1)
    return width, height


def test_check_mode_makes_nothing(both: FakeApi) -> None:
    result = both.run(orthanc_test_image, check_mode=True, patient_id="P1")
    assert (result["changed"], result["id"]) == (True, "")


def test_an_image_that_cannot_be_stored(both: FakeApi) -> None:
    both.expect("POST", "/tools/create-dicom").reply(507, json={"Details": "The file storage is full"})
    result = both.run(orthanc_test_image, patient_id="P1")
    assert (result["failure"]["status"], "The file storage is full" in result["msg"]) == (507, True)


def test_an_image_that_is_gone_at_once(both: FakeApi) -> None:
    both.expect("POST", "/tools/create-dicom").reply(json={"ID": ID})
    missing(both)
    both.expect("GET", f"/instances/{ID}/simplified-tags").reply(404)
    assert "does not have it any more" in both.run(orthanc_test_image, patient_id="P1")["msg"]


@pytest.mark.parametrize("answer", [[], {}, {"Id": ID}])
def test_a_server_that_answers_like_another_one(answer: Any, both: FakeApi) -> None:
    both.expect("POST", "/tools/create-dicom").reply(json=answer)
    assert "does not answer like Orthanc" in both.run(orthanc_test_image, patient_id="P1")["msg"]


def test_the_patient_is_removed(both: FakeApi) -> None:
    both.expect("DELETE", P1).reply(json={})
    assert both.run(orthanc_test_image, patient_id="P1", state="absent")["changed"]


def test_nobody_is_removed_twice(both: FakeApi) -> None:
    both.expect("DELETE", P1).reply(404)
    result = both.run(orthanc_test_image, patient_id="P1", state="absent")
    assert (result["changed"], result.get("msg")) == (False, None)


FIND = {
    "Level": "Patient",
    "Query": {"PatientID": "test-image-*"},
    "ResponseContent": ["Metadata", "RequestedTags"],
    "RequestedTags": ["PatientID"],
}
STALE: dict[str, Any] = {"patient_id": "P1", "state": "absent", "stale_prefix": "test-image-"}


def left(api: FakeApi, *moments: str, prefix: str = "test-image-") -> None:
    """The requests, made together, that tell what a killed run has left; the patients are called by their numbers."""
    found = [
        {"ID": str(number), "Metadata": {"LastUpdate": text}, "RequestedTags": {"PatientID": f"{prefix}{number}"}}
        for number, text in enumerate(moments)
    ]
    api.expect("POST", "/tools/find", json=FIND, harmless=True).reply(json=found)
    api.expect("GET", "/tools/now").reply(text="20261130T120000")


def test_what_a_killed_run_left_goes_hours_later(both: FakeApi) -> None:
    """By the clock of that server. One of a run that goes on stays, and so does one whose age is not known."""
    both.expect("DELETE", P1).reply(404)
    left(both, "20261130T055959", "20261130T060000", "20261130T115900", "")
    both.expect("DELETE", "/patients/0").reply(json={})
    assert both.run(orthanc_test_image, **STALE)["changed"]


def test_nothing_is_stale(both: FakeApi) -> None:
    both.expect("DELETE", P1).reply(404)
    left(both)
    assert not both.run(orthanc_test_image, **STALE)["changed"]


def test_somebody_whose_id_has_other_letters_stays(both: FakeApi) -> None:
    """Orthanc looks for identifiers without regard to capitals."""
    both.expect("DELETE", P1).reply(404)
    left(both, "20260101T000000", prefix="TEST-IMAGE-")
    assert not both.run(orthanc_test_image, **STALE)["changed"]


def test_check_mode_removes_nothing_that_is_stale(both: FakeApi) -> None:
    both.expect("GET", P1).reply(404)
    left(both, "20261130T010000")
    both.expect("GET", "/patients/0").reply(json={})
    assert both.run(orthanc_test_image, check_mode=True, **STALE)["changed"]


@pytest.mark.parametrize("prefix", ["", "*", "short", "test-image-*", "a\\b-test-image"])
def test_a_prefix_that_might_mean_persons(prefix: str, both: FakeApi) -> None:
    result = both.run(orthanc_test_image, patient_id="P1", state="absent", stale_prefix=prefix)
    assert result["failure"]["code"] == "input"


@pytest.mark.parametrize(("status", "changed"), [(200, True), (404, False)])
def test_check_mode_removes_nobody(status: int, changed: bool, both: FakeApi) -> None:
    both.expect("GET", P1).reply(status, json={})
    assert both.run(orthanc_test_image, check_mode=True, patient_id="P1", state="absent")["changed"] == changed


@pytest.mark.parametrize("patient_id", ["", "x" * 65])
def test_a_patient_id_that_is_none(patient_id: str, both: FakeApi) -> None:
    assert both.run(orthanc_test_image, patient_id=patient_id)["failure"]["code"] == "input"
