# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab up|down|status|exec|images``: the local lab that an inventory directory describes."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors

from tests.lab import hosts, inner, material, recipes
from tests.lab.engine import LABEL, connect, owner, reason, require_space
from tests.lab.errors import LabError
from tests.lab.paths import CHECKOUT, REPOSITORY, STATE, private_directory
from tests.lab.site import Lab, read_lab
from tests.lab.steps import Steps

_SPACE_UP = 3.0


def up(lab: Lab) -> None:
    """Bring the lab to the described state from whatever state it is in."""
    client = connect()
    names = tuple(dict.fromkeys(hosts.image_of(host) for host in lab.hosts))
    clouds = [host for host in lab.hosts if host.kind == "cloud"]
    wanted = (*recipes.INNER, *names) if clouds else names
    built = {recipe.name for recipe in recipes.present(names)}
    for host in [host for host in lab.hosts if hosts.image_of(host) not in built]:
        print(f"{host.name} is left out: tests/lab/images/{hosts.image_of(host)}/Dockerfile does not exist", flush=True)
    lab = dataclasses.replace(lab, hosts=tuple(h for h in lab.hosts if hosts.image_of(h) in built))
    if not client.networks.list(names=[f"^{lab.network}$"]):
        require_space(client, _SPACE_UP, f"The lab {lab.name}")
    steps = Steps(recipes.build_steps(wanted) + 2 + len(lab.hosts) + len(clouds))
    with _lock(lab.name):
        # First of all, because it fails at once when the addresses are taken; images may take minutes.
        steps.run(f"network {lab.network} {lab.subnet}", lambda __: hosts.ensure_network(client, lab))
    with _lock("images"):
        recipes.build(client, wanted, steps)
    with _lock(lab.name):
        steps.run("keys, certificates, installers", lambda __: material.prepare(lab))
        for host in lab.hosts:
            steps.run(
                f"host {host.name} {host.address}",
                lambda progress, host=host: hosts.ensure_host(client, lab, host, progress),  # type: ignore[misc]  # mypy cannot type a lambda with a default
            )
        for host in clouds:
            steps.run(
                f"engine of {host.name}",
                lambda progress, host=host: inner.load_images(client, lab, host, progress),  # type: ignore[misc]  # mypy cannot type a lambda with a default
            )


def down(lab: Lab, images: bool, forget: bool, of: str = str(REPOSITORY)) -> None:
    """Remove the containers, volumes and network of this lab that the checkout ``of`` made.

    With ``images`` also the images of this checkout.
    """
    client = connect()
    label = {"label": f"{LABEL}={lab.name}"}
    with _lock(lab.name):
        for container in client.containers.list(all=True, filters=label):
            if owner(container.labels) != of:
                print(f"left alone: {container.name} of the checkout {owner(container.labels)}", flush=True)
                continue
            container.remove(force=True, v=True)
            print(f"removed {container.name}", flush=True)
        for network in [one for one in client.networks.list(filters=label) if owner(one.attrs["Labels"]) == of]:
            network.remove()
            print(f"removed network {network.name}", flush=True)
        for volume in [one for one in client.volumes.list(filters=label) if owner(one.attrs["Labels"]) == of]:
            volume.remove(force=True)
            print(f"removed volume {volume.name}", flush=True)
        if forget and lab.state.is_dir():
            _forget(lab)
    if images:
        with _lock("images"):
            for image in client.images.list(filters={"label": "mediverse.lab.hash"}):
                # Also the tag that all checkouts shared once.
                for tag in [one for one in image.tags if one.endswith((f":{CHECKOUT}", ":lab"))]:
                    with contextlib.suppress(docker.errors.APIError):
                        client.images.remove(tag)
                        print(f"removed image {tag}", flush=True)


def status(lab: Lab) -> None:
    """One line per host: container, address, state."""
    client = connect()
    for host in lab.hosts:
        try:
            state = client.containers.get(lab.container(host)).status
        except docker.errors.NotFound:
            state = "missing"
        print(f"{lab.container(host):40} {host.address:15} {state}")


def execute(lab: Lab, name: str, command: list[str]) -> int:
    """Run ``command`` (a shell when empty) in a host; its exit code."""
    container = lab.container(lab.host(name))
    options = ["-it"] if sys.stdin.isatty() and sys.stdout.isatty() else ["-i"]
    return subprocess.call(["docker", "exec", *options, container, *(command or ["bash"])])


def _forget(lab: Lab) -> None:
    """Delete keys and passwords of the lab; a path is deleted only inside the lab's own directory."""
    for path in sorted(lab.state.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    lab.state.rmdir()


@contextlib.contextmanager
def _lock(name: str) -> Iterator[None]:
    """Two runs at once take turns: on the images of the machine, and on one lab."""
    path = private_directory(STATE) / f".{name}.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that works on {name} …", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "make images and hosts, or bring them back"),
        ("down", "remove the hosts, the network and the volumes"),
        ("status", "show the hosts"),
        ("exec", "run a command in a host"),
        ("images", "make the images only"),
    ):
        sub = commands.add_parser(name, help=text)
        if name != "images":
            sub.add_argument("inventory", type=Path, help="directory with lab.yml and *sites.yml")
        if name == "down":
            sub.add_argument("--images", action="store_true", help="remove the lab's images as well")
            sub.add_argument("--forget", action="store_true", help="delete keys and passwords of the lab as well")
            sub.add_argument(
                "--of", default=str(REPOSITORY), metavar="CHECKOUT", help="the lab that another checkout left"
            )
        if name == "exec":
            sub.add_argument("host")
            sub.add_argument("argv", nargs=argparse.REMAINDER, help="the command; a shell without one")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        return _run(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
    except docker.errors.APIError as error:
        print(f"lab: the Docker engine refused a step ({reason(error)}): run again.", file=sys.stderr)
    except KeyboardInterrupt:
        print("lab: interrupted; run again to go on.", file=sys.stderr)
        return 130
    return 1


def _run(options: argparse.Namespace) -> int:
    if options.command == "images":
        client = connect()
        names = tuple(recipe.name for recipe in recipes.RECIPES)
        with _lock("images"):
            recipes.build(client, names, Steps(recipes.build_steps(names)))
        return 0
    lab = read_lab(options.inventory)
    if options.command == "up":
        up(lab)
    elif options.command == "down":
        down(lab, options.images, options.forget, options.of)
    elif options.command == "status":
        status(lab)
    else:
        return execute(lab, options.host, [a for a in options.argv if a != "--"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
