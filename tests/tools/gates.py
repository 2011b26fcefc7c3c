# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.tools.gates NAME``: checks that want the collection in a place of its own, as tree or archive.

The last line that each prints has its figures. Their places lie under ``.cache/gates``. The environments that
``ansible-test`` makes take minutes, so they are the user's and kept for every checkout, with what passed in them.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "gates"
_USERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mediverse-gates"
GATES_BIN = ROOT / ".venv-gates" / "bin"
_TREE = Path("ansible_collections") / "mediverse" / "pacs"
# It wants a module that only PowerShell's own gallery gives; tests.lint.check_ps1 parses the scripts instead.
_LEFT_OUT = {"pslint": "PSScriptAnalyzer is not to be had from a package registry"}
# More than half of the time would go there: that of the newer line looks at what is released, and with MEDIVERSE_LONG
# at the tests as well, which ruff and mypy judge in any case.
_SLOW = "pylint"
# What it runs on a collection, in every version; fewer mean that it found no files.
_FEWEST = 20
_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
# ansible-test fetches this program from a host of its own; Python brings the same pip along.
_BRING_PIP = "import ensurepip\n\nensurepip.bootstrap(default_pip=True)\n"


# No setting of the checkout or of a user plays a part.
_PLAIN = {"ANSIBLE_CONFIG": str(ROOT / "tests" / "tools" / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}


class GateError(Exception):
    """The gate is shut; the text says why."""


def tracked() -> list[str]:
    """What git knows or would take, without what it is told to ignore; links and deleted files are left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file() and not (ROOT / name).is_symlink()})


def copy_to(place: Path) -> str:
    """Make ``place`` a copy of the tracked tree; returns a sum over names, modes and content."""
    wanted = tracked()
    total = hashlib.sha256()
    for path in [path for path in place.rglob("*") if path.is_file()] if place.exists() else []:
        if str(path.relative_to(place)) not in wanted:
            path.unlink()
    for name in wanted:
        content, mode = (ROOT / name).read_bytes(), (ROOT / name).stat().st_mode & 0o777
        total.update(f"{name}\0{mode}\0{len(content)}\0".encode() + content)
        target = place / name
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        target.chmod(mode)
    return total.hexdigest()


def run(command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """Both outputs of a command that has to end well."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise GateError(done.stdout)
    return done.stdout


def _pythons(folder: Path) -> list[str]:
    """Links to the Pythons of this machine, by the names that ansible-test looks for; returns their versions."""
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    found = []
    for version in _PYTHONS:
        link = folder / f"python{version}"
        link.unlink(missing_ok=True)
        own = [shutil.which(f"python{version}"), *map(str, sorted(root.glob(f"versions/{version}.*/bin/python3")))]
        for candidate in filter(None, own):
            code = f"import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != {version!r})"
            if subprocess.run([candidate, "-c", code], capture_output=True, check=False).returncode == 0:
                link.symlink_to(Path(candidate).resolve())
                found.append(version)
                break
    return found


def _sanity_environment(home: Path, pythons: Path, pip: str) -> dict[str, str]:
    """A home for ansible-test, which keeps everything there, with its way to a pip prepared."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"get_pip_{pip.replace('.', '_')}.py").write_text(_BRING_PIP, encoding="utf-8")
    settings = [Path.home() / ".config" / "pip" / "pip.conf", Path.home() / ".pip" / "pip.conf"]
    own = [path for path in settings if path.is_file() and "PIP_CONFIG_FILE" not in os.environ]
    of_pip = {"PIP_CONFIG_FILE": str(own[0])} if own else {}
    path = f"{pythons}{os.pathsep}{os.environ['PATH']}"
    return {"HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **of_pip}


def sanity(environment: str, slow: Sequence[str] = ()) -> str:
    """``ansible-test sanity`` of the Ansible in that virtual environment, over the whole tree; figures.

    ``slow``: where its slowest test, pylint, looks. What passed once is not asked again as long as tree, Ansible and
    Pythons are the same.
    """
    bin_folder = ROOT / environment / "bin"
    package = next((ROOT / environment).glob("lib/python3*/site-packages/ansible_test"))
    version = run([str(bin_folder / "python"), "-c", "import ansible; print(ansible.__version__)"], ROOT).strip()
    pip = re.search(r"\bpip=['\"]([\d.]+)", (package / "_internal" / "python_requirements.py").read_text("utf-8"))
    if pip is None:
        raise GateError(
            f"ansible-test {version} does not say any more which pip it wants: read its python_requirements.py."
        )
    series = version.rpartition(".")[0]
    pythons = CACHE / f"pythons-{series}"
    there = _pythons(pythons)
    place = CACHE / f"sanity-{series}" / _TREE
    key = " ".join((copy_to(place), version, *there, *slow))
    home = _USERS / f"home-{series}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a") as lock:
        # Two checkouts at once would make the same environments.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _sanity(place, bin_folder, _sanity_environment(home, pythons, pip[1]), home / "passed.json", key, slow)


def _sanity(
    place: Path, programs: Path, environment: Mapping[str, str], passed: Path, key: str, slow: Sequence[str]
) -> str:
    if passed.is_file() and (known := json.loads(passed.read_text(encoding="utf-8")))["key"] == key:
        return f"{known['figures']} (as before: nothing has changed)"
    # It asks git for the files; without a repository of its own the copy belongs to this one, which ignores it.
    run(["git", "init", "--quiet", "."], place)
    run(["git", "add", "--all", "."], place)
    command = [str(programs / "ansible-test"), "sanity", "--color", "no"]
    said = run([*command, *(f"--skip-test={name}" for name in (*_LEFT_OUT, _SLOW))], place, environment)
    if slow:
        said += run([*command, f"--test={_SLOW}", *(name for name in slow if name != ".")], place, environment)
    # A test whose program is missing passes with a warning, which must not look like a result.
    idle = re.findall(r"WARNING: (?:Skipping|Required) .*", said)
    tests = {line.split('"')[1] for line in said.splitlines() if line.startswith("Running sanity test ")}
    if len(tests) < _FEWEST:
        raise GateError(f"ansible-test ran {len(tests)} tests, of which there are {_FEWEST} or more:\n{said}")
    missing = [line for line in idle if "could not be found" not in line]
    if missing:
        raise GateError("\n".join(missing))
    targets = sorted({found for line in idle for found in re.findall(r"on Python ([\d.]+)", line)})
    figures = (
        f"core {key.split()[1]}, {len(tests)} tests, {len(tracked())} files, 0 issues; not run: {', '.join(_LEFT_OUT)}"
    )
    figures += "".join(f", Python {target}" for target in targets)
    figures += f"; {_SLOW} on: {' '.join(slow) or 'nothing'}"
    passed.write_text(json.dumps({"key": key, "figures": figures}), encoding="utf-8")
    return figures


def build(place: Path) -> Path:
    """The archive of the tracked tree, as a release has it."""
    tree = place / "tree"
    copy_to(tree)
    for old in place.glob("*.tar.gz"):
        old.unlink()
    galaxy = str(Path(sys.executable).with_name("ansible-galaxy"))
    run([galaxy, "collection", "build", "--force", "--output-path", str(place), str(tree)], place, _PLAIN)
    return next(place.glob("mediverse-pacs-*.tar.gz"))


# Its ansible-lint sees no other collection and gives up after a while; ours looks at the whole tree with --strict.
_IMPORTER = """[galaxy-importer]
CHECK_REQUIRED_TAGS = True
RUN_ANSIBLE_DOC = True
RUN_ANSIBLE_LINT = False
RUN_ANSIBLE_TEST = False
RUN_FLAKE8 = True
LOG_LEVEL_MAIN = INFO
"""


def importer() -> str:
    """What Galaxy's importer says of the archive: no error and no warning."""
    place = CACHE / "importer"
    archive = build(place)
    (place / "importer.cfg").write_text(_IMPORTER, encoding="utf-8")
    environment = {
        **_PLAIN,
        "GALAXY_IMPORTER_CONFIG": str(place / "importer.cfg"),
        "PATH": f"{GATES_BIN}{os.pathsep}{os.environ['PATH']}",
    }
    said = run([str(GATES_BIN / "python"), "-m", "galaxy_importer.main", str(archive)], place, environment)
    found = [line for line in said.splitlines() if re.match(r"(WARNING|ERROR)\b", line)]
    if found:
        raise GateError("\n".join(found))
    if "Importer processing completed successfully" not in said:
        raise GateError(said)
    return "0 errors, 0 warnings"


# What an archive may hold at its top, and nothing else.
_CONTENT = {
    *("CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "LICENSES", "MANIFEST.json"),
    *("README.md", "REUSE.toml", "SECURITY.md", "changelogs", "docs", "inventories", "meta", "playbooks", "plugins"),
    *("requirements.yml", "roles"),
}
_LINK = re.compile(r"\]\(([^)#\s]+)")


def dead_links(tree: Path) -> Iterator[str]:
    """Links of Markdown files in ``tree`` that lead to nothing in it; addresses elsewhere are not followed."""
    for page in sorted(tree.rglob("*.md")):
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                yield f"{page.relative_to(tree)}: {target} leads to nothing"


def archive() -> str:
    """The archive holds what a user needs, nothing of the development, and no link that leads out of it."""
    place = CACHE / "archive"
    packed = build(place)
    tree = place / "unpacked"
    shutil.rmtree(tree, ignore_errors=True)
    with tarfile.open(packed) as tar:
        tar.extractall(tree, filter="data")
    problems = [f"{path.name}: no file of a release" for path in sorted(tree.iterdir()) if path.name not in _CONTENT]
    problems += [f"{name}: is missing" for name in sorted(_CONTENT - {path.name for path in tree.iterdir()})]
    problems += dead_links(tree)
    if problems:
        raise GateError("\n".join(problems))
    files = sum(1 for path in tree.rglob("*") if path.is_file())
    return (
        f"{packed.stat().st_size // 1024} kB, {files} files, {len(list(tree.rglob('*.md')))} pages without a dead link"
    )


def execution_environment() -> str:
    """What ansible-builder would put into an execution environment for this collection."""
    place = CACHE / "builder" / _TREE
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with tarfile.open(build(CACHE / "builder" / "archive")) as tar:
        tar.extractall(place, filter="data")
    said = run([str(GATES_BIN / "ansible-builder"), "introspect", str(CACHE / "builder")], ROOT)
    python = re.findall(r"^ *- '?([\w.-]+) +# from collection mediverse\.pacs", said, re.MULTILINE)
    if sorted(python) != ["pywinrm", "requests", "segno"]:
        raise GateError(f"Expected pywinrm, requests and segno; ansible-builder says:\n{said}")
    return "pywinrm, requests and segno"


def installed() -> str:
    """The archive where only what it declares is there, called from an empty folder: every site file of the corpus."""
    place = CACHE / "installed"
    packed = build(place)
    bin_folder = _declared(place / "venv")
    collections = place / "collections"
    shutil.rmtree(collections, ignore_errors=True)
    others = next((ROOT / ".venv").glob("lib/python3*/site-packages"))
    environment = {
        **_PLAIN,
        "ANSIBLE_COLLECTIONS_PATH": f"{collections}{os.pathsep}{others}",
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }
    install = [str(bin_folder / "ansible-galaxy"), "collection", "install", "--offline", "--no-deps"]
    run([*install, "-p", str(collections), str(packed)], place, environment)
    folder = place / "empty"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    right = ROOT / "inventories" / "example" / "mediverse.sites.yml"
    wrong = place / "mediverse.sites.yml"
    wrong.write_text(right.read_text(encoding="utf-8").replace("port: 104", "port: 70104"), encoding="utf-8")
    command = [str(bin_folder / "ansible-playbook"), "mediverse.pacs.site", "--syntax-check", "-i"]
    run([*command, str(right)], folder, environment)
    try:
        said = run([*command, str(wrong)], folder, environment)
    except GateError as error:
        if "port" not in str(error) or "70104" not in str(error):
            raise GateError(f"A wrong port was refused in other words:\n{error}") from error
    else:
        raise GateError(f"A site file with a wrong port was not refused:\n{said}")
    corpus = place / "corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir()
    nothing_of_ours = {key: value for key, value in environment.items() if key != "ANSIBLE_CONFIG"}
    own = {"HOME": str(corpus), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "1000"}
    every = [str(bin_folder / "python"), "-W", "ignore", "-m", "tests.tools.whole_corpus", str(corpus)]
    figures = run(every, folder, {**nothing_of_ours, **own}).splitlines()[-1]
    if list(folder.iterdir()):
        raise GateError(f"Something was left in the folder of the call: {list(folder.iterdir())}")
    return f"{figures}, nothing is left in the folder"


def _declared(folder: Path) -> Path:
    """The ``bin`` of an environment with this ansible-core and what meta/execution-environment.txt names, no more."""
    core = run(
        [str(ROOT / ".venv" / "bin" / "python"), "-c", "import ansible; print(ansible.__version__)"], ROOT
    ).strip()
    wanted = (ROOT / "meta" / "execution-environment.txt").read_text(encoding="utf-8")
    stamp = folder / "made-for"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != f"{core}\n{wanted}":
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(folder)], ROOT)
        asked = ["-r", str(ROOT / "meta" / "execution-environment.txt"), f"ansible-core=={core}"]
        run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *asked], ROOT)
        stamp.write_text(f"{core}\n{wanted}", encoding="utf-8")
    return folder / "bin"


def docs() -> str:
    """``antsibull-docs lint-collection-docs`` with the documentation of every plugin and role."""
    place = CACHE / "docs" / _TREE
    copy_to(place)
    command = ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", str(place)]
    path = {"PATH": f"{GATES_BIN}{os.pathsep}{os.environ['PATH']}", **_PLAIN}
    said = run([str(GATES_BIN / "antsibull-docs"), *command], place, path).strip()
    if said:
        raise GateError(said)
    return "0 lines"


GATES: Mapping[str, Callable[[], str]] = {
    "archive": archive,
    "docs": docs,
    "execution-environment": execution_environment,
    "importer": importer,
    "installed": installed,
    "sanity": lambda: sanity(".venv", (".",) if os.environ.get("MEDIVERSE_LONG") else ("plugins/",)),
    "sanity-former": lambda: sanity(".venv-2.19"),
}


def main() -> int:
    """Run the gate that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.gates", description=__doc__)
    parser.add_argument("gate", choices=sorted(GATES))
    try:
        print(GATES[parser.parse_args().gate]())
    except GateError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
