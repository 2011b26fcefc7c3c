# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints on the loopback interface, with HTTPS, NTLM and message encryption as in production."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.controller import Controller
from tests.contract.endpoints import RealProcess, RunningEndpoint, certificate
from tests.lab.winrm.process import Process

PASSWORD = "p'w\"$ü1 x"


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key for 127.0.0.1."""
    return certificate(tmp_path_factory.mktemp("tls"))


def _controller(
    folder: Path, tls_files: tuple[Path, Path], process_type: type[Process]
) -> Iterator[tuple[Controller, RunningEndpoint]]:
    endpoint = RunningEndpoint(folder / "machine", tls_files, PASSWORD, process_type)
    try:
        yield Controller(folder / "controller", endpoint.port, PASSWORD, tls_files[0]), endpoint
    finally:
        endpoint.close()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, tls_files: tuple[Path, Path]
) -> Iterator[tuple[Controller, RunningEndpoint]]:
    """A new machine with the models behind it."""
    yield from _controller(tmp_path_factory.mktemp("gateway"), tls_files, Process)


@pytest.fixture(scope="module")
def real_code(
    tmp_path_factory: pytest.TempPathFactory, tls_files: tuple[Path, Path]
) -> Iterator[tuple[Controller, RunningEndpoint]]:
    """An endpoint that runs what Ansible sends, unchanged, on a real PowerShell."""
    if not shutil.which("pwsh"):
        pytest.skip("pwsh is not on PATH, so there is no real module code to compare with")
    yield from _controller(tmp_path_factory.mktemp("real"), tls_files, RealProcess)
