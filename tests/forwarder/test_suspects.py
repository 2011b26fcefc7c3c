# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that the cloud cannot take, on real Orthanc servers: set aside once, held, and released by an operator."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.forwarder.pair import LABEL, MakePair, Pair
from tests.kit import product
from tests.kit.containers import wait_for
from tests.kit.dicom import make_study
from tests.kit.orthanc import FILES

AGAIN = "forward-again"


def parked(pair: Pair) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(pair.gateway.status()["ParkedImages"])
    return found


def release(pair: Pair, image: str) -> None:
    pair.gateway.request("PUT", f"/instances/{image}/labels/{AGAIN}", data="").raise_for_status()


def test_too_large_by_the_word_of_the_cloud(make: MakePair) -> None:
    pair = make()
    pair.gateway.send(make_study(10))
    pair.wait_delivered(10)
    pair.cloud.reconfigure(MaximumRequestBodySizeMB=1)
    pair.gateway.send(make_study(1, 1024))  # 2 MB
    (image,) = wait_for(lambda: parked(pair), 60, "the large image to be parked")
    assert "HTTP status 413" in image["Reason"]
    assert pair.gateway.logs().count("HTTP status 413 (Request Entity Too Large) after") == 1
    pair.gateway.send(make_study(10))
    pair.wait_delivered(20)
    wait_for(lambda: pair.gateway.backlog() == 0, 30, "an empty backlog")
    pair.cloud.reconfigure(MaximumRequestBodySizeMB=100)
    release(pair, image["ID"])
    pair.wait_delivered(21)
    pair.assert_same(21)
    assert pair.gateway.find({"Labels": [LABEL]}) == pair.gateway.find({"Labels": [AGAIN]}) == []


def test_above_the_limit_it_is_not_sent_and_a_deleted_one_is_not_parked(make: MakePair) -> None:
    pair = make(largest_mb=1, retry_parked=2)
    pair.gateway.send(make_study(10))
    pair.gateway.send(make_study(1, 1024))
    (image,) = wait_for(lambda: parked(pair), 60, "the large image to be parked")
    assert "2 MB, and the cloud takes up to 1 MB" in image["Reason"]
    pair.wait_delivered(10)
    time.sleep(10)
    assert (pair.cloud.count(), pair.gateway.backlog(), pair.gateway.find({"Labels": [LABEL]})) == (
        10,
        0,
        [image["ID"]],
    )
    pair.gateway.request("DELETE", f"/instances/{image['ID']}").raise_for_status()
    wait_for(lambda: pair.gateway.status()["Parked"] == "0", 75, "a deleted image not to be parked")


@contextlib.contextmanager
def restarted(pair: Pair) -> Iterator[list[float]]:
    """The cloud is started again some seconds after each of its ends, as by the engine; yields the moments of them."""
    deaths: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            if not pair.cloud.lives():
                deaths.append(time.monotonic())
                time.sleep(3)
                # The image that ends it may come again before it answers anybody.
                pair.cloud.begin()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield deaths
    finally:
        over.set()
        thread.join()


def test_an_image_that_kills_the_cloud_is_held(make: MakePair, tmp_path: Path) -> None:
    pair = make(jobs=4, batch=5, retry_parked=5)
    shutil.copy(Path(__file__).with_name("poison.lua"), tmp_path / "cloud" / "poison.lua")
    ours = product.cloud()["LuaScripts"]
    pair.cloud.reconfigure(LuaScripts=[*ours, f"{FILES}/poison.lua"])
    pair.gateway.send(make_study(20))
    pair.wait_delivered(20)
    study = make_study(60)
    study[30].ImageComments = "poison"
    with restarted(pair) as deaths:
        pair.gateway.send(study)
        pair.wait_delivered(79, 400)
        (image,) = wait_for(lambda: parked(pair), 300, "the image to be held")
        assert "broke" in image["Reason"]
        kills = len(deaths)
        assert 3 <= kills <= 12
        time.sleep(12)  # twice the time after which a parked image is tried again
        assert len(deaths) == kills, "a held image was tried again"
        pair.gateway.send(make_study(10))
        pair.wait_delivered(89)
    pair.cloud.reconfigure(LuaScripts=ours)
    release(pair, image["ID"])
    pair.wait_delivered(90)
    pair.assert_same(90)
