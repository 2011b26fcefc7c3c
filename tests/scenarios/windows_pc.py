# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fresh simulated Windows PCs beside the hub of the scenario ``gateway_access``: the real scripts meet the real hub."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any, Self

from tests.kit.containers import Container, wait_for
from tests.lab.engine import image_tag
from tests.lab.fresh_pc import FreshPc
from tests.lab.hosts import powershell_home
from tests.scenarios import far_pc
from tests.scenarios.far_pc import access
from tests.unit.access.hub_programs import moment
from tests.unit.access.machine import stick_data, write_stick

MINUTE = 5
"""Seconds that a minute of these PCs has."""
RIGHTS: dict[str, Any] = {"cap_add": ["NET_ADMIN"], "devices": ["/dev/net/tun"]}


def make_stick(folder: Path, site: str, *, begins: float = -1, ends: float = 2) -> Path:
    """A stick for a site, of whose token the hub knows. The times are hours from now, on the stick and at the hub."""
    folder.mkdir(exist_ok=True)
    key = folder / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    token = hashlib.sha256(f"{folder} {site}".encode()).hexdigest()[:24]
    times = {"made": moment(begins), "ends": moment(ends)}
    told = access("token", given={"site": site, "token": token, "key": public, "way": "tunnel", **times})
    hub = {
        "host": far_pc.HUB_ADDRESS,
        "ssh_port": told["ssh_port"],
        "wireguard_port": told["wireguard_port"],
        "wireguard_key": told["wireguard_key"],
        "address": told["hub_address"],
    }
    data = stick_data(
        site=site,
        token=token,
        address=told["address"],
        network=told["network"],
        hub=hub,
        winrm_from=[hub["address"]],
        **times,
    )
    known = f"[{far_pc.HUB_ADDRESS}]:{told['ssh_port']} {told['host_key']}\n"
    write_stick(folder / "stick", data, key=key.read_bytes(), known=known)
    return folder / "stick"


class WindowsPc(FreshPc):
    """One PC, as it comes out of its box, with a clock that is fast."""

    def __init__(self, number: int) -> None:
        address = far_pc.HUB_ADDRESS.rpartition(".")[0] + f".{number}"
        home = powershell_home()
        self._holder = Container(
            image_tag("gateway"),
            command=[],
            network=far_pc.NETWORK,
            address=address,
            mounts={"/opt/pwsh": Path(home)} if home else {},
            environment={
                "MEDIVERSE_LAB_FRESH": "yes",
                "MEDIVERSE_LAB_HOST": f"pc-{number}",
                "MEDIVERSE_LAB_ADDRESS": address,
                "MEDIVERSE_LAB_MINUTE": str(MINUTE),
            },
            **RIGHTS,
        )
        super().__init__(self._holder.name)
        self.address = address

    def __enter__(self) -> Self:
        self._holder.start()
        wait_for(lambda: "a fresh Windows is up" in self._holder.logs(), 60, "the PC")
        return self

    def __exit__(self, *__: object) -> None:
        self._holder.remove()

    def picture(self) -> dict[str, Any]:
        """What has to be as before when everything was taken back."""
        state = self.state()
        counters = ("changes", "accounts", "acl", "processes", "restarts", "events")
        return {key: value for key, value in state.items() if key not in counters}


def certificate_of(address: str) -> bytes:
    """The certificate that the hub is shown at an address of the tunnel, empty where nobody answers."""
    script = (
        'timeout 6 openssl s_client -connect "$1:5986" </dev/null 2>/dev/null |'
        "openssl x509 -outform der 2>/dev/null | base64 -w0 || true"
    )
    return base64.b64decode(far_pc.on_hub(script, address))
