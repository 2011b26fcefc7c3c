# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarder on real Orthanc servers: nothing is lost and nothing stored twice, whatever dies in between."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.forwarder import pair as kit
from tests.forwarder.pair import LABEL, Pair, make_study, wait_for

MakePair = Callable[..., Pair]


@pytest.fixture(scope="module", autouse=True)
def _network() -> Iterator[None]:
    kit.make_image()
    kit.make_network()
    yield
    kit.remove_network()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakePair]:
    pairs: list[Pair] = []

    def factory(**destination: Any) -> Pair:
        pairs.append(Pair(tmp_path, **destination))
        return pairs[-1]

    yield factory
    for pair in pairs:
        (tmp_path / "gateway.log").write_text(pair.gateway.logs())
        pair.close()


def test_study_arrives_unchanged_and_cloud_images_are_not_sent_back(make: MakePair) -> None:
    pair = make()
    study = make_study(40)
    pair.send(study)
    pair.wait_delivered(40)
    pair.assert_same(40)
    assert set(pair.cloud.contents()) == {image.SOPInstanceUID for image in study}
    # An image that came from the cloud's side is not offered to the cloud.
    returned = pair.cloud.find({})[0]
    data = pair.cloud.request("GET", f"/instances/{returned}/file").content
    pair.gateway.request("DELETE", f"/instances/{returned}").raise_for_status()
    pair.cloud.request("DELETE", f"/instances/{returned}").raise_for_status()
    pair.gateway.request("POST", "/instances", data=data, auth=("cloud-side", "x")).raise_for_status()
    wait_for(lambda: pair.status()["Skipped"] == "1", 10, "the image to be skipped")
    assert (pair.cloud.count(), pair.backlog()) == (39, 0)


def test_cloud_stopped_in_mid_study(make: MakePair) -> None:
    pair = make(Jobs=2, Batch=5)
    sender = threading.Thread(target=pair.send, args=(make_study(150, 256),))
    sender.start()
    pair.wait_delivered(15)
    pair.cloud.kill()
    sender.join()
    assert wait_for(lambda: pair.status()["State"] in ("paused", "probing"), 20, "the outage to be noticed")
    assert pair.backlog() > 0
    assert pair.status()["LastError"] != ""
    pair.cloud.start()
    pair.wait_delivered(150)
    pair.assert_same(150)


def test_gateway_killed_in_mid_send(make: MakePair) -> None:
    pair = make(Jobs=2, Batch=5)
    pair.cloud.kill()
    pair.send(make_study(150, 256))
    pair.cloud.start()
    pair.wait_delivered(20)
    pair.gateway.kill()
    before = pair.cloud.count()
    assert before < 150, "the gateway was faster than the test"
    pair.gateway.start()
    pair.wait_delivered(150)
    pair.assert_same(150)


def test_wrong_password_then_the_right_one(make: MakePair) -> None:
    pair = make()
    pair.set_peer("wrong")
    pair.send(make_study(30))
    wait_for(lambda: pair.status()["State"] in ("paused", "probing"), 20, "the refusal to be noticed")
    time.sleep(3)
    assert (pair.cloud.count(), pair.status()["Parked"], pair.backlog()) == (0, "0", 30)
    pair.set_peer(kit.CLOUD[1])
    pair.wait_delivered(30)
    pair.assert_same(30)


def test_unreadable_image_is_parked_and_released_when_it_is_well_again(make: MakePair) -> None:
    pair = make(RetryParked=20)
    pair.cloud.kill()
    pair.send(make_study(30))
    victim = pair.gateway.get("/changes?type=NewInstance&limit=30")["Changes"][12]["ID"]
    unique = pair.gateway.get(f"/instances/{victim}/attachments/dicom/info")["Uuid"]
    file = f"/srv/orthanc/{unique[:2]}/{unique[2:4]}/{unique}"
    pair.gateway.execute(["mv", file, "/tmp/away"])
    # A restart empties the cache of files that were just received.
    pair.gateway.kill()
    pair.gateway.start()
    pair.cloud.start()
    pair.wait_delivered(29, 60)
    wait_for(lambda: pair.gateway.find({"Labels": [LABEL]}) == [victim], 30, "the unreadable image to be labelled")
    parked = wait_for(lambda: json.loads(pair.status()["ParkedImages"]), 10, "the parked image in the status")
    assert parked[0]["ID"] == victim
    assert "cannot be read" in parked[0]["Reason"]
    assert pair.backlog() == 0
    pair.gateway.execute(["mv", "/tmp/away", file])
    pair.wait_delivered(30, 40)
    wait_for(lambda: pair.gateway.find({"Labels": [LABEL]}) == [], 10, "the label to go")
    pair.assert_same(30)
