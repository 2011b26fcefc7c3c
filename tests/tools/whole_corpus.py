# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.tools.whole_corpus``: ``ansible-playbook mediverse.pacs.site`` with every site file of the corpus.

It is run by the gate ``installed``, in an empty folder, with a Python that has the installed collection and what it
declares. Each file has a process of its own, split off from one that has loaded Ansible and read the playbook, which
is what takes the time. The command line, the inventory and the beginning of the first play are Ansible's own way.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ansible.cli.playbook import PlaybookCLI
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.plugins.loader import become_loader, connection_loader, init_plugin_loader, shell_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.collection_loader._collection_finder import _get_collection_playbook_path
from ansible.utils.vars import load_options_vars
from ansible.vars.manager import VariableManager

from tests.unit.sites.corpus import BASE, SECRET, Case, cases

# What a run does that touches something: it connects, or starts another program, as a module on the own host is one.
_TOUCHING = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.system")
_TOUCHED = "<touched>"
# Right for us, and nothing that Ansible reads: it ends with an error too.
_NOT_ANSIBLE_S = ("a label that is an equals sign",)
_NO_HOSTS = "leaves us with no hosts to target"
# Seconds of a run, of which the longest needs two or three.
_LONGEST = 60


def read_playbook_once(right: Path) -> None:
    """Have the installed playbook read here, in place of in each process, and what Ansible loads when it begins."""
    init_plugin_loader()
    loader = DataLoader()
    variables = VariableManager(loader=loader, inventory=InventoryManager(loader=loader, sources=[str(right)]))
    __, path, AnsibleCollectionConfig.default_collection = _get_collection_playbook_path("mediverse.pacs.site")
    playbook = Playbook.load(path, variable_manager=variables, loader=loader)
    Playbook.load = lambda *_, **__: playbook
    # What the command line says is kept, and there was none.
    del load_options_vars.options_vars
    for plugins in (connection_loader, shell_loader, become_loader):
        list(plugins.all(class_only=True))


def run(source: Path, *options: str) -> tuple[int, str]:
    """Exit code of a run over a site file and what it says; its first touch ends it, with a line that says which."""
    arguments = ["ansible-playbook", "mediverse.pacs.site", "-i", str(source), "-l", "kanifing", *options]
    return _watched(lambda: PlaybookCLI.cli_executor(arguments))


def _watched(do: Callable[[], object]) -> tuple[int, str]:
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            _become(do, said.fileno())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return code, said.read().decode(errors="replace")


def _become(do: Callable[[], object], said: int) -> None:
    """The rest of a child's life, with all that it says going to one file."""
    code = 99
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.setpgid(0, 0)
        signal.alarm(_LONGEST)
        sys.addaudithook(_end)
        do()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end(event: str, arguments: tuple[object, ...]) -> None:
    # Python's own way to find a library of C.
    if event in _TOUCHING and arguments[0] != "/sbin/ldconfig":
        os.write(2, f"\n{_TOUCHED} {event} {arguments!r}\n".encode())
        # With the processes of its tasks, which wait for each other.
        os.killpg(0, signal.SIGKILL)


def problems(case: Case, folder: Path) -> list[str]:
    """What a run over a file of the corpus did that it must not, or left out."""
    folder.mkdir()
    path = folder / "mediverse.sites.yml"
    path.write_bytes(case.content)
    code, said = run(path, *([] if case.problems else ["--list-hosts"]))
    return [f"{case.where} {case.name}: {found}" for found in _judged(case, code, said)]


def _judged(case: Case, code: int, said: str) -> Iterator[str]:
    words = " ".join(said.split())
    if not case.problems and (code or "kanifing-gateway" not in words) and case.name not in _NOT_ANSIBLE_S:
        yield f"a right file was refused: {words}"
    if case.problems and code == 0:
        yield "a wrong file was run"
    # Ansible takes some files for an inventory of its own kind, with other hosts, and ends by itself for the limit.
    for __, given in case.problems if _NO_HOSTS not in words else ():
        yield from (f"the words {word!r} are missing" for word in given if " ".join(word.split()) not in words)
    if "PLAY [" in said or "TASK [" in said:
        yield "a play began"
    # Without our settings Ansible tries its own kinds of inventories first, and may quote a line that they cannot read.
    if SECRET in said[said.find("[ERROR]") :]:
        yield "a secret was shown"
    yield from (f"touched: {line}" for line in said.splitlines() if line.startswith(_TOUCHED))


def main() -> int:
    """Run all of them; a line for each thing that is wrong, or the numbers."""
    folder = Path(sys.argv[1])
    right = folder / "right.sites.yml"
    right.write_text(BASE, encoding="utf-8")
    read_playbook_once(right)
    wrong = [] if _TOUCHED in _watched(lambda: subprocess.run(["true"], check=True))[1] else ["No touch is seen."]
    corpus = cases()
    # What is there now stays, so that the processes share it.
    gc.collect()
    gc.freeze()
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as pool:
        for found in pool.map(problems, corpus, [folder / str(at) for at in range(len(corpus))], chunksize=8):
            wrong += found
    count = Counter(bool(case.problems) for case in corpus)
    print(
        "\n".join(wrong) or f"{count[True]} wrong files end a run that touched nothing, {count[False]} right ones pass"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
