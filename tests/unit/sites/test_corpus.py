# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of the corpus gives exactly the problems that were expected, with both of YAML's parsers."""

from __future__ import annotations

import functools

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _sites
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites_load import LOADER

from tests.unit.sites.corpus import SECRET, Case, cases

CASES = cases()
PARSERS = {"C": LOADER, "Python": yaml.SafeLoader}


def test_the_corpus_is_large_and_names_each_case_once() -> None:
    assert len(CASES) >= 300
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.content for case in CASES}) == len(CASES)


def test_this_python_has_the_fast_parser() -> None:
    assert LOADER is yaml.CSafeLoader


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_of_the_corpus(case: Case, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sites, "load", functools.partial(_sites.load, loader=PARSERS[parser]))
    try:
        hosts = _sites.read(case.content, "mediverse.sites.yml")
    except _sites.SitesError as error:
        found, said = [(problem.path, problem.message) for problem in error.problems], str(error)
    else:
        found, said = [], f"{len(hosts)} hosts"
    expected = sorted(path for path, __ in case.problems)
    assert sorted(path for path, __ in found) == expected, f"{case.where}: {said}"
    for path, words in case.problems:
        messages = [message for reported, message in found if reported == path]
        assert any(all(word in message for word in words) for message in messages), f"{case.where}: {said}"
    assert SECRET not in said, f"{case.where}: {said}"
    for __, message in found:
        assert message.endswith((".", "?")), f"{case.where}: {message}"
        assert message.isprintable(), f"{case.where}: {message}"
