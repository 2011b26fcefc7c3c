# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site on a line: gateway, line, proxy with TLS, cloud; with the settings of the product."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.errors import NotFound

from plugins.module_utils.orthanc._index import write_statistics
from tests.forwarder import pair as kit
from tests.lab import pki
from tests.lab.engine import connect, image_tag
from tests.lab.errors import LabError
from tests.lab.proxy_manager.nginx_control import Paths
from tests.wan import product
from tests.wan.line import FAR, Line
from tests.wan.place import Place

_CLOUD, _PROXY, _GATEWAY = 10, 20, 30
"""Last numbers of the addresses."""
_CUSTOM = ("http_top", "server_proxy")


@dataclass(frozen=True)
class Plan:
    """What a site is made of.

    forwarder: settings of the role's variable of that name.
    script: a Lua file that runs in the place of the forwarder.
    stock: an Orthanc as it comes, without forwarder and tuning.
    timeout: of one request to the cloud, in seconds.
    disk: size of either end's storage, which lies in memory, in MB.
    options: more settings of the gateway's Orthanc.
    environment, volumes: of the containers of both ends.
    proxy: more lines for the proxy's host.
    """

    forwarder: dict[str, Any] = field(default_factory=dict)
    script: Path | None = None
    stock: bool = False
    timeout: int = 3600
    disk: int = 4096
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)
    proxy: str = ""


class Proxy:
    """The product's nginx with the host that takes images, on the far end of the line."""

    def __init__(self, folder: Path, place: Place, extra: str) -> None:
        self.data = folder / "data"
        Paths(self.data, folder / "letsencrypt").make()
        own = self.data / "custom_ssl" / "npm-1"
        own.mkdir()
        certificate, key = pki.server_certificate(own, "proxy", [product.PACS], [FAR])
        certificate.rename(own / "fullchain.pem")
        key.rename(own / "privkey.pem")
        (self.data / "nginx" / "proxy_host" / "1.conf").write_text(product.proxy_host(extra))
        (self.data / "nginx" / "custom" / "http_top.conf").write_text(product.proxy_top())
        resolver = folder / "resolver.conf"
        resolver.write_text("resolver 127.0.0.11 ipv6=off valid=10s;\n")
        client = connect()
        with contextlib.suppress(NotFound):
            client.containers.get(f"{place.name}-proxy").remove(force=True, v=True)
        self.container = client.containers.create(
            image_tag("nginx-proxy-manager"),
            ["nginx", "-g", "daemon off;"],
            name=f"{place.name}-proxy",
            init=True,
            tmpfs={"/bulk": "size=2g"},
            volumes={
                str(self.data): {"bind": "/data", "mode": "rw"},
                str(resolver): {"bind": "/etc/nginx/include/resolver.conf", "mode": "ro"},
            },
            network=place.name,
            networking_config={place.name: client.api.create_endpoint_config(ipv4_address=place.address(_PROXY))},
        )
        self.container.start()

    def customise(self, **files: str) -> None:
        """Writes those files of nginx that the real proxy manager leaves to its users, and reloads."""
        for name in _CUSTOM:
            ours = product.proxy_top() if name == "http_top" else ""
            (self.data / "nginx" / "custom" / f"{name}.conf").write_text(ours + files.get(name, ""))
        code, output = self.container.exec_run(["nginx", "-s", "reload"])
        if code:
            raise LabError(f"nginx refuses the configuration of this test: {output.decode().strip()}")
        time.sleep(0.5)

    def remove(self) -> None:
        self.container.remove(force=True, v=True)


class Site(kit.Pair):
    """A gateway, started, with a line to a proxy and a cloud; and the questions of a pair."""

    def __init__(self, folder: Path, place: Place, plan: Plan) -> None:
        self.place = place
        self.plan = plan
        self.parts = []
        try:
            self._make(folder)
        except BaseException:
            self.close()
            raise

    def _make(self, folder: Path) -> None:
        authority, _ = pki.authority()
        storage = {"/srv/orthanc": f"size={self.plan.disk}m"}
        self.cloud = kit.Server(
            "cloud",
            self.place.address(_CLOUD),
            product.CLOUD_ADMIN,
            product.cloud(),
            folder / "cloud",
            self.place.name,
            tmpfs=storage,
            aliases=[f"pacs-{product.SITE}-orthanc"],
            volumes={str(product.ACCESS): {"bind": "/etc/access.lua", "mode": "ro"}, **self.plan.volumes},
            environment=self.plan.environment,
        )
        self.parts.append(self.cloud)
        self.gateway = kit.Server(
            "gateway",
            self.place.address(_GATEWAY),
            product.GATEWAY_ADMIN,
            self._gateway_configuration(),
            folder / "gateway",
            self.place.name,
            tmpfs=storage,
            extra_hosts={product.PACS: FAR},
            # The name stands in the hosts file, and libcurl asks a name server for its IPv6 address all the same, each
            # time it connects. As a name of this container the engine says at once that there is none.
            aliases=[product.PACS],
            cap_add=["NET_ADMIN"],
            volumes={str(authority): {"bind": "/etc/lab-ca.crt", "mode": "ro"}, **self.plan.volumes},
            environment={**({} if self.plan.stock else {"TCP_NODELAY": "1"}), **self.plan.environment},
        )
        self.parts.append(self.gateway)
        if self.plan.script:
            (folder / "gateway" / "script.lua").write_text(self.plan.script.read_text())
        self.proxy = Proxy(folder / "proxy", self.place, self.plan.proxy)
        self.parts.append(self.proxy)
        self.line = Line(folder / "line", f"{self.place.name}-line", self.gateway.container, self.proxy.container)
        self.parts.append(self.line)
        _prepare(self.cloud, folder / "cloud")
        if not self.plan.stock:
            _prepare(self.gateway, folder / "gateway")
            _acknowledge_at_once(self.gateway, self.place)
        self.cloud.start()
        self.gateway.start()
        self.set_peer(product.CLOUD_GATEWAY[1])

    def _gateway_configuration(self) -> dict[str, Any]:
        made = product.gateway(self.plan.forwarder, "/etc/fwd/script.lua" if self.plan.script else "")
        if self.plan.stock:
            made = {**made, "LuaScripts": []}
        return {**made, **self.plan.options}

    def set_peer(self, password: str) -> None:
        peer = {
            "Url": f"https://{product.PACS}/",
            "Username": product.CLOUD_GATEWAY[0],
            "Password": password,
            "HttpHeaders": product.KNOWN,
            "Timeout": self.plan.timeout,
        }
        self.gateway.request("PUT", f"/peers/{product.PEER}", json=peer).raise_for_status()


def _acknowledge_at_once(server: kit.Server, place: Place) -> None:
    """What the gateway's role sets for the adapter beside the scanner, in Linux's terms: no delayed acknowledgement."""
    route = f"{place.subnet} dev eth0 scope link src {server.address} quickack 1"
    code, output = server.container.exec_run(["ip", "route", "change", *route.split()])
    if code:
        raise LabError(f"The gateway of the test does not take its route ({output.decode().strip()}): see {__file__}.")


def _prepare(server: kit.Server, folder: Path) -> None:
    """The index as the roles leave it before Orthanc's first start. ``folder``: where the container's settings lie."""
    write_statistics(folder / "index")
    server.execute(["cp", "/etc/fwd/index", "/srv/orthanc/index"])
