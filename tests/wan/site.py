# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site on a line: gateway, line, proxy with TLS, cloud; with the settings of the product."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.kit import product
from tests.kit.containers import Container
from tests.kit.networks import Network
from tests.kit.orthanc import FILES, Cloud, Gateway
from tests.lab import pki
from tests.lab.engine import image_tag
from tests.lab.errors import LabError
from tests.lab.proxy_manager.nginx_control import Paths
from tests.wan.line import FAR, Line

_CLOUD, _PROXY, _GATEWAY = 10, 20, 30
"""Last numbers of the addresses."""
_CUSTOM = ("http_top", "server_proxy")
_SCRIPT = "script.lua"


class _Removable(Protocol):
    def remove(self) -> None: ...


Part = TypeVar("Part", bound=_Removable)


@dataclass(frozen=True)
class Plan:
    """What a site is made of.

    forwarder: settings of the role's variable of that name.
    script: a Lua file that runs in the place of the forwarder.
    stock: an Orthanc as it comes, without forwarder and tuning.
    timeout: of one request to the cloud, in seconds.
    disk: size of either end's storage, which lies in memory, in MB.
    options: more settings of the gateway's Orthanc.
    environment, mounts: of the containers of both ends.
    proxy: more lines for the proxy's host.
    """

    forwarder: dict[str, Any] = field(default_factory=dict)
    script: Path | None = None
    stock: bool = False
    timeout: int = 3600
    disk: int = 4096
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, Path] = field(default_factory=dict)
    proxy: str = ""


class Proxy:
    """The product's nginx with the host that takes images, on the far end of the line."""

    def __init__(self, folder: Path, network: Network, extra: str) -> None:
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
        self.container = Container(
            image_tag("nginx-proxy-manager"),
            f"{network.name}-proxy",
            ["nginx", "-g", "daemon off;"],
            network=network.name,
            address=network.address(_PROXY),
            mounts={"/etc/nginx/include/resolver.conf": resolver},
            writable={"/data": self.data},
            init=True,
            tmpfs={"/bulk": "size=2g"},
        ).start()

    def customise(self, **files: str) -> None:
        """Writes those files of nginx that the real proxy manager leaves to its users, and reloads."""
        for name in _CUSTOM:
            ours = product.proxy_top() if name == "http_top" else ""
            (self.data / "nginx" / "custom" / f"{name}.conf").write_text(ours + files.get(name, ""))
        try:
            self.container.run("nginx", "-s", "reload")
        except LabError as error:
            raise LabError(f"nginx refuses the configuration of this test: {error}") from None
        time.sleep(0.5)

    def remove(self) -> None:
        self.container.remove()


class Site:
    """A gateway, started, with a line to a proxy and a cloud, on a network that other sites do not share."""

    def __init__(self, folder: Path, network: Network, plan: Plan) -> None:
        self.network, self.plan = network, plan
        self._parts = contextlib.ExitStack()
        with contextlib.ExitStack() as unless_made:
            unless_made.callback(self.close)
            self.cloud = self._kept(self._cloud(folder / "cloud"))
            self.gateway = self._kept(self._gateway(folder / "gateway"))
            if plan.script:
                (folder / "gateway" / _SCRIPT).write_text(plan.script.read_text())
            self.proxy = self._kept(Proxy(folder / "proxy", network, plan.proxy))
            ends = self.gateway.container, self.proxy.container
            self.line = self._kept(Line(folder / "line", f"{network.name}-line", *ends))
            if not plan.stock:
                self.gateway.acknowledge_at_once(network.subnet)
            self.cloud.start()
            self.gateway.start()
            self.set_password(product.CLOUD_GATEWAY[1])
            unless_made.pop_all()

    def _kept(self, part: Part) -> Part:
        self._parts.callback(part.remove)
        return part

    def _cloud(self, folder: Path) -> Cloud:
        return Cloud(
            self.network,
            _CLOUD,
            "cloud",
            folder,
            disk=self.plan.disk,
            aliases=[f"pacs-{product.SITE}-orthanc"],
            mounts=self.plan.mounts,
            environment=self.plan.environment,
        )

    def _gateway(self, folder: Path) -> Gateway:
        made = product.gateway(self.plan.forwarder, f"{FILES}/{_SCRIPT}" if self.plan.script else "")
        if self.plan.stock:
            made = {**made, "LuaScripts": []}
        return Gateway(
            self.network,
            _GATEWAY,
            "gateway",
            {**made, **self.plan.options},
            folder,
            tuned=not self.plan.stock,
            disk=self.plan.disk,
            extra_hosts={product.PACS: FAR},
            # The name stands in the hosts file, and libcurl asks a name server for its IPv6 address all the same, each
            # time it connects. As a name of this container the engine says at once that there is none.
            aliases=[product.PACS],
            cap_add=["NET_ADMIN"],
            mounts={"/etc/lab-ca.crt": pki.authority()[0], **self.plan.mounts},
            environment=self.plan.environment,
        )

    def set_password(self, password: str) -> None:
        """Makes the cloud known to the gateway with this password."""
        url = f"https://{product.PACS}/"
        self.gateway.register(url, password, HttpHeaders=product.KNOWN, Timeout=self.plan.timeout)

    def close(self) -> None:
        self._parts.close()
