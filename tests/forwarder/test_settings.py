# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that change what is sent or kept, on real Orthanc servers."""

from __future__ import annotations

import io
import time
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from tests.forwarder.pair import MakePair
from tests.kit.containers import wait_for
from tests.kit.dicom import make_study, store

OUT_OF_RESOURCES = 0xA700


def test_compressed_on_the_way_the_stored_bytes_are_the_same(make: MakePair) -> None:
    pair = make(compress=True)
    pair.gateway.send(make_study(20))
    pair.wait_delivered(20)
    pair.assert_same(20)


def test_transcoded_the_pixels_are_the_same(make: MakePair) -> None:
    pair = make(transcode=JPEGLSLossless)
    study = {image.SOPInstanceUID: image for image in make_study(10)}
    pair.gateway.send(list(study.values()))
    pair.wait_delivered(10)
    found = pair.cloud.find({"Expand": True})
    assert {item["MainDicomTags"]["SOPInstanceUID"] for item in found} == set(study)
    for item in found:
        kept = pair.cloud.request("GET", f"/instances/{item['ID']}/metadata/TransferSyntax").text
        assert kept == JPEGLSLossless
        plain = pair.cloud.request("GET", f"/instances/{item['ID']}/file?transcode={ExplicitVRLittleEndian}")
        assert dcmread(io.BytesIO(plain.content)).PixelData == study[item["MainDicomTags"]["SOPInstanceUID"]].PixelData
    wait_for(lambda: pair.gateway.backlog() == 0, 30, "an empty backlog")


def test_images_leave_the_gateway_when_they_are_old_and_confirmed(make: MakePair) -> None:
    pair = make(keep_days=1, before_main=Path(__file__).with_name("lua") / "old_images.lua")
    pair.gateway.send(make_study(20))
    pair.wait_delivered(20)
    wait_for(lambda: pair.gateway.count() == 0, 60, "what is confirmed to leave")
    pair.cloud.kill()
    pair.gateway.send(make_study(10))
    wait_for(lambda: pair.gateway.status()["State"] in ("paused", "probing"), 60, "the outage to be noticed")
    time.sleep(5)
    assert (pair.gateway.count(), pair.gateway.backlog()) == (10, 10)
    pair.cloud.start()
    pair.wait_delivered(30)
    wait_for(lambda: pair.gateway.count() == 0, 60, "what is confirmed now to leave")


def test_a_full_cloud_is_an_outage_although_it_says_yes_to_what_it_has(make: MakePair) -> None:
    pair = make()
    pair.cloud.reconfigure(MaximumStorageSize=1, MaximumStorageMode="Reject")
    pair.gateway.send(make_study(60, 256))  # 131 kB each, so that about 50 are too much
    wait_for(lambda: pair.gateway.status()["State"] in ("paused", "probing"), 60, "the full cloud to be noticed")
    there = pair.cloud.count()
    stored = pair.cloud.find({})[0]
    again = pair.gateway.request("POST", "/peers/cloud/store", json={"Resources": [stored], "Synchronous": True})
    assert again.ok, "this cloud would tell a canary that it is full"
    time.sleep(20)
    assert (pair.cloud.count(), pair.gateway.status()["Parked"], pair.gateway.backlog() > 20) == (there, "0", True)
    pair.cloud.reconfigure(MaximumStorageSize=0)
    pair.wait_delivered(60)
    pair.assert_same(60)


def test_a_full_gateway_refuses_with_the_status_that_makes_the_scanner_keep_the_image(make: MakePair) -> None:
    pair = make(options={"MaximumStorageSize": 1, "MaximumStorageMode": "Reject"})
    pair.cloud.kill()
    statuses = list(store(pair.gateway.address, make_study(12, 256)))  # 131 kB each
    accepted = statuses.count(0)
    assert 5 <= accepted <= 8
    assert statuses == [0] * accepted + [OUT_OF_RESOURCES] * (12 - accepted)
    assert pair.gateway.count() == accepted
    wait_for(lambda: pair.gateway.backlog() == accepted, 30, "a backlog of what was taken")
    pair.cloud.start()
    pair.wait_delivered(accepted)
    pair.assert_same(accepted)
