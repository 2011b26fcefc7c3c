# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""There is a judge for each check of the role, and it is given what it asks for."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.dicom import SELF_TEST
from ansible_collections.mediverse.pacs.plugins.module_utils._site.judges import JUDGES

ROLE = Path(__file__).resolve().parents[3] / "roles" / "site_proof"
CHECKS = [one["check"] for one in yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__site_proof_all_checks"]]


def tasks(entries: Any) -> Any:
    for task in entries:
        yield task
        for key in ("block", "always"):
            yield from tasks(task.get(key, ()))


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_ends_with_its_judge_and_gives_it_what_it_asks_for(check: str) -> None:
    file = yaml.safe_load((ROLE / "tasks" / "checks" / f"{check}.yml").read_text())
    judged = [one for one in tasks(file) if "mediverse.pacs.site_proof_judge" in one]
    assert judged == [file[-1]]
    assert judged[0]["register"] == "__site_proof_judged"
    given = judged[0]["mediverse.pacs.site_proof_judge"]["given"]
    assert set(given) == set(inspect.signature(JUDGES[check]).parameters)


def test_a_ledger_leaves_out_what_a_proof_makes() -> None:
    """Its names begin as the ledger expects, and the modality that it asks by is the gateway's own."""
    ledger = yaml.safe_load((ROLE.parent / "delivery_ledger" / "vars" / "main.yml").read_text())
    gateway = yaml.safe_load((ROLE.parent / "orthanc_windows_gateway" / "vars" / "main.yml").read_text())
    own = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert own["__site_proof_marks"].startswith("mediverse-proof-")
    assert own["__site_proof_mark"].startswith("{{ __site_proof_marks }}-")
    assert ledger["__delivery_ledger_skip_patients"] == ["mediverse-proof-*"]
    assert defaults["site_proof_modality"] == gateway["__orthanc_windows_gateway_self_test"] == SELF_TEST


def test_the_way_in_is_looked_at_as_the_gateways_role_does() -> None:
    gateway = yaml.safe_load((ROLE.parent / "orthanc_windows_gateway" / "vars" / "main.yml").read_text())
    own = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__site_proof_obstacles"]
    assert own["Rule"] == gateway["__orthanc_windows_gateway_firewall_rule"]
    assert own["Program"] == gateway["__orthanc_windows_gateway_program"] + "\\Orthanc.exe"
    assert list(own) == list(gateway["__orthanc_windows_gateway_obstacles"])


def test_there_is_a_judge_for_each_check_and_no_other() -> None:
    assert list(JUDGES) == CHECKS
    assert sorted(path.stem for path in (ROLE / "tasks" / "checks").glob("*.yml")) == sorted(CHECKS)
