# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After anything has ended a task in the middle, the next run of it ends where an undisturbed one does.

What counts is not what the server's rows say, but what nginx serves, and what it would serve after the next reload.
"""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.resource import ResourceSpec
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager import (
    certificate as certificate_client,
)
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.access_list import ACCESS_LIST
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.admin import ADMIN
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.certificate import CERTIFICATE
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.proxy_host import PROXY_HOST

from tests.lab.proxy_manager import access_lists, acme, certificates, pem
from tests.unit.lab_proxy_manager.test_api import make_pair
from tests.unit.lab_proxy_manager.world import EMAIL, PASSWORD, World

from .interruptions import Scene
from .test_certificate import age, custom

APP, OTHER, THIRD = "app.example.com", "other.example.com", "third.example.com"
ANN = {"username": "ann", "password": "hunter22"}
BOB = {"username": "bob", "password": "builder1"}
HOST: dict[str, Any] = {"domain": APP, "forward_host": "upstream", "forward_port": 8000}
FAULTS = ("ansible-after", "cut-before", "cut-after", "server", "nginx")


def _upload(npm: World, folder: Path, name: str = "hospital", subject: str = "one") -> int:
    number = int(npm.ok("POST", "/nginx/certificates", {"provider": "other", "nice_name": name})["id"])
    pem, key = make_pair(folder, f"/CN={subject}.example.com")
    assert npm.call("POST", f"/nginx/certificates/{number}/upload", certificate=pem, certificate_key=key)[0] == 200
    return number


def _protected(npm: World, folder: Path) -> None:
    npm.host(APP, access_list_id=npm.access_list(), advanced_config="gzip off;")


def _disabled(npm: World, folder: Path) -> None:
    _protected(npm, folder)
    npm.ok("POST", "/nginx/proxy-hosts/1/disable")


def _refused(npm: World, folder: Path) -> None:
    access = npm.access_list()
    npm.host(APP, access_list_id=access, advanced_config="no_such_directive;")
    assert npm.call("PUT", f"/nginx/access-lists/{access}", {"name": "staff"})[0] == 500


def _three_hosts(npm: World, folder: Path) -> None:
    _protected(npm, folder)
    npm.host(OTHER)
    npm.host(THIRD, certificate_id=_upload(npm, folder), ssl_forced=True)


def _old_certificate(npm: World, folder: Path) -> None:
    number = npm.certificate(APP)
    npm.host(APP, access_list_id=npm.access_list(), certificate_id=number)
    age(npm, number, 80)


def _certificates(npm: World, folder: Path) -> None:
    npm.certificate(APP)
    _upload(npm, folder)


def _with_certificate(npm: World, folder: Path) -> None:
    npm.access_list()
    npm.certificate(APP)


def _brought(npm: World, folder: Path) -> None:
    npm.host(APP, access_list_id=npm.access_list(), certificate_id=_upload(npm, folder))


def _nothing(npm: World, folder: Path) -> None:
    pass


_Start = Callable[[World, Path], None]
SCENES: dict[str, tuple[ResourceSpec, _Start, dict[str, Any]]] = {
    "a new list": (ACCESS_LIST, _nothing, {"name": "staff", "items": [ANN, BOB], "clients": [{"address": "10.8.0.1"}]}),
    "a list gets other users": (
        ACCESS_LIST,
        _protected,
        {"name": "staff", "items": [BOB, {**ANN, "password": "other"}]},
    ),
    "a list gets addresses": (ACCESS_LIST, _protected, {"name": "staff", "clients": [{"address": "10.9.9.9"}]}),
    "a list goes": (ACCESS_LIST, lambda npm, folder: None, {"name": "spare", "state": "absent"}),
    "a new host": (
        PROXY_HOST,
        _with_certificate,
        {**HOST, "access_list": "staff", "certificate": APP, "ssl_forced": True},
    ),
    "a host changes": (PROXY_HOST, _protected, {"domain": APP, "forward_port": 9, "advanced_config": "gzip on;"}),
    "a refused host is corrected": (PROXY_HOST, _refused, {"domain": APP, "advanced_config": "gzip on;"}),
    "a host is disabled": (PROXY_HOST, _protected, {"domain": APP, "enabled": False, "forward_port": 9}),
    "a host is enabled": (PROXY_HOST, _disabled, {"domain": APP, "enabled": True, "forward_port": 9}),
    "a host goes": (PROXY_HOST, _protected, {"domain": APP, "state": "absent"}),
    "a certificate is requested": (CERTIFICATE, _three_hosts, {"domain_names": [APP, OTHER, THIRD]}),
    "a certificate is renewed": (CERTIFICATE, _old_certificate, {"domain_names": [APP]}),
    "a requested certificate goes": (CERTIFICATE, _certificates, {"domain_names": [APP], "state": "absent"}),
    "a brought certificate goes": (
        CERTIFICATE,
        _certificates,
        {"provider": "custom", "name": "hospital", "state": "absent"},
    ),
    "a certificate is brought": (CERTIFICATE, _nothing, {"provider": "custom", "name": "hospital"}),
    "a certificate is brought again": (CERTIFICATE, _brought, {"provider": "custom", "name": "hospital"}),
}


def _remember(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Let openssl be asked once for what it answers again and again. Of what it makes, each copy is marked."""
    if module is acme:
        monkeypatch.setattr(acme, "openssl", _made_before)
    else:
        for name in {"certificate_info", "check_key"} & set(vars(module)):
            monkeypatch.setattr(module, name, functools.cache(getattr(module, name)))


@functools.cache
def _pair(subject: str) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        return make_pair(Path(folder), subject)


def _made_before(*arguments: str) -> str:
    """In place of openssl: a pair that was made for this subject before, marked so that it is another one."""
    given = dict(pairwise(arguments))
    certificate, key = _pair(given["-subj"])
    Path(given["-out"]).write_text(f"{certificate}# {next(_COUNT)}\n")
    Path(given["-keyout"]).write_text(key)
    return ""


_COUNT = itertools.count()


@pytest.fixture
def scene(
    request: pytest.FixtureRequest,
    npm: World,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    """The scene that the test names."""
    spec, start, options = SCENES[request.param]
    folder = tmp_path_factory.mktemp("scene")
    # Salted sums would differ from run to run.
    monkeypatch.setattr(access_lists, "_apr1", lambda password: f"sum-of-{password}")
    monkeypatch.setattr(acme, "_challenge", lambda backend, domain: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    for module in (acme, certificates, pem):
        _remember(monkeypatch, module)
    monkeypatch.setattr(certificate_client.time, "sleep", lambda seconds: None)
    if request.param == "a list goes":
        npm.access_list("spare")
    start(npm, folder)
    if options.get("provider") == "custom" and options.get("state") != "absent":
        options = {**options, **custom(folder, "two")}
    return Scene(spec, options, npm, folder, authority)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scene", SCENES, indirect=True)
def test_the_next_run_ends_where_an_undisturbed_one_does(scene: Scene, fault: str) -> None:
    undisturbed = scene.copy()
    done = scene.run(undisturbed)
    assert done is not None
    assert done.changed, done.result
    wanted = undisturbed.nginx.served()
    moments = 0
    for at, world, _outcome in scene.interrupted(fault):
        moments += 1
        where = f"{fault} at {at}"
        again = scene.run(world)
        assert again is not None
        assert not again.failed, (where, again.result)
        assert world.nginx.served() == wanted, where
        assert world.nginx.as_on_the_disk(), where
        third = scene.run(world)
        assert third is not None
        assert not third.changed, (where, third.result["diff"])
        assert third.transport.writes == [], where
        assert "unfinished" not in str(world.backend.store.select("certificate")), where
    # Some tasks never come near nginx.
    assert moments or fault == "nginx"


NEW = {"api_email": "new@example.com", "api_password": "a'nother$ecret"}
# What the account is like before (nobody, or somebody), and the task.
ACCOUNTS: dict[str, tuple[bool, dict[str, Any]]] = {
    "the first administrator": (False, {}),
    "a password changes": (True, {"api_password": NEW["api_password"], "current_password": PASSWORD}),
    "names change": (True, {"full_name": "Ada Lovelace", "nickname": "Countess"}),
    "all of an account changes": (
        True,
        {**NEW, "current_email": EMAIL, "current_password": PASSWORD, "full_name": "Ada Lovelace"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_next_run_ends_with_the_account_that_an_undisturbed_one_makes(
    world: World, tmp_path_factory: pytest.TempPathFactory, authority: Path, name: str, fault: str
) -> None:
    """nginx has nothing to do with an account: what counts is the login, and whose it is."""
    exists, options = ACCOUNTS[name]
    if exists:
        world.set_up()
    scene = Scene(ADMIN, options, world, tmp_path_factory.mktemp("scene"), authority)
    account = options.get("api_email", EMAIL), options.get("api_password", PASSWORD)
    undisturbed = scene.copy()
    done = scene.run(undisturbed)
    assert done is not None
    assert done.changed, done.result
    undisturbed.log_in(*account)
    stable = ("id", "name", "nickname", "email", "roles")
    wanted = [undisturbed.ok("GET", "/users/me")[key] for key in stable]
    moments = 0
    for at, broken, _outcome in scene.interrupted(fault):
        moments += 1
        where = f"{fault} at {at}"
        again = scene.run(broken)
        assert again is not None
        if (name, fault, at) == ("the first administrator", "server", 1):
            # The user is there and has no password, and the API has no way to give one or to begin anew.
            assert again.failed, "decision 0019 names this as the one that is not healed"
            assert again.transport.writes == []
            assert "remove its database" in again.result["msg"]
            (broken.data / "database.json").unlink()
            broken.restart()
            again = scene.run(broken)
            assert again is not None
        assert not again.failed, (where, again.result)
        broken.log_in(*account)
        assert [broken.ok("GET", "/users/me")[key] for key in stable] == wanted, where
        third = scene.run(broken)
        assert third is not None
        assert not third.changed, (where, third.result["diff"])
        assert third.transport.writes == [], where
    assert moments or fault == "nginx"
