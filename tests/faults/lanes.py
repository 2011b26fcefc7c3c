# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs side by side: each lane is a process with a network and a folder of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import shutil
import signal
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import requests
from docker.errors import DockerException

from tests.faults.run import Outcome, perform
from tests.faults.schedule import Run
from tests.kit.networks import Network, claim
from tests.lab.errors import LabError


@dataclass(frozen=True)
class Result:
    """A run that ended: what came out and the faults as they happened, or why it did not come to its end."""

    run: Run
    outcome: Outcome | None
    notes: tuple[str, ...]
    problem: str
    seconds: float


def work(pipe: Connection, network: Network, folder: Path, manual: bool, logs: Path | None) -> None:
    """The life of a lane: runs come in by the pipe and results go out, until the parent closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and clears up for all
    with contextlib.suppress(EOFError):
        while True:
            run: Run = pipe.recv()
            own, begin = folder / str(run.seed), time.monotonic()
            own.mkdir(parents=True)
            try:
                outcome, notes = perform(run, network, own, manual)
                result = Result(run, outcome, tuple(notes), "", time.monotonic() - begin)
            except (requests.RequestException, AssertionError, LabError, DockerException) as error:
                said = " ".join(str(error).split())[:300]
                result = Result(run, None, (), said or repr(error), time.monotonic() - begin)
            if logs and (own / "gateway.log").exists():
                logs.mkdir(parents=True, exist_ok=True)
                shutil.copy(own / "gateway.log", logs / f"gateway-{run.seed}.log")
            shutil.rmtree(own, ignore_errors=True)
            pipe.send(result)


def results(runs: list[Run], lanes: int, manual: bool, logs: Path | None) -> Generator[Result, None, None]:
    """The results as they come. Nothing is left behind, also when the caller is interrupted."""
    spawn = multiprocessing.get_context("spawn")
    waiting = list(reversed(runs))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mediverse-faults-")))
        pipes: dict[Connection, Run] = {}
        for __ in range(min(lanes, len(runs))):
            network = stack.enter_context(claim())
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=work, args=(theirs, network, folder / network.name, manual, logs))
            process.start()
            theirs.close()
            stack.callback(_end, process)
            pipes[ours] = waiting.pop()
            ours.send(pipes[ours])
        while pipes:
            for pipe in wait(list(pipes)):
                assert isinstance(pipe, Connection)
                try:
                    yield pipe.recv()
                except EOFError:
                    yield Result(pipes.pop(pipe), None, (), "its process died, see above", 0)
                    continue
                if waiting:
                    pipes[pipe] = waiting.pop()
                    pipe.send(pipes[pipe])
                else:
                    del pipes[pipe]
                    pipe.close()


def _end(process: SpawnProcess) -> None:
    """Before the network is cleared: nobody makes containers there any more."""
    process.kill()
    process.join()
