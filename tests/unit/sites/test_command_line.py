# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real commands say about site files, with the settings of this checkout and without any."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import COLLECTIONS, ROOT
from tests.unit.sites.corpus import BASE, SECRET, Case, cases

PROGRAMS = Path(sys.executable).parent
# One of each way in which Ansible, without our settings, makes something else of a file than a refusal.
CHOSEN = (
    "an empty file",
    "a text and nothing else",
    "Latin-1",
    "UTF-16, as an editor on Windows calls Unicode",
    "a quote that is never closed in the last site",
    "a template without quotes",
    "a value from the vault beside other mistakes",
    "plugin is missing",
    "plugin in capitals",
    "a site called no",
    "a login in a URL",
    "everything wrong at once",
)


def run(
    program: str, *arguments: str, at: Path, settings: bool = False, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program of Ansible's in a folder, as a user does who has the collection installed and nothing else.

    settings  with those of the checkout.
    more      further variables of the environment.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "HOME": str(at), "COLUMNS": "1000"}
    environment |= {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
    if settings:
        environment["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
    environment |= more or {}
    return subprocess.run(
        [str(PROGRAMS / program), *arguments],
        env=environment,
        cwd=at,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def playbook(at: Path, source: Path, site: str = "kanifing", name: str = "site") -> subprocess.CompletedProcess[str]:
    return run("ansible-playbook", f"mediverse.pacs.{name}", "-i", str(source), "-l", site, at=at)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What a run says that must end before its first play."""
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "PLAY [" not in said
    assert "TASK [" not in said
    return " ".join(said.split())


def _chosen(case: Case, at: Path) -> Path:
    path = at / "mediverse.sites.yml"
    path.write_bytes(case.content)
    return path


CASES = [case for case in cases() if case.name in CHOSEN]


def test_all_chosen_cases_exist() -> None:
    assert len(CASES) == len(CHOSEN)


@pytest.mark.oldest
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_settings_a_wrong_file_ends_the_playbook(case: Case, tmp_path: Path) -> None:
    path = _chosen(case, tmp_path)
    said = refused(playbook(tmp_path, path))
    assert f"The site file {path} has {len(case.problems)} error" in said
    for __, words in case.problems:
        assert all(" ".join(word.split()) in said for word in words)
    assert "Nothing was changed." in said
    assert SECRET not in said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_with_our_settings_a_wrong_file_is_no_inventory(case: Case, tmp_path: Path) -> None:
    path = _chosen(case, tmp_path)
    done = run("ansible-inventory", "-i", str(path), "--list", at=tmp_path, settings=True)
    said = refused(done)
    for __, words in case.problems:
        assert all(" ".join(word.split()) in said for word in words)
    assert SECRET not in said
    assert "Failed to parse inventory with 'yaml'" not in said


@pytest.mark.parametrize("name", ["verify", "reconcile"])
def test_the_other_playbooks_end_too(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mediverse.sites.yml"
    path.write_text(BASE.replace("mediverse.pacs.sites", ""), encoding="utf-8")
    assert "plugin: the value is empty" in refused(playbook(tmp_path, path, name=name))


def test_a_right_file_is_run(tmp_path: Path) -> None:
    path = tmp_path / "mediverse.sites.yml"
    path.write_text(BASE, encoding="utf-8")
    done = run("ansible-playbook", "mediverse.pacs.site", "-i", str(path), "--list-hosts", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kanifing-gateway" in done.stdout
    assert "brikama-cloud" in done.stdout


def test_a_right_file_beside_a_wrong_one_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "a.sites.yml").write_text(BASE, encoding="utf-8")
    (tmp_path / "inventory" / "b.sites.yml").write_text("# nothing yet\n", encoding="utf-8")
    said = refused(playbook(tmp_path, tmp_path / "inventory"))
    assert "b.sites.yml has 1 error: the file is empty" in said
    assert "b.sites.yml is a second one beside" in said


@pytest.mark.parametrize("settings", [False, True])
def test_a_second_right_file_is_refused(tmp_path: Path, settings: bool) -> None:
    place = tmp_path / "inventory"
    place.mkdir()
    (place / "mediverse.sites.yml").write_text(BASE, encoding="utf-8")
    (place / "old.sites.yml").write_text(BASE, encoding="utf-8")
    (place / "older.sites.yml.bak").write_text("x", encoding="utf-8")
    if settings:
        done = run("ansible-inventory", "-i", str(place), "--list", at=tmp_path, settings=True)
    else:
        done = playbook(tmp_path, place)
    assert f"{place / 'old.sites.yml'} is a second one beside {place / 'mediverse.sites.yml'}" in refused(done)


def test_one_file_named_twice_is_one(tmp_path: Path) -> None:
    path = tmp_path / "mediverse.sites.yml"
    path.write_text(BASE, encoding="utf-8")
    options = ["-i", str(path), "-i", str(path), "--list-hosts"]
    done = run("ansible-playbook", "mediverse.pacs.site", *options, at=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name",
    ["mediverse.SITES.YML", "mediverse.sites.YML", "mediverse.sites.yml.txt", "sites.json", "sites.yml.j2", "sites"],
)
def test_a_wrong_name_is_called_wrong(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(BASE, encoding="utf-8")
    said = refused(playbook(tmp_path, path))
    assert f"The site file {path} has the wrong name; rename it so that it ends in sites.yml or sites.yaml" in said


def test_a_wrong_name_without_a_plugin_is_called_wrong(tmp_path: Path) -> None:
    place = tmp_path / "inventory"
    place.mkdir()
    (place / "mediverse-sites").write_text("domain: mediverse.ai\n", encoding="utf-8")
    said = refused(playbook(tmp_path, place))
    assert "This run knows no site" in said
    assert f"The site file {place / 'mediverse-sites'} has the wrong name" in said


def test_a_wrong_name_is_called_wrong_by_the_inventory_too(tmp_path: Path) -> None:
    path = tmp_path / "mediverse.sites.yml.txt"
    path.write_text(BASE, encoding="utf-8")
    done = run("ansible-inventory", "-i", str(path), "--list", at=tmp_path, settings=True)
    assert "has the wrong name; rename it" in refused(done)


def test_sites_with_a_dash_are_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "mediverse.sites.yml"
    path.write_text(BASE.replace("brikama:", "2nd-brikama:"), encoding="utf-8")
    done = run("ansible-inventory", "-i", str(path), "--graph", at=tmp_path, settings=True)
    assert done.returncode == 0, done.stderr
    assert "@2nd-brikama:" in done.stdout
    assert "WARNING" not in done.stderr


def test_a_site_file_that_the_vault_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "mediverse.sites.yml"
    path.write_text(BASE, encoding="utf-8")
    (tmp_path / "vault").write_text("a word for the test", encoding="utf-8")
    vault = ["--vault-password-file", str(tmp_path / "vault")]
    assert run("ansible-vault", "encrypt", str(path), *vault, at=tmp_path).returncode == 0
    options = ["-i", str(path), "--list-hosts", *vault]
    done = run("ansible-playbook", "mediverse.pacs.site", *options, at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kanifing-gateway" in done.stdout


def test_hosts_of_another_inventory_are_named(tmp_path: Path) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(BASE, encoding="utf-8")
    (tmp_path / "old.ini").write_text("[cloud_pacs]\nserrekunda-cloud ansible_host=192.0.2.5\n[nas]\nold-nas\n")
    said = refused(playbook(tmp_path, tmp_path))
    assert f"The host serrekunda-cloud comes from {tmp_path / 'old.ini'} and from no site file; write its site" in said
    assert "old-nas" not in said


def test_hosts_of_one_s_own_groups_are_nobody_s_business(tmp_path: Path) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(BASE, encoding="utf-8")
    (tmp_path / "own.ini").write_text("old-nas\n[nas]\nnew-nas\n")
    done = run("ansible-playbook", "mediverse.pacs.site", "-i", str(tmp_path), "--list-hosts", at=tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_unknown_site_beside_a_known_one(tmp_path: Path) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(BASE, encoding="utf-8")
    said = refused(playbook(tmp_path, tmp_path, site="kanifing,banjul,!hub"))
    assert "-l names 'banjul', which this inventory does not have; its sites are brikama, kanifing." in said


@pytest.mark.parametrize("limit", ["kanifing,brikama-*", "all:!brikama", "~kani.*", "kanifing-cloud,kanifing-gateway"])
def test_a_limit_of_patterns(tmp_path: Path, limit: str) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(BASE, encoding="utf-8")
    options = ["-i", str(tmp_path), "-l", limit, "--list-hosts"]
    done = run("ansible-playbook", "mediverse.pacs.site", *options, at=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["site", "verify", "reconcile"])
@pytest.mark.parametrize(
    ("limit", "inside", "outside"),
    [
        ("kanifing-cloud", "kanifing-cloud", "kanifing-gateway"),
        ("brikama,kanifing-gateway", "kanifing-gateway", "kanifing-cloud"),
        ("kanifing:&cloud_pacs", "kanifing-cloud", "kanifing-gateway"),
        ("all:!~kanifing-c.*", "kanifing-gateway", "kanifing-cloud"),
    ],
)
def test_half_a_site(tmp_path: Path, name: str, limit: str, inside: str, outside: str) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(BASE, encoding="utf-8")
    said = refused(playbook(tmp_path, tmp_path, site=limit, name=name))
    why = "a site is built and proved as a whole, so use -l kanifing."
    assert f"-l {limit} takes in {inside} without {outside}; {why}" in said


def test_no_site(tmp_path: Path) -> None:
    (tmp_path / "mediverse.sites.yml").write_text(BASE, encoding="utf-8")
    said = refused(playbook(tmp_path, tmp_path, site="hub"))
    assert "-l hub takes in no site; its sites are brikama, kanifing." in said


@pytest.mark.parametrize("settings", [False, True])
@pytest.mark.parametrize("command", [("ansible-playbook", "mediverse.pacs.site"), ("ansible-inventory", "--list")])
def test_a_mistake_is_told_once_and_last(tmp_path: Path, command: tuple[str, ...], settings: bool) -> None:
    path = tmp_path / "mediverse.sites.yml"
    path.write_text(BASE.replace("port: 104", "port: 0"), encoding="utf-8")
    done = run(*command, "-i", str(path), at=tmp_path, settings=settings)
    refused(done)
    first, *problems, last = done.stderr.strip().splitlines()
    assert first.startswith(f"[ERROR]: The site file {path} has")
    assert len(problems) == len({*problems}) == BASE.count("port: 104")
    assert last == "Nothing was changed."


@pytest.mark.parametrize("inside", [False, True])
def test_a_link_that_leads_nowhere(tmp_path: Path, inside: bool) -> None:
    place = tmp_path / "inventory"
    place.mkdir()
    link = place / "mediverse.sites.yml"
    link.symlink_to(tmp_path / "gone.yml")
    said = refused(run("ansible-playbook", "mediverse.pacs.site", "-i", str(place if inside else link), at=tmp_path))
    assert f"The inventory {link} is a link that leads nowhere; point it to the sites file." in said
