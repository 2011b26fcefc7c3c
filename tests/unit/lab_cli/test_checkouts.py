# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two checkouts on one machine: neither takes the other's images or hosts, and the second is told whose a lab is."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from tests.lab import __main__ as lab_main
from tests.lab import engine, hosts
from tests.lab.engine import CHECKOUT_LABEL, HASH_LABEL, adopt, drop, image_tag
from tests.lab.errors import LabError
from tests.lab.paths import REPOSITORY
from tests.lab.site import Lab


class Image:
    """An image with its tags, as docker's client shows it."""

    def __init__(self, store: Images, identity: str, content: str, *tags: str) -> None:
        self.store, self.id, self.tags = store, identity, list(tags)
        self.attrs = {"Config": {"Labels": {HASH_LABEL: content}}}

    def tag(self, repository: str, tag: str) -> None:
        name = f"{repository}:{tag}"
        for image in self.store.all:
            image.tags = [one for one in image.tags if one != name]
        self.tags.append(name)


class Images:
    """The images of an engine."""

    def __init__(self) -> None:
        self.all: list[Image] = []

    def add(self, identity: str, content: str, *tags: str) -> Image:
        self.all.append(Image(self, identity, content, *tags))
        return self.all[-1]

    def get(self, name: str) -> Image:
        for image in self.all:
            if name in (*image.tags, image.id):
                return image
        raise docker.errors.ImageNotFound(name)

    def list(self, name: str, filters: dict[str, str] | None = None) -> list[Image]:
        wanted = (filters or {}).get("label", "").partition("=")[2]
        found = [one for one in self.all if not wanted or one.attrs["Config"]["Labels"][HASH_LABEL] == wanted]
        return [one for one in found if any(tag == name or tag.partition(":")[0] == name for tag in one.tags)]

    def remove(self, identity: str) -> None:
        self.all = [one for one in self.all if one.id != identity]


def test_an_image_of_the_same_content_is_shared() -> None:
    images = Images()
    theirs = images.add("1", "abc", "mediverse-lab/orthanc:other")
    assert adopt(SimpleNamespace(images=images), "orthanc", "abc")
    assert theirs.tags == ["mediverse-lab/orthanc:other", image_tag("orthanc")]


def test_an_image_of_other_content_is_left_to_its_checkout() -> None:
    images = Images()
    theirs = images.add("1", "abc", "mediverse-lab/hub:other")
    assert not adopt(SimpleNamespace(images=images), "hub", "xyz")
    assert theirs.tags == ["mediverse-lab/hub:other"]


def test_an_image_goes_with_its_last_name() -> None:
    images = Images()
    shared = images.add("1", "abc", "mediverse-lab/hub:other")
    alone = images.add("2", "abc")
    drop(SimpleNamespace(images=images), [shared, alone])
    assert images.all == [shared]


def test_what_was_ours_goes_when_another_takes_its_name() -> None:
    images = Images()
    images.add("1", "old", image_tag("hub"))
    images.add("2", "new", "mediverse-lab/hub:other")
    assert adopt(SimpleNamespace(images=images), "hub", "new")
    assert [image.id for image in images.all] == ["2"]


def _lab(tmp_path: Path) -> Lab:
    return Lab("demo", ipaddress.IPv4Network("172.30.77.0/24"), "test", REPOSITORY / "inventories/lab", (), ("demo",))


def _network(name: str, checkout: str | None, subnet: str = "172.30.77.0/24") -> Any:
    labels = {engine.LABEL: "demo"} | ({CHECKOUT_LABEL: checkout} if checkout else {})
    attrs = {"IPAM": {"Config": [{"Subnet": subnet}]}, "Labels": labels}
    return SimpleNamespace(name=name, attrs=attrs, remove=lambda: None)


def _client(*networks: Any) -> Any:
    def listed(names: list[str] | None = None, filters: Any = None) -> list[Any]:
        return [one for one in networks if not names or names == [f"^{one.name}$"]]

    return SimpleNamespace(networks=SimpleNamespace(list=listed))


@pytest.mark.parametrize("name", ["mediverse-demo", "mediverse-x"])
def test_a_lab_of_another_checkout_is_named(tmp_path: Path, name: str) -> None:
    client = _client(_network(name, str(tmp_path)))
    with pytest.raises(LabError, match=rf"belongs to the checkout {tmp_path}, .*down inventories/lab' there and then"):
        hosts.ensure_network(client, _lab(tmp_path))


def test_a_checkout_that_is_gone_can_be_cleared(tmp_path: Path) -> None:
    client = _client(_network("mediverse-demo", str(tmp_path / "gone")))
    with pytest.raises(LabError, match=rf"down --of {tmp_path / 'gone'} inventories/lab' here"):
        hosts.ensure_network(client, _lab(tmp_path))


@pytest.mark.parametrize("checkout", [str(REPOSITORY), None])
def test_our_own_lab_and_one_from_before_are_ours(tmp_path: Path, checkout: str | None) -> None:
    assert hosts.ensure_network(_client(_network("mediverse-demo", checkout)), _lab(tmp_path)) == "there"


def test_down_leaves_another_checkouts_lab_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    removed: list[str] = []

    def thing(name: str, checkout: str) -> Any:
        labels = {engine.LABEL: "demo", CHECKOUT_LABEL: checkout}
        return SimpleNamespace(
            name=name, labels=labels, attrs={"Labels": labels}, remove=lambda **__: removed.append(name)
        )

    kinds = {
        kind: SimpleNamespace(
            list=lambda kind=kind, **__: [thing(f"our-{kind}", str(REPOSITORY)), thing(f"their-{kind}", "/other")]
        )
        for kind in ("containers", "networks", "volumes")
    }
    monkeypatch.setattr(lab_main, "connect", lambda: SimpleNamespace(**kinds))
    lab_main.down(_lab(tmp_path), images=False, forget=False)
    assert removed == ["our-containers", "our-networks", "our-volumes"]
    assert "left alone: their-containers of the checkout /other" in capsys.readouterr().out
    removed.clear()
    lab_main.down(_lab(tmp_path), images=False, forget=False, of="/other")
    assert removed == ["their-containers", "their-networks", "their-volumes"]
