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

from tests.forwarder import bench as kit
from tests.forwarder.bench import LABEL, Bench, make_study, wait_for

MakeBench = Callable[..., Bench]


@pytest.fixture(scope="module", autouse=True)
def _network() -> Iterator[None]:
    try:
        image = kit.orthanc_image()
    except Exception as problem:  # the Docker SDK raises many kinds
        pytest.skip(f"no usable Docker engine ({problem}); run `make test`, which starts one")
    if image is None:
        pytest.skip(f"none of the images {', '.join(kit.IMAGES)} is here; `make demo` builds the first of them")
    kit.make_network()
    yield
    kit.remove_network()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeBench]:
    benches: list[Bench] = []

    def factory(**destination: Any) -> Bench:
        benches.append(Bench(tmp_path, **destination))
        return benches[-1]

    yield factory
    for bench in benches:
        (tmp_path / "gateway.log").write_text(bench.gateway.logs())
        bench.close()


def test_study_arrives_unchanged_and_cloud_images_are_not_sent_back(make: MakeBench) -> None:
    bench = make()
    study = make_study(40)
    bench.send(study)
    bench.wait_delivered(40)
    bench.assert_same(40)
    assert set(bench.cloud.contents()) == {image.SOPInstanceUID for image in study}
    # An image that came from the cloud's side is not offered to the cloud.
    returned = bench.cloud.find({})[0]
    data = bench.cloud.request("GET", f"/instances/{returned}/file").content
    bench.gateway.request("DELETE", f"/instances/{returned}").raise_for_status()
    bench.cloud.request("DELETE", f"/instances/{returned}").raise_for_status()
    bench.gateway.request("POST", "/instances", data=data, auth=("cloud-side", "x")).raise_for_status()
    wait_for(lambda: bench.status()["Skipped"] == "1", 10, "the image to be skipped")
    assert (bench.cloud.count(), bench.backlog()) == (39, 0)


def test_cloud_stopped_in_mid_study(make: MakeBench) -> None:
    bench = make(Jobs=2, Batch=5)
    sender = threading.Thread(target=bench.send, args=(make_study(150, 256),))
    sender.start()
    bench.wait_delivered(15)
    bench.cloud.kill()
    sender.join()
    assert wait_for(lambda: bench.status()["State"] in ("paused", "probing"), 20, "the outage to be noticed")
    assert bench.backlog() > 0
    assert bench.status()["LastError"] != ""
    bench.cloud.start()
    bench.wait_delivered(150)
    bench.assert_same(150)


def test_gateway_killed_in_mid_send(make: MakeBench) -> None:
    bench = make(Jobs=2, Batch=5)
    bench.cloud.kill()
    bench.send(make_study(150, 256))
    bench.cloud.start()
    bench.wait_delivered(20)
    bench.gateway.kill()
    before = bench.cloud.count()
    assert before < 150, "the gateway was faster than the test"
    bench.gateway.start()
    bench.wait_delivered(150)
    bench.assert_same(150)


def test_wrong_password_then_the_right_one(make: MakeBench) -> None:
    bench = make()
    bench.set_peer("wrong")
    bench.send(make_study(30))
    wait_for(lambda: bench.status()["State"] in ("paused", "probing"), 20, "the refusal to be noticed")
    time.sleep(3)
    assert (bench.cloud.count(), bench.status()["Parked"], bench.backlog()) == (0, "0", 30)
    bench.set_peer(kit.CLOUD[1])
    bench.wait_delivered(30)
    bench.assert_same(30)


def test_unreadable_image_is_parked_and_released_when_it_is_well_again(make: MakeBench) -> None:
    bench = make(RetryParked=20)
    bench.cloud.kill()
    bench.send(make_study(30))
    victim = bench.gateway.get("/changes?type=NewInstance&limit=30")["Changes"][12]["ID"]
    unique = bench.gateway.get(f"/instances/{victim}/attachments/dicom/info")["Uuid"]
    file = f"/srv/orthanc/{unique[:2]}/{unique[2:4]}/{unique}"
    bench.gateway.execute(["mv", file, "/tmp/away"])
    # A restart empties the cache of files that were just received.
    bench.gateway.kill()
    bench.gateway.start()
    bench.cloud.start()
    bench.wait_delivered(29, 60)
    wait_for(lambda: bench.gateway.find({"Labels": [LABEL]}) == [victim], 30, "the unreadable image to be labelled")
    parked = wait_for(lambda: json.loads(bench.status()["ParkedImages"]), 10, "the parked image in the status")
    assert parked[0]["ID"] == victim
    assert "cannot be read" in parked[0]["Reason"]
    assert bench.backlog() == 0
    bench.gateway.execute(["mv", "/tmp/away", file])
    bench.wait_delivered(30, 40)
    wait_for(lambda: bench.gateway.find({"Labels": [LABEL]}) == [], 10, "the label to go")
    bench.assert_same(30)
