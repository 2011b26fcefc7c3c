# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarder on real Orthanc servers: nothing is lost and nothing stored twice, whatever dies in between."""

from __future__ import annotations

import json
import threading
import time

from pydicom.dataset import Dataset

from tests.forwarder.pair import ARCHIVE, LABEL, MakePair
from tests.kit import product
from tests.kit.containers import wait_for
from tests.kit.dicom import make_study


def nest(image: Dataset, depth: int) -> None:
    """Sequences in sequences, as a structured report has them."""
    for level in range(depth):
        item = Dataset()
        item.CodeMeaning = f"level {level}"
        image.PurposeOfReferenceCodeSequence = [item]
        image = item


def test_study_arrives_unchanged_and_cloud_images_are_not_sent_back(make: MakePair) -> None:
    pair = make()
    study = make_study(40)
    pair.gateway.send(study)
    pair.wait_delivered(40)
    pair.assert_same(40)
    assert set(pair.cloud.contents()) == {image.SOPInstanceUID for image in study}
    # An image that came from the cloud's side is not offered to the cloud.
    returned = pair.cloud.find({})[0]
    data = pair.cloud.request("GET", f"/instances/{returned}/file").content
    pair.gateway.request("DELETE", f"/instances/{returned}").raise_for_status()
    pair.cloud.request("DELETE", f"/instances/{returned}").raise_for_status()
    pair.gateway.request("POST", "/instances", data=data, auth=product.CLOUD_GATEWAY).raise_for_status()
    wait_for(lambda: pair.gateway.status()["Skipped"] == "1", 30, "the image to be skipped")
    assert (pair.cloud.count(), pair.gateway.backlog()) == (39, 0)


def test_sequences_in_sequences_do_not_end_the_gateway(make: MakePair) -> None:
    """Orthanc makes no room on Lua's stack for what is nested, eight deep and more, and wrote beyond its memory."""
    pair = make()
    # 49 are too much for the cloud here: the threads of Debian's web server have 100 KB of stack.
    depths = (7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 40)
    study = make_study(len(depths))
    for image, depth in zip(study, depths, strict=True):
        nest(image, depth)
    started = pair.gateway.container.run("cat", "/tmp/pid")
    pair.gateway.send(study)
    pair.wait_delivered(len(depths))
    pair.assert_same(len(depths))
    assert pair.gateway.container.shell("kill -0 $(cat /tmp/pid) && cat /tmp/pid") == started


def test_cloud_stopped_in_mid_study(make: MakePair) -> None:
    pair = make(jobs=2, batch=5)
    sender = threading.Thread(target=pair.gateway.send, args=(make_study(150, 256),))
    sender.start()
    pair.wait_delivered(15)
    pair.cloud.kill()
    sender.join()
    # Whatever was delivered before the end of the cloud: of these nothing was.
    pair.gateway.send(make_study(30))
    wait_for(lambda: pair.gateway.status()["State"] in ("paused", "probing"), 60, "the outage to be noticed")
    assert pair.gateway.backlog() >= 30
    assert pair.gateway.status()["LastError"] != ""
    pair.cloud.start()
    pair.wait_delivered(180)
    pair.assert_same(180)


def test_gateway_killed_in_mid_send(make: MakePair) -> None:
    pair = make(jobs=2, batch=5)
    pair.cloud.kill()
    pair.gateway.send(make_study(600, 64))
    pair.cloud.start()
    pair.wait_delivered(20)
    pair.gateway.kill()
    before = pair.cloud.count()
    assert before < 600, "the gateway was faster than the test"
    pair.gateway.start()
    pair.wait_delivered(600)
    pair.assert_same(600)


def test_wrong_password_then_the_right_one(make: MakePair) -> None:
    pair = make()
    pair.set_password("wrong")
    pair.gateway.send(make_study(30))
    wait_for(lambda: pair.gateway.status()["State"] in ("paused", "probing"), 60, "the refusal to be noticed")
    time.sleep(3)
    assert (pair.cloud.count(), pair.gateway.status()["Parked"], pair.gateway.backlog()) == (0, "0", 30)
    pair.set_password(product.CLOUD_GATEWAY[1])
    pair.wait_delivered(30)
    pair.assert_same(30)


def test_unreadable_image_is_parked_and_released_when_it_is_well_again(make: MakePair) -> None:
    pair = make(retry_parked=20)
    pair.cloud.kill()
    pair.gateway.send(make_study(30))
    victim = pair.gateway.get("/changes?type=NewInstance&limit=30")["Changes"][12]["ID"]
    file = pair.gateway.file_of(victim)
    pair.gateway.container.run("mv", file, "/tmp/away")
    # A restart empties the cache of files that were just received.
    pair.gateway.kill()
    pair.gateway.start()
    pair.cloud.start()
    pair.wait_delivered(29, 180)
    wait_for(lambda: pair.gateway.find({"Labels": [LABEL]}) == [victim], 90, "the unreadable image to be labelled")
    parked = wait_for(lambda: json.loads(pair.gateway.status()["ParkedImages"]), 30, "the parked image in the status")
    assert parked[0]["ID"] == victim
    assert "cannot be read" in parked[0]["Reason"]
    wait_for(lambda: pair.gateway.backlog() == 0, 30, "an empty backlog")
    pair.gateway.container.run("mv", "/tmp/away", file)
    pair.wait_delivered(30, 120)
    wait_for(lambda: pair.gateway.find({"Labels": [LABEL]}) == [], 30, "the label to go")
    pair.assert_same(30)


def test_destinations_do_not_wait_for_each_other(make: MakePair) -> None:
    pair = make(archive=True)
    assert pair.archive is not None
    pair.archive.kill()
    pair.gateway.send(make_study(30))
    pair.wait_delivered(30)
    pair.assert_same(30)
    wait_for(
        lambda: pair.gateway.status(ARCHIVE)["State"] in ("paused", "probing"),
        60,
        "the outage of the archive to be noticed",
    )
    assert (pair.gateway.backlog(), pair.gateway.backlog(ARCHIVE)) == (0, 30)
    # Each has its own cursor: after a restart the archive still gets everything, and the cloud nothing again.
    pair.gateway.kill()
    pair.gateway.start()
    pair.archive.start()
    wait_for(lambda: pair.archive and pair.archive.count() == 30, 90, "30 images in the archive")
    wait_for(lambda: pair.gateway.backlog(ARCHIVE) == 0, 30, "an empty backlog of the archive")
    assert pair.archive.contents() == pair.cloud.contents()
    assert (pair.gateway.status()["Sent"], pair.gateway.status(ARCHIVE)["Sent"]) == ("0", "30")


def test_jobs_that_stand_still_are_given_up_long_before_the_timeout(make: MakePair) -> None:
    pair = make(jobs=2, batch=5, job_patience=15)
    pair.cloud.freeze()
    pair.gateway.send(make_study(40))
    try:
        wait_for(lambda: "given up" in pair.gateway.logs(), 150, "jobs to be given up")
        wait_for(lambda: "given up" in pair.gateway.status()["LastError"], 30, "the reason in the status")
        assert pair.gateway.backlog() == 40
    finally:
        pair.cloud.thaw()
    pair.wait_delivered(40)
    pair.assert_same(40)


def test_in_office_hours_the_line_carries_the_rate(make: MakePair) -> None:
    megabits = 2.0
    pair = make(office_hours={"from": "00:00", "to": "00:00", "mbit": megabits})
    study = make_study(60, 256)
    start = time.monotonic()
    pair.gateway.send(study)
    wait_for(lambda: pair.gateway.status()["State"] == "limited", 60, "the limit to be seen")
    pair.wait_delivered(60, 180)
    seconds = time.monotonic() - start
    # Ten seconds of the rate were saved up before, and the last chunk of four need not be paid for first.
    paid = sum(len(image.PixelData) for image in study[4:]) * 8 / 1e6 / megabits - 10
    assert paid * 0.9 < seconds < paid + 25, f"{seconds:.1f} s, expected {paid:.1f} s and a little more"
    pair.assert_same(60)
