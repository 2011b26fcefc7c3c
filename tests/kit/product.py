# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that the product would write, read from its roles: what is measured is what hospitals get."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests import conftest
from tests.lab.proxy_manager import render

# The roles use filters of the collection, which a process that pytest did not start finds by this alone.
assert conftest.COLLECTIONS.is_dir()

ROOT = Path(__file__).resolve().parents[2]
FORWARDER = ROOT / "roles" / "orthanc_windows_gateway" / "files" / "forwarder"
ACCESS = ROOT / "roles" / "cloud_pacs" / "files" / "access.lua"
SITE = "wan"
PACS = f"{SITE}.pacs.mediverse.test"
PEER = "cloud"
GATEWAY_ADMIN, CLOUD_ADMIN = ("admin", "gateway-admin"), ("admin", "cloud-admin")
CLOUD_GATEWAY = ("gateway", "cloud-gateway")
CLOUD_SCRIPTS, GATEWAY_SCRIPTS = "/etc/cloud", "/etc/forwarder"
"""Where the roles' Lua files lie in the containers of either end."""
LOG = "/tmp/log"
"""Orthanc's own, at either end."""
# By this the proxy knows the gateway, so that it does not count its requests.
KNOWN = {"X-Mediverse-Gateway": "known"}


def _load(*files: str) -> dict[str, Any]:
    loader = DataLoader()
    result: dict[str, Any] = {}
    for file in files:
        result |= loader.load_from_file(str(ROOT / file), trusted_as_template=True) or {}
    return result


def _template(variables: dict[str, Any], name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Templar(loader=DataLoader(), variables=variables).template(variables[name])


def _role(name: str, given: dict[str, Any], wanted: str) -> dict[str, Any]:
    variables = _load(f"roles/{name}/defaults/main.yml", f"roles/{name}/vars/main.yml")
    return dict(_template(variables | given, wanted))


@cache
def _cloud(**variables: Any) -> dict[str, Any]:
    given = {
        "cloud_pacs_site_id": SITE,
        "cloud_pacs_admin_user": CLOUD_ADMIN[0],
        "cloud_pacs_admin_password": CLOUD_ADMIN[1],
        "cloud_pacs_gateway_user": CLOUD_GATEWAY[0],
        "cloud_pacs_gateway_password": CLOUD_GATEWAY[1],
        "cloud_pacs_viewer_password": "cloud-viewer",
        # As playbooks/vars/roles.yml has it for a forwarder that packs, which some tests do.
        "cloud_pacs_packed_uploads": True,
        **variables,
    }
    return _role("cloud_pacs", given, "__cloud_pacs_orthanc")


def cloud(**variables: Any) -> dict[str, Any]:
    """Orthanc's configuration at the cloud; only its places differ from the role's.

    ``variables``: others of the role than those of a site on a line.
    """
    made = _cloud(**variables)
    return {
        **made,
        "StorageDirectory": "/srv/orthanc",
        "LuaScripts": _moved(made["LuaScripts"], CLOUD_SCRIPTS),
        "Plugins": _PLUGINS,
    }


def _moved(files: list[Any], folder: str) -> list[str]:
    return [f"{folder}/{Path(str(file)).name}" for file in files]


_PLUGINS = ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"]
_PLACES = {
    "StorageDirectory": "/srv/orthanc",
    "IndexDirectory": "/srv/orthanc",
    "Plugins": _PLUGINS,
    "HttpsCACertificates": "/etc/lab-ca.crt",
    # The test is the scanner, and it asks Orthanc from outside.
    "RemoteAccessAllowed": True,
    "HttpBindAddresses": ["0.0.0.0"],
    "DicomAlwaysAllowStore": True,
    "DicomCheckModalityHost": False,
}


def gateway(
    forwarder: dict[str, Any],
    script: str = "",
    more_peers: list[dict[str, Any]] | None = None,
    variables: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Orthanc's configuration at the gateway with these settings of the role's variable ``_forwarder``.

    ``more_peers``: the role's variable of that name.
    ``script``: a Lua file of the container that runs in the place of the forwarder.
    ``variables``: other variables of the role, without the beginning of their names.
    """
    given = {
        "orthanc_windows_gateway_site_id": SITE,
        "orthanc_windows_gateway_aet": "GATEWAY",
        "orthanc_windows_gateway_peer": {"name": PEER, "username": CLOUD_GATEWAY[0]},
        "orthanc_windows_gateway_more_peers": more_peers or [],
        "orthanc_windows_gateway_forwarder": forwarder,
        **{f"orthanc_windows_gateway_{name}": value for name, value in (variables or {}).items()},
    }
    made = _role("orthanc_windows_gateway", given, "__orthanc_windows_gateway_configuration")
    scripts = [script] if script else _moved(made["LuaScripts"], GATEWAY_SCRIPTS)
    users = {"RegisteredUsers": dict([GATEWAY_ADMIN, (CLOUD_GATEWAY[0], CLOUD_GATEWAY[1])])}
    made["MediverseForwarder"]["LogFile"] = LOG
    return {**made, **_PLACES, **users, "LuaScripts": scripts}


def proxy_top() -> str:
    """What the role writes for all hosts of nginx."""
    variables = _load("roles/nginx_proxy_manager/defaults/main.yml")
    text = (ROOT / "roles" / "nginx_proxy_manager" / "templates" / "http_top.conf.j2").read_text(encoding="utf-8")
    return str(Templar(loader=DataLoader(), variables=variables).template(trust_as_template(text))) + "\n"


def proxy_host(extra: str = "") -> str:
    """nginx's configuration of the host that takes images, with TLS, and ``extra`` lines for the test."""
    given = _load("playbooks/vars/roles.yml") | {
        "mediverse_site": SITE,
        "mediverse_pacs_fqdn": PACS,
        "mediverse_known_gateway": KNOWN["X-Mediverse-Gateway"],
        "cloud_pacs_packed_uploads": True,
    }
    templates = given["nginx_proxy_manager_proxy_hosts"]
    index = next(number for number, one in enumerate(templates) if one["forward_port"] == 8042)
    host = dict(_template({**given, "host": templates[index]}, "host"))
    row = {
        "id": 1,
        "enabled": True,
        "domain_names": [PACS],
        "forward_scheme": "http",
        "forward_host": f"pacs-{SITE}-orthanc",
        "forward_port": 8042,
        "certificate": {"provider": "own"},
        "certificate_id": 1,
        # As tasks/configure.yml of the role nginx_proxy_manager sets them.
        "ssl_forced": True,
        "http2_support": host.get("http2", True),
        "hsts_enabled": True,
        "block_exploits": host.get("block_exploits", True),
        "allow_websocket_upgrade": host.get("allow_websocket_upgrade", False),
        "advanced_config": "\n".join([host["advanced_config"], host["secret_config"], extra]),
        "locations": [{"forward_scheme": "http", **location} for location in host["locations"]],
    }
    return render.proxy_host(row, "/etc/letsencrypt", "/data")
