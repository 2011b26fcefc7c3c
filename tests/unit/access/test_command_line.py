# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator types for ``accept.yml``, by the real command: Ansible has rules of its own for spaces in ``-e``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.unit.access.hub_programs import fingerprint, report, short
from tests.unit.sites.site_file import REMOVED, changed
from tests.unit.sites.test_command_line import run

DIGITS = fingerprint(report())
TEXT = short(report())
NOBODY = "hub (hub.invalid:22) does not answer by SSH"
WHOLE = {
    "as it is shown": f"fingerprint={DIGITS}",
    "with spaces, in the shell's quotes alone": f"fingerprint={DIGITS.replace('-', ' ').upper()}",
    "with spaces, in inner quotes": f"fingerprint='{DIGITS.replace('-', ' ')}'",
    "without groups, in JSON": json.dumps({"fingerprint": DIGITS.replace("-", "")}),
    "a text as it is shown": f"text={TEXT}",
    "a text with spaces, in the shell's quotes alone": f"text={TEXT.replace('-', ' ')}",
}
SHORT = {
    "fingerprint=3fa2 91c0": "has 8 of 24 digits; give it in one word with dashes",
    "text=MV1 ABCDE": "has 5 letters after MV1 instead of 80",
}
# The usual run has what people type first; what is only another spelling of it is seen on long ones.
_USUAL = ("as it is shown", "with spaces, in the shell's quotes alone")


def said(typed: str, folder: Path, playbook: str = "accept") -> str:
    (folder / "mediverse.sites.yml").write_text(
        changed(
            ("hub", {"host": "hub.invalid"}),
            ("sites.kanifing.cloud.host", "cloud.invalid"),
            ("sites.kanifing.gateway.host", REMOVED),
            ("sites.kanifing.gateway.user", REMOVED),
        )
    )
    file = str(ROOT / "playbooks" / f"{playbook}.yml")
    done = run(
        "ansible-playbook",
        "-i",
        "mediverse.sites.yml",
        file,
        "-l",
        "kanifing",
        "-e",
        typed,
        at=folder,
        more={"PWD": str(folder)},
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "typed", [pytest.param(WHOLE[name], id=name, marks=() if name in _USUAL else pytest.mark.long) for name in WHOLE]
)
def test_every_spelling_arrives_whole(typed: str, tmp_path: Path) -> None:
    assert NOBODY in said(typed, tmp_path)


@pytest.mark.parametrize("typed", SHORT)
def test_what_is_not_whole_is_told_before_any_host_is_asked(typed: str, tmp_path: Path) -> None:
    text = said(typed, tmp_path)
    assert SHORT[typed] in text
    assert NOBODY not in text


def test_a_revocation_tries_each_part_and_says_all_that_is_left(tmp_path: Path) -> None:
    text = said("x=y", tmp_path, "revoke")
    (last,) = [line for line in text.splitlines() if "is NOT locked out of everything" in line][:1]
    for part in (f"The hub: {NOBODY}", "The worklists: ", "The cloud: the PC may know the login", "cloud.invalid"):
        assert part in last
    assert "failed=1" in text


def test_a_hub_that_is_away_is_a_failed_proof(tmp_path: Path) -> None:
    """And not a host that Ansible leaves out, whose report of an earlier day would stay."""
    assert "rescued=1" in said("x=y", tmp_path, "verify")
    report = (tmp_path / "proof" / "kanifing" / "proof.json").read_text()
    assert NOBODY in report
