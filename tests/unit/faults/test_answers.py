# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer of a server reaches the scanner of a test, whatever the threads of its association do."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityWorklistInformationFind, Verification  # type: ignore[attr-defined]

# What every scanner of the tests imports.
importlib.import_module("tests.kit.dicom")

ANSWERS = 20


def _worklist(__: Any) -> Iterator[tuple[int, Dataset]]:
    for number in range(ANSWERS):
        found = Dataset()
        found.AccessionNumber = str(number)
        yield 0xFF00, found


@pytest.fixture
def association(monkeypatch: pytest.MonkeyPatch) -> Iterator[Association]:
    """One with a server in this process, whose second thread never pauses: the worst that a busy machine can do."""
    server = AE("SERVER")
    server.add_supported_context(Verification)
    server.add_supported_context(ModalityWorklistInformationFind)
    running = server.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, _worklist)])
    assert running is not None
    assert running.socket is not None
    scanner = AE("SCANNER")
    scanner.dimse_timeout = 10
    scanner.add_requested_context(Verification)
    scanner.add_requested_context(ModalityWorklistInformationFind)
    made = scanner.associate("127.0.0.1", running.socket.getsockname()[1])
    # It says that it pauses, and goes on: `_is_paused` is true during this sleep.
    monkeypatch.setattr(made._reactor_checkpoint, "wait", lambda: time.sleep(0.005))
    yield made
    made.abort()
    running.shutdown()


def test_every_request_gets_its_answer(association: Association) -> None:
    assert [association.send_c_echo().Status for __ in range(30)] == [0] * 30


def test_many_answers_come_in_their_order(association: Association) -> None:
    query = Dataset()
    query.AccessionNumber = ""
    found = list(association.send_c_find(query, ModalityWorklistInformationFind))
    assert [status.Status for status, __ in found] == [0xFF00] * ANSWERS + [0]
    assert [entry.AccessionNumber for __, entry in found if entry] == [str(number) for number in range(ANSWERS)]
