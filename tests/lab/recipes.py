# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the lab: what each is made of, and when it has to be made again.

An image carries a label with a hash over everything it was built from. It is built again only when that hash
changes, whatever happened to the checkout in between.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import docker
import docker.errors

from tests.lab import ohif, pki
from tests.lab.base import BASES, ensure_base
from tests.lab.engine import HASH_LABEL, INNER_TAG, PREFIX, adopt, drop, image_hash, image_tag, reason, require_space
from tests.lab.errors import LabError
from tests.lab.paths import IMAGES, REPOSITORY
from tests.lab.steps import Progress, Steps

_SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "test_files", "tests"}
_SPACE_PER_IMAGE = 1.0
INNER = ("orthanc", "ohif", "nginx-proxy-manager")
"""Images that run inside the nested engine of a cloud host."""


@dataclass(frozen=True)
class Recipe:
    """One image: its base, the directory with its Dockerfile, and what else its build context holds.

    ``extra`` maps a name in the context to a directory. ``authority`` is where the certificate of the lab's
    authority lies in the context (``<authority>ca.crt``), with ``authority_key`` beside its key (``ca.key``).
    """

    name: str
    base: str
    directory: Path
    extra: tuple[tuple[str, Path], ...] = ()
    authority: str | None = "lab-ca/"
    authority_key: bool = False
    ohif: bool = False

    @property
    def tag(self) -> str:
        """Name of the image."""
        return image_tag(self.name)


def _python_packages(*names: str) -> Iterator[tuple[str, Path]]:
    """Packages of plain Python that Debian does not have: taken from the controller, where they are pinned."""
    for name in names:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise LabError(f"The Python package {name} is missing: run 'make setup' and run again.")
        package = Path(found.origin).parent
        yield f"packages/{name}", package
        # Packages ask for each other's version, which stands in the directory beside them.
        yield from ((f"packages/{info.name}", info) for info in package.parent.glob(f"{name}-*.dist-info"))


RECIPES = (
    Recipe("orthanc", "debian-forky", IMAGES / "orthanc", authority=None),
    Recipe("ohif", "debian-trixie", IMAGES / "ohif", authority=None, ohif=True),
    Recipe(
        "nginx-proxy-manager", "debian-trixie", REPOSITORY / "tests/lab/proxy_manager", authority="", authority_key=True
    ),
    Recipe("cloud-host", "debian-trixie", IMAGES / "cloud-host"),
    Recipe("hub", "debian-trixie", IMAGES / "hub"),
    Recipe("far-pc", "debian-trixie", IMAGES / "far-pc", authority=None),
    Recipe("gateway", "debian-forky", IMAGES / "gateway", (("winrm", REPOSITORY / "tests/lab/winrm"),)),
    Recipe("scanner", "debian-trixie", IMAGES / "scanner", tuple(_python_packages("pydicom", "pynetdicom"))),
)
BY_NAME = {recipe.name: recipe for recipe in RECIPES}


def context_files(recipe: Recipe) -> dict[str, tuple[bytes, bool]]:
    """The build context: name -> (content, executable)."""
    files: dict[str, tuple[bytes, bool]] = {}
    for prefix, root in (("", recipe.directory), *((f"{name}/", path) for name, path in recipe.extra)):
        for path in sorted(root.rglob("*")):
            if path.is_file() and not _SKIPPED & set(path.relative_to(root).parts) and path.suffix != ".pyc":
                name = prefix + path.relative_to(root).as_posix()
                files[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    if recipe.authority is not None:
        certificate, key = pki.authority()
        files[f"{recipe.authority}ca.crt"] = (certificate.read_bytes(), False)
        if recipe.authority_key:
            files[f"{recipe.authority}ca.key"] = (key.read_bytes(), False)
    return files


def recipe_hash(recipe: Recipe, files: dict[str, tuple[bytes, bool]]) -> str:
    """Hash over the base image and every file of the context."""
    digest = hashlib.sha256(f"{BASES[recipe.base].hash} {ohif.VERSION if recipe.ohif else ''}\n".encode())
    for name, (content, executable) in sorted(files.items()):
        digest.update(f"{name} {executable} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def present(names: tuple[str, ...]) -> list[Recipe]:
    """The recipes called ``names`` whose Dockerfile exists."""
    return [r for r in RECIPES if r.name in names and (r.directory / "Dockerfile").is_file()]


def build_steps(names: tuple[str, ...]) -> int:
    """How many steps ``build`` takes."""
    recipes = present(names)
    return len({r.base for r in recipes}) + len(recipes)


def build(client: docker.DockerClient, names: tuple[str, ...], steps: Steps) -> None:
    """Make the images ``names`` and their bases where they are missing or out of date."""
    recipes = present(names)
    for name in sorted({r.base for r in recipes}):
        if image_hash(client, image_tag(BASES[name].name)) != BASES[name].hash:
            require_space(client, _SPACE_PER_IMAGE, f"The image {name}")
        steps.run(f"image {name}", partial(ensure_base, client, BASES[name]))
    for recipe in recipes:
        steps.run(f"image {recipe.name}", partial(_ensure, client, recipe))


def _ensure(client: docker.DockerClient, recipe: Recipe, progress: Progress) -> str:
    files = context_files(recipe)
    wanted = recipe_hash(recipe, files)
    if adopt(client, recipe.name, wanted):
        return "cached"
    require_space(client, _SPACE_PER_IMAGE, f"The image {recipe.name}")
    if recipe.ohif:
        files["ohif-app.tgz"] = (ohif.package(progress).read_bytes(), False)
    # The hash is over what the checkout holds; which of the machine's images is the base is decided here.
    dockerfile = files["Dockerfile"][0].decode()
    for base in BASES.values():
        dockerfile = dockerfile.replace(f"{PREFIX}{base.name}:{INNER_TAG}", image_tag(base.name))
    files["Dockerfile"] = (dockerfile.encode(), False)
    replaced = client.images.list(name=recipe.tag)
    output: list[str] = []
    stream = client.api.build(
        fileobj=_archive(files),
        custom_context=True,
        encoding="gzip",
        tag=recipe.tag,
        rm=True,
        forcerm=True,
        decode=True,
        labels={HASH_LABEL: wanted},
    )
    try:
        for event in stream:
            if "error" in event:
                said = [line for line in output if "E: " in line] or [*output[-2:], event["error"].rpartition(":")[2]]
                raise LabError(
                    f"The image {recipe.name} could not be built ({' '.join(' / '.join(said[-3:]).split())[-300:]}): "
                    "check that packages can be fetched ('apt-get update') and run again."
                )
            text = event.get("stream", "").strip()
            if text:
                output = [*output[-20:], text]
                progress.say(text.splitlines()[-1][:90])
    except docker.errors.APIError as error:
        raise LabError(f"The image {recipe.name} could not be built: {reason(error)}.") from None
    current = client.images.get(recipe.tag).id
    drop(client, [image for image in replaced if image.id != current])
    return "built"


def _archive(files: dict[str, tuple[bytes, bool]]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, (content, executable) in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o755 if executable else 0o644
            archive.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    return buffer
