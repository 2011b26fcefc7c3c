# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of a site's secrets: what is decided, what is written, and who may read it."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._site.secret_store import (
    ALPHABET,
    LENGTH,
    SecretsError,
    Store,
    digest,
    generate,
    plan,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_generated_secrets_are_long_plain_and_different() -> None:
    made = {generate() for __ in range(500)}
    assert len(made) == 500
    assert all(len(value) == LENGTH and set(value) <= set(ALPHABET) and value[0].isalpha() for value in made)


def test_missing_secrets_are_generated_and_stored_ones_stay() -> None:
    decided = plan({"a": "kept-as-it-is"}, ["a", "b"], {})
    assert decided.secrets["a"] == "kept-as-it-is"
    assert decided.generated == ["b"]
    assert decided.changed
    again = plan(decided.secrets, ["a", "b"], {})
    assert again.secrets == decided.secrets
    assert not again.changed
    assert again.generated == []


def test_what_is_offered_is_taken_where_nothing_is_stored_or_supplied() -> None:
    for stored, supplied, expected in (
        ({}, {}, "offered"),
        ({"key": "old"}, {}, "old"),
        ({}, {"key": "s" * 20}, "s" * 20),
    ):
        assert plan(stored, ["key"], supplied, {"key": "offered"}).secrets == {"key": expected}


def test_supplied_secrets_win() -> None:
    value = 'it\'s a "quoted" $ecret: {x}'
    decided = plan({"a": "old-old-old-old"}, ["a"], {"a": value})
    assert decided.secrets == {"a": value}
    assert decided.changed
    assert decided.generated == []
    assert not plan(decided.secrets, ["a"], {"a": value}).changed


def test_purposes_of_other_versions_are_kept() -> None:
    assert plan({"old": "some-old-secret"}, ["a"], {}).secrets["old"] == "some-old-secret"


def test_the_diff_is_masked_on_both_sides() -> None:
    decided = plan({"a": "stored-secret-1"}, ["a", "b"], {"a": "supplied-secret-2"})
    assert decided.before == {"a": "********"}
    assert decided.after == {"a": "******** (new)", "b": "******** (new)"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("short", "12 to 128"),
        ("x" * 129, "12 to 128"),
        ("pässword-and-more", "printable ASCII"),
        ("has-${HOME}-inside", "Orthanc"),
        ("line\nbreak-in-it", "printable ASCII"),
        ("ChangeMe", "well-known"),
        ("your_orthanc_cloud_password", "well-known"),
        (123456789012, "quote it"),
        (None, "must be a string"),
    ],
)
def test_refused_values_are_not_repeated(value: object, words: str) -> None:
    with pytest.raises(SecretsError) as caught:
        plan({}, ["a"], {"a": value})
    assert words in str(caught.value)
    assert "for a is refused" in str(caught.value)
    assert str(value) not in str(caught.value) or value is None


def test_unknown_purposes_are_refused_together() -> None:
    with pytest.raises(SecretsError) as caught:
        plan({}, ["orthanc_admin", "Bad Purpose"], {"orthanc_admni": "some-long-secret"})
    assert "'orthanc_admni' is supplied but not needed; the purposes are orthanc_admin" in str(caught.value)
    assert "'Bad Purpose' is no purpose" in str(caught.value)


@pytest.mark.parametrize("site", ["", "../etc", "A", "a/b", "-a", "a."])
def test_the_site_cannot_leave_the_directory(tmp_path: Path, site: str) -> None:
    with pytest.raises(SecretsError, match="no site id"):
        Store(str(tmp_path), site, 1)


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "etc" / "secrets"), "kanifing", 1)
    with store.locked(write=True):
        store.write({"a": "b" * 12})
    assert mode(store.directory) == 0o700
    assert {mode(path) for path in store.directory.iterdir()} == {0o600}
    assert sorted(path.name for path in store.directory.iterdir()) == ["kanifing.json", "kanifing.lock"]
    assert not store.is_open_to_others()
    store.path.chmod(0o644)
    assert store.is_open_to_others()
    with store.locked(write=True):
        store.write({"a": "b" * 12})
    assert mode(store.path) == 0o600


def test_what_killed_runs_have_left_goes_and_the_folder_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path), "far", 1)
    (tmp_path / ".far.json.left").write_text("secret")
    (tmp_path / ".other.json.run").write_text("secret")
    synced = list[bool]()
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    with store.locked(write=True):
        store.write({"a": "b" * 12})
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.json.run", "far.json", "far.lock"]
    assert synced == [False, True]


def test_a_secret_that_is_lost_is_not_taken_again() -> None:
    stored = {"login": "stored-secret-1", "login_lost": f"{digest('other')} {digest('lost-secret-1')}"}
    with pytest.raises(
        SecretsError, match="for login is refused: a PC that was locked out may know it; give it another"
    ):
        plan(stored, ["login"], {"login": "lost-secret-1"})
    assert plan(stored, ["login"], {"login": "lost-secret-2"}).changed


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": ""}', "\xff"])
def test_a_damaged_store_is_an_error(tmp_path: Path, text: str) -> None:
    store = Store(str(tmp_path), "kanifing", 1)
    store.path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SecretsError, match=r"kanifing\.json"):
        store.read()


def test_reading_without_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "secrets"), "kanifing", 1)
    with store.locked(write=False):
        assert store.read() == {}
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_waits_and_then_says_so(tmp_path: Path) -> None:
    first, second = Store(str(tmp_path), "kanifing", 1), Store(str(tmp_path), "kanifing", 0.2)
    with (
        first.locked(write=True),
        pytest.raises(SecretsError, match="wait until it ends and run again"),
        second.locked(write=True),
    ):
        pass
    with second.locked(write=True):
        pass


def _run(directory: str) -> None:
    store = Store(directory, "kanifing", 30)
    with store.locked(write=True):
        decided = plan(store.read(), ["a", "b"], {})
        if decided.changed:
            store.write(decided.secrets)
    (Path(directory) / f"seen-{multiprocessing.current_process().pid}").write_text(json.dumps(decided.secrets))


def test_parallel_runs_agree(tmp_path: Path) -> None:
    runs = [multiprocessing.get_context("fork").Process(target=_run, args=(str(tmp_path),)) for __ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    seen = {path.read_text() for path in tmp_path.glob("seen-*")}
    assert len(list(tmp_path.glob("seen-*"))) == 4
    assert len(seen) == 1


def test_what_is_replaced_or_forgotten_does_not_stay() -> None:
    stored = {"a": "stored-secret-1", "b": "stored-secret-2"}
    decided = plan(stored, ["a"], {}, replaced={"a": "another-secret"})
    assert (decided.secrets, decided.generated) == ({**stored, "a": "another-secret"}, [])
    assert not plan(decided.secrets, ["a"], {}, replaced={"a": "another-secret"}).changed
    gone = plan(stored, [], {}, forgotten=["b", "never-there"])
    assert (gone.secrets, gone.changed) == ({"a": "stored-secret-1"}, True)
    assert not plan(gone.secrets, [], {}, forgotten=["b"]).changed
    anew = plan(stored, ["a", "b"], {}, forgotten=["b"])
    assert (anew.generated, anew.secrets["b"] == stored["b"]) == (["b"], False)
    # What the operator supplies counts all the same.
    assert plan(stored, ["b"], {"b": "supplied-secret-3"}, forgotten=["b"]).secrets["b"] == "supplied-secret-3"


def test_of_two_operators_who_replace_the_same_the_second_is_refused() -> None:
    first = plan({}, [], {}, replaced={"gateway_pc": "A"}, expected={"gateway_pc": ""}).secrets
    for read in ("", "old"):
        with pytest.raises(SecretsError, match="Another run has changed gateway_pc of this site since"):
            plan(first, [], {}, replaced={"gateway_pc": "B"}, expected={"gateway_pc": read})
    assert plan(first, [], {}, replaced={"gateway_pc": "A"}, expected={"gateway_pc": ""}).changed is False
    assert plan(first, [], {}, replaced={"gateway_pc": "B"}, expected={"gateway_pc": "A"}).secrets == {
        "gateway_pc": "B"
    }
    # One who has read it before it was revoked.
    with pytest.raises(SecretsError, match="Another run"):
        plan({}, [], {}, replaced={"gateway_pc": "B"}, expected={"gateway_pc": "A"})
