# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PCs and operators beside the hub of the scenario ``gateway_access``.

WireGuard, SSH and firewall are real; what listens on port 5986 is a web server that tells its name.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests import conftest
from tests.kit.containers import Container, wait_for
from tests.lab.engine import image_tag
from tests.unit.access.hub_programs import TOKEN, moment, report

# The collection can be imported from here on.
assert conftest.COLLECTIONS.is_dir()

HUB = "mediverse-gateway-access-hub"
HUB_ADDRESS = "172.30.86.20"
OPERATOR_ADDRESS = "172.30.86.40"
NETWORK = "mediverse-gateway-access"
_SSH = (
    *("ssh", "-p", "443", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes"),
    *("-o", "ConnectTimeout=10", "-o", "UserKnownHostsFile=/root/known_hosts"),
)
# Asks for the hub's own SSH server through what ssh has opened here, and says what comes back.
_DIAL = """
import socket, sys
line = socket.create_connection(("127.0.0.1", 9), 4)
if sys.argv[1] == "-D":
    line.sendall(bytes([5, 1, 0]))
    assert line.recv(2) == bytes([5, 0]), "no SOCKS"
    line.sendall(bytes([5, 1, 0, 1, 127, 0, 0, 1, 0, 22]))
heard = b""
try:
    while more := line.recv(99):
        heard += more
except OSError:
    pass
print(heard)
"""


def on_hub(script: str, *arguments: str) -> str:
    """Standard output of a line of shell on the hub, as root."""
    command = ["docker", "exec", HUB, "sh", "-ec", script, "sh", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def access(command: str, site: str = "", given: Any = None) -> dict[str, Any]:
    """What ``mediverse-access`` answers."""
    data = json.dumps(given) if given is not None else ""
    script = 'printf %s "$1" | mediverse-access "$2" $3 || true'
    answer: dict[str, Any] = json.loads(on_hub(script, data, command, site))
    return answer


class Machine(Container):
    """A machine on the network of the lab."""

    def __init__(self, address: str) -> None:
        rights: dict[str, Any] = {"cap_add": ["NET_ADMIN"], "devices": ["/dev/net/tun"]}
        super().__init__(image_tag("far-pc"), network=NETWORK, address=address, **rights)
        self.start()

    def try_(self, *command: str) -> tuple[int, str]:
        """Exit code and whatever a command said."""
        code, said = self.engine.exec_run(list(command))
        return int(code), said.decode(errors="replace")

    def asks(self, address: str, port: int = 5986, seconds: int = 4) -> str:
        """What the machine there answers, empty for no answer."""
        code, said = self.try_("curl", "-s", "-m", str(seconds), f"http://{address}:{port}/name")
        return said.strip() if code == 0 else ""

    def connects(self, address: str, port: int) -> bool:
        """Whether somebody takes a connection there."""
        program = f"import socket; socket.create_connection(('{address}', {port}), 4)"
        return self.try_("python3", "-c", program)[0] == 0


class Pc(Machine):
    """The PC of a site. ``sends`` is its report, ``address`` what the hub gave to the site."""

    def __init__(self, site: str, number: int) -> None:
        super().__init__(f"172.30.86.{30 + number}")
        self.site = site
        self.shell(
            "cd /root; umask 077; wg genkey >wg.key; wg pubkey <wg.key >wg.pub; mkdir -p /srv;"
            "for name in report-key tunnel-key; do ssh-keygen -q -t ed25519 -N '' -C x -f $name; done;"
            f"echo {site} >/srv/name"
        )
        self.engine.exec_run(["python3", "-m", "http.server", "5986", "--directory", "/srv"], detach=True)
        self.sends = report(site, number, wireguard=self._public("wg.pub"), ssh=self._public("tunnel-key.pub"))
        self.stick: dict[str, Any] = {}

    def _public(self, name: str) -> str:
        return " ".join(self.run("cat", f"/root/{name}").split()[:2])

    def takes_stick(self) -> None:
        """What ``flash_drive.yml`` would bring."""
        token = {"site": self.site, "token": TOKEN, "key": self._public("report-key.pub"), "made": moment(0)}
        self.stick = access("token", given={**token, "ends": moment(2), "way": "tunnel"})
        self.put({"/root/known_hosts": f"[{HUB_ADDRESS}]:443 {self.stick['host_key']}\n"})

    @property
    def own(self) -> str:
        return str(self.stick["address"])

    def reports(self, sends: Any = None, *options: str, command: str = "") -> dict[str, Any]:
        """What the hub says to a report that comes with the stick's key."""
        data = sends if isinstance(sends, str) else json.dumps(sends or self.sends)
        self.put({"/root/report.json": data})
        ssh = " ".join([*_SSH, *options, "-i", "/root/report-key", f"mediverse-enrol@{HUB_ADDRESS}", command])
        code, said = self.try_("sh", "-c", f"{ssh} </root/report.json")
        assert code in (0, 1), said
        answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        return answer

    def comes_in(self) -> None:
        """All the way from the stick to acceptance."""
        self.takes_stick()
        answer = self.reports()
        assert answer["taken"], answer
        assert access("accept", given={"site": self.site, "fingerprint": answer["fingerprint"]})["changed"]

    def wireguard(self, allowed: str = "") -> None:
        """Its interface; ``allowed`` is what it sends into the tunnel, the hub's address unless said otherwise."""
        self.put(
            {
                "/root/wg.conf": f"[Interface]\nPrivateKey = {self.run('cat', '/root/wg.key').strip()}\n[Peer]\n"
                f"PublicKey = {self.stick['wireguard_key']}\nEndpoint = {HUB_ADDRESS}:51820\nPersistentKeepalive = 25\n"
                f"AllowedIPs = {allowed or self.stick['hub_address'] + '/32'}\n"
            }
        )
        self.shell(
            "ip link show wg0 >/dev/null 2>&1 || wireguard-go wg0 2>/dev/null;"
            f"wg setconf wg0 /root/wg.conf; ip address replace {self.own}/32 dev wg0; ip link set wg0 up;"
            f"ip route replace {allowed or self.stick['hub_address']} dev wg0"
        )

    def ssh(self, *options: str, seconds: int = 8) -> tuple[int, str]:
        """Exit code and words of ssh with the PC's own key; 124 when it was still there at the end."""
        line = [*_SSH, "-o", "ExitOnForwardFailure=yes", "-i", "/root/tunnel-key", *options]
        return self.try_("timeout", str(seconds), *line, f"mediverse-tunnel@{HUB_ADDRESS}")

    def dials(self, key: str, account: str, *forward: str) -> tuple[str, str]:
        """What the hub's own SSH server says through ``-L 9:127.0.0.1:22`` or ``-D 9``, and what ssh says of it."""
        line = " ".join([*_SSH, "-N", "-v", *forward, "-i", f"/root/{key}", f"{account}@{HUB_ADDRESS}"])
        script = f"echo $$ >/root/dial.pid; exec timeout 20 {line} 2>/root/dial.log"
        self.engine.exec_run(["sh", "-c", script], detach=True)
        wait_for(lambda: self.connects("127.0.0.1", 9), 10, "ssh to listen")
        heard = self.run("python3", "-c", _DIAL, forward[0])
        self.run("pkill", "-F", "/root/dial.pid")
        wait_for(lambda: not self.connects("127.0.0.1", 9), 10, "ssh to end")
        return heard, self.run("cat", "/root/dial.log")

    def holds_reverse_tunnel(self) -> None:
        """In the background, as the PC's task does."""
        forward = ("-N", "-R", f"{self.own}:5986:127.0.0.1:5986", "-o", "ExitOnForwardFailure=yes")
        line = [*_SSH, *forward, "-i", "/root/tunnel-key", f"mediverse-tunnel@{HUB_ADDRESS}"]
        self.engine.exec_run(line, detach=True)

    def has_reverse_tunnel(self) -> bool:
        """Whether its ssh runs."""
        return self.try_("pgrep", "-x", "ssh")[0] == 0

    def udp(self, opened: bool) -> None:
        """What a hospital's firewall does to WireGuard."""
        self.try_("nft", "delete", "table", "ip", "hospital")
        if not opened:
            self.shell(
                "nft add table ip hospital;"
                "nft add chain ip hospital out '{ type filter hook output priority 0; }';"
                "nft add chain ip hospital in '{ type filter hook input priority 0; }';"
                "nft add rule ip hospital out udp dport 51820 drop; nft add rule ip hospital in udp sport 51820 drop"
            )

    def comes_by(self, way: str, seconds: float) -> None:
        """Waits until the hub knows it."""
        wait_for(lambda: access("look", self.site)["way"] == way, seconds, f"{self.site} by {way}")
