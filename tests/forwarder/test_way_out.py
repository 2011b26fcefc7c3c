# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway in a hospital whose only way out is a proxy with a login, which opens TLS and signs anew."""

from __future__ import annotations

import base64
import contextlib
import http.server
import io
import json
import select
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.loader import init_plugin_loader, lookup_loader
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from tests.conftest import COLLECTIONS
from tests.contract.endpoints import certificate
from tests.kit import product
from tests.kit.containers import wait_for
from tests.kit.dicom import make_study
from tests.kit.networks import Network
from tests.kit.orthanc import FILES, Gateway

LOGIN = "medi%40verse:pa%24%24w%C3%B6rd"
SHOWN = "Basic " + base64.b64encode("medi@verse:pa$$wörd".encode()).decode()


class _Cloud(http.server.BaseHTTPRequestHandler):
    """What answers behind the proxy."""

    def do_GET(self) -> None:
        body = json.dumps({"Name": "cloud"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Proxy(_Cloud):
    """Leads whoever shows the login to the cloud, whatever name is asked for."""

    cloud: int
    asked: list[str]

    def do_CONNECT(self) -> None:
        if self.headers.get("Proxy-Authorization") != SHOWN:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="hospital"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.cloud)) as there:
            ends = {self.connection: there, there: self.connection}
            while True:
                for end in select.select(list(ends), [], [], 30)[0]:
                    data = end.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    ends[end].sendall(data)


@contextlib.contextmanager
def _serving(server: http.server.ThreadingHTTPServer) -> Iterator[int]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def proxy(network: Network, tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Its address for the gateway, the hospital's authority, and the names that it was asked for."""
    authority, key = certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority, key)
    cloud = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Cloud)
    cloud.socket = tls.wrap_socket(cloud.socket, server_side=True)
    with _serving(cloud) as there:
        _Proxy.cloud, _Proxy.asked = there, []
        with _serving(http.server.ThreadingHTTPServer((network.address(1), 0), _Proxy)) as port:
            yield f"{network.address(1)}:{port}", authority, _Proxy.asked


def test_the_cloud_is_reached_through_proxy_and_own_authority(
    proxy: tuple[str, Path, list[str]], network: Network, tmp_path: Path
) -> None:
    address, authority, asked = proxy
    # Nobody but the proxy knows the way there; its certificate is the one of 127.0.0.1.
    peer = {"Url": "https://127.0.0.1:9/", "Username": "gateway", "Password": "x", "Timeout": 20}
    made = product.gateway({})
    gateway = Gateway(network, 77, "way-out", made, tmp_path / "gateway")
    answers: dict[str, Any] = {}
    try:
        init_plugin_loader([str(COLLECTIONS)])
        bundle = lookup_loader.get("mediverse.pacs.ca_bundle").run([str(authority)])[0]
        (tmp_path / "gateway" / "ca.crt").write_text(bundle)
        shutil.copy(DEFAULT_CA_BUNDLE_PATH, tmp_path / "gateway" / "public.crt")
        settings = {
            "direct": {"HttpsCACertificates": f"{FILES}/public.crt"},
            "wrong login": {"HttpProxy": f"http://a:b@{address}"},
        }
        settings["proxy"] = {"HttpProxy": f"http://{LOGIN}@{address}"}

        def ask(name: str) -> None:
            answer = gateway.request("GET", "/peers/cloud/system")
            answers[name] = (answer.status_code, answer.json().get("Details"), len(asked))

        for name, more in settings.items():
            gateway.reconfigure(**more)
            gateway.request("PUT", "/peers/cloud", json=peer).raise_for_status()
            ask(name)
        # Orthanc reads the file anew for each connection: an authority that comes or goes needs no restart.
        (tmp_path / "gateway" / "public.crt").write_text(bundle)
        ask("both")
        image = io.BytesIO()
        make_study(1)[0].save_as(image, enforce_file_format=True)
        instance = gateway.request("POST", "/instances", data=image.getvalue()).json()["ID"]
        sent = gateway.request("POST", "/peers/cloud/store", data=instance)
        shutil.copy(DEFAULT_CA_BUNDLE_PATH, tmp_path / "gateway" / "public.crt")
        ask("taken away")
        refused = gateway.request("POST", "/peers/cloud/store", data=instance)
        assert {name: answer[0] for name, answer in answers.items()} == {
            **dict.fromkeys(("direct", "wrong login", "proxy", "taken away"), 500),
            "both": 200,
        }, answers
        assert (sent.status_code, refused.status_code) == (200, 500)
        assert set(asked) == {"127.0.0.1:9"}
        assert answers["wrong login"][2] == 0
        assert "SSL peer certificate" in answers["proxy"][1], answers
        # Orthanc writes the proxy with its login into a log of more words than the service on the PC writes.
        log = gateway.logs()
        assert "Orthanc has started" in log
        assert LOGIN.partition(":")[2] not in log
    finally:
        gateway.remove()


@pytest.fixture
def silence(network: Network) -> Iterator[str]:
    """The address of a destination that takes connections and says nothing."""
    with socket.create_server((network.address(1), 0)) as server:
        yield f"http://{network.address(1)}:{server.getsockname()[1]}/"


def _echo(gateway: Gateway) -> float:
    """Seconds until an echo of a scanner was answered; as many as it waited, when it was not."""
    scanner = AE("SCANNER")
    scanner.acse_timeout = scanner.dimse_timeout = scanner.network_timeout = 8
    scanner.add_requested_context(Verification)
    begin = time.monotonic()
    association = scanner.associate(gateway.address, 4242, ae_title="GATEWAY")
    if association.is_established:
        association.send_c_echo()
        association.release()
    return time.monotonic() - begin


def test_a_scanner_does_not_wait_for_a_destination_that_is_silent(
    silence: str, network: Network, tmp_path: Path
) -> None:
    gateway = Gateway(network, 78, "silence", product.gateway({}), tmp_path / "gateway")
    try:
        gateway.start()
        peer = {"Url": silence, "Username": "gateway", "Password": "x", "Timeout": 20}
        gateway.request("PUT", f"/peers/{product.PEER}", json=peer).raise_for_status()
        gateway.send(make_study(3))
        wait_for(lambda: gateway.status()["JobsInFlight"] != "0", 20, "an image on its way")
        waited = []
        for __ in range(8):
            # What the role asks.
            for path in ("/tools/now", "/peers?expand", "/changes?type=NewInstance&limit=1", "/modalities?expand"):
                gateway.request("GET", path).raise_for_status()
            waited.append(_echo(gateway))
            time.sleep(0.5)
        assert max(waited) < 4, waited
        # What nobody may ask: the forwarder's next word about its state waits for the lock, and all others behind it.
        gateway.send(make_study(1))
        asking = threading.Thread(target=gateway.request, args=("GET", f"/peers/{product.PEER}/system"))
        asking.start()
        waited = []
        while asking.is_alive() and max(waited, default=0) < 6:
            waited.append(_echo(gateway))
            time.sleep(0.3)
        asking.join()
        assert max(waited) > 6, waited
    finally:
        gateway.remove()
