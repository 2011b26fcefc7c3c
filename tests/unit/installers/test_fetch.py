# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module installer_files against makers with TLS: right, wrong, missing and cut off."""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mediverse.pacs.plugins.modules import installer_files
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.lab import pki

from .makers import EXE, KEY, MSI, ZIP, four, offers, server, sha256, signed


class Makers:
    def __init__(self, address: str, content: dict[str, bytes], asked: list[str], folder: Path) -> None:
        self.address, self.content, self.asked, self.folder = address, content, asked, folder

    def run(self, check_mode: bool = False, **change: Any) -> dict[str, Any]:
        options: dict[str, Any] = {"folder": str(self.folder), "files": four(self.address), "timeout": 10}
        options |= {"ca_path": str(pki.authority()[0]), **change}
        out = io.StringIO()
        arguments = {**options, "_ansible_check_mode": check_mode}
        with patch_module_args(arguments), contextlib.redirect_stdout(out), pytest.raises(SystemExit):
            installer_files.main()
        result: dict[str, Any] = json.loads(out.getvalue())
        return result

    def one(self, number: int, **change: Any) -> dict[str, Any]:
        """One of the files alone, with another option perhaps."""
        return self.run(files=[{**four(self.address)[number], **change}])

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []


@pytest.fixture
def makers(tmp_path: Path) -> Iterator[Makers]:
    content, asked = offers(), list[str]()
    with server(tmp_path, content, asked) as address:
        yield Makers(address, content, asked, tmp_path / "installers")


def test_right_files_are_checked_as_far_as_can_be(makers: Makers) -> None:
    first = makers.run()
    assert first["changed"]
    assert [one["checked"].partition(";")[0] for one in first["files"]] == [
        "is not checked: its maker publishes neither a checksum nor a signature, so compare the SHA-256 with a second "
        "download by another line",
        "is the file that its maker's list names",
        "is the file that its maker's list names",
        "is the file that its maker's signed list names",
    ]
    for name, content in {"plain-1.exe": EXE, "setup.exe": EXE, "sync-v2.zip": ZIP, "guard-1.msi": MSI}.items():
        assert (makers.folder / name).read_bytes() == content
        assert (makers.folder / f"{name}.sha256").read_text() == f"{sha256(content)}  {name}\n"
    assert len(makers.left()) == 8
    assert "RSA" not in str(first)


def test_the_lines_are_those_that_the_roles_want(makers: Makers) -> None:
    found = yaml.safe_load("\n".join(makers.run()["lines"]))
    folder = makers.folder
    assert found == {
        "orthanc_windows_gateway_installer": {
            **{"src": str(folder / "plain-1.exe"), "sha256": sha256(EXE), "version": "1.10"}
        },
        "syncthing_pair_installer": {"src": str(folder / "setup.exe"), "sha256": sha256(EXE)},
        "syncthing_pair_archive": {"src": str(folder / "sync-v2.zip"), "sha256": sha256(ZIP)},
    }


def test_a_second_run_asks_nobody_and_says_the_same(makers: Makers) -> None:
    first = makers.run()
    makers.asked.clear()
    again = makers.run()
    assert (again["changed"], makers.asked, again["lines"]) == (False, [], first["lines"])


def test_a_file_that_somebody_changed_is_fetched_again(makers: Makers) -> None:
    makers.run()
    (makers.folder / "setup.exe").write_bytes(b"MZ something else")
    again = makers.run()
    assert [one["changed"] for one in again["files"]] == [False, True, False, False]
    assert (makers.folder / "setup.exe").read_bytes() == EXE


def test_a_file_whose_note_was_lost_is_fetched_again(makers: Makers) -> None:
    makers.run()
    (makers.folder / "guard-1.msi.sha256").unlink()
    assert [one["changed"] for one in makers.run()["files"]] == [False, False, False, True]


def test_check_mode_asks_nobody(makers: Makers) -> None:
    result = makers.run(check_mode=True)
    assert (result["changed"], makers.asked, makers.left()) == (True, [], [])


@pytest.mark.parametrize(("number", "path"), [(1, "/setup.exe"), (2, "/sync-v2.zip"), (3, "/guard-1.msi")])
def test_another_file_than_its_maker_names_is_not_taken(makers: Makers, number: int, path: str) -> None:
    makers.content[path] += b"!"
    result = makers.one(number)
    assert result["failed"]
    assert f"{path[1:]} is not the file that {makers.address}" in result["msg"]
    assert makers.left() == []


@pytest.mark.parametrize("number", range(4))
def test_a_sum_that_was_given_counts(makers: Makers, number: int) -> None:
    wrong = makers.one(number, sha256="0" * 64)
    assert f"and not {'0' * 64}, which was given; ask its maker" in wrong["msg"]
    assert makers.left() == []
    content = [EXE, EXE, ZIP, MSI][number]
    right = makers.one(number, sha256=sha256(content).upper())
    assert right["files"][0]["checked"].endswith("the SHA-256 that was given")


def test_a_file_that_is_not_there(makers: Makers) -> None:
    del makers.content["/plain-1.exe"]
    assert makers.one(0)["msg"] == (
        f"Plain: {makers.address}/plain-1.exe answered 404; is 1.10 the version that its maker offers?"
    )


@pytest.mark.parametrize("number", range(4))
def test_a_connection_that_breaks_leaves_no_half_file(makers: Makers, number: int) -> None:
    url = four(makers.address)[number]["url"]
    result = makers.one(number, url=f"{url}?cut")
    assert f"{url}?cut broke before the end; run again." in result["msg"] or " bytes; run again." in result["msg"]
    assert makers.left() == []


def test_a_page_in_the_place_of_a_file(makers: Makers) -> None:
    makers.content["/plain-1.exe"] = b"<html>Log in to the hotel's network</html>"
    assert "what came for plain-1.exe is no exe file, but perhaps a page of a proxy" in makers.one(0)["msg"]
    assert makers.left() == []


def test_the_certificate_is_verified(makers: Makers) -> None:
    result = makers.run(ca_path=None, files=[four(makers.address)[0]])
    assert "the certificate of localhost is not trusted here" in result["msg"]
    assert "mediverse_installers_ca" in result["msg"]


def test_no_way_without_tls(makers: Makers) -> None:
    result = makers.one(0, url="http://localhost/plain-1.exe")
    assert result["msg"] == "Plain: http://localhost/plain-1.exe is no address by https; give one."
    moved = makers.one(0, url=f"{makers.address}/plain-1.exe?moved")
    assert moved["failed"]
    assert makers.left() == []


def test_nobody_answers(makers: Makers) -> None:
    said = makers.one(0, url="https://localhost:9/plain-1.exe")["msg"]
    assert "https://localhost:9/plain-1.exe does not answer" in said
    assert "fill a folder elsewhere and name it in mediverse_installers_from." in said


OTHERS = Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    ("number", "path", "content", "said"),
    [
        (1, "/release", b"<html>", "/release is no description of a release; nothing was taken."),
        (1, "/release", b'{"assets": [{"name": "setup.exe"}]}', "/release has no SHA-256 of setup.exe; nothing was"),
        (2, "/sums.txt", b"nothing", "/sums.txt does not name sync-v2.zip, which may be too old or too new for it;"),
        (3, "/latest.sig", signed(b"x", OTHERS), "/latest.sig has a signature that is not its maker's; nothing"),
        (3, "/latest.sig", signed(b"x", head=b"Ed87654321"), "/latest.sig is not signed with its maker's key; nothing"),
        (3, "/latest.sig", b"plain text\nof three\nlines", "/latest.sig is not signed as its maker signs; nothing"),
        (3, "/latest.sig", signed(b"x"), "/latest.sig does not name guard-1.msi, which may be too old or too new"),
    ],
)
def test_a_list_that_cannot_be_used(makers: Makers, number: int, path: str, content: bytes, said: str) -> None:
    makers.content[path] = content
    assert said in makers.one(number)["msg"]
    assert makers.left() == []


def test_a_signed_list_is_checked_as_a_whole(makers: Makers) -> None:
    makers.content["/latest.sig"] += b"0" * 64 + b"  guard-1.msi\n"
    assert "has a signature that is not its maker's" in makers.one(3)["msg"]
    assert base64.b64decode(KEY)[:2] == b"Ed"


def test_all_that_could_not_be_had_is_said_together(makers: Makers) -> None:
    makers.content["/plain-1.exe"] = b"no program"
    del makers.content["/sums.txt"]
    said = makers.run()["msg"].splitlines()
    assert [line.partition(":")[0] for line in said] == ["Plain", "Sync"]
    assert makers.left() == ["guard-1.msi", "guard-1.msi.sha256", "setup.exe", "setup.exe.sha256"]


def test_a_folder_that_was_filled_elsewhere(makers: Makers, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    for path, content in makers.content.items():
        (stick / path[1:]).write_bytes(content)
    result = makers.run(offline=str(stick))
    assert (makers.asked, len(makers.left())) == ([], 8)
    assert result["files"][3]["checked"] == "is the file that its maker's signed list names"
    (stick / "setup.exe").write_bytes(EXE[:1000])
    (makers.folder / "setup.exe.sha256").unlink()
    assert "setup.exe is not the file that" in makers.run(offline=str(stick))["msg"]
    (stick / "setup.exe").write_bytes(EXE)
    (stick / "release").unlink()
    assert makers.run(offline=str(stick))["files"][1]["checked"] == "is not checked: release is not in the folder"
    (stick / "plain-1.exe").unlink()
    (makers.folder / "plain-1.exe").unlink()
    assert (
        f"Plain: {stick / 'plain-1.exe'} is missing; download {makers.address}" in makers.run(offline=str(stick))["msg"]
    )


def test_a_folder_that_cannot_be_made(makers: Makers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = makers.run(folder=str(tmp_path / "file" / "installers"))["msg"].splitlines()
    assert len(said) == 4
    assert said[0].endswith("cannot be used (Not a directory); choose another folder.")
