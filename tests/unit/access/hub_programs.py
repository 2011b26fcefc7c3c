# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub in a folder: ``mediverse-access`` is run as the program that it is, beside stand-ins for what it asks.

The stand-ins remember what they are told in files, and know only what the program asks for: anything else fails. What
the real ones make of it is tried by the scenario ``gateway_access``.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.mediverse.pacs.plugins.module_utils._access import report as reports

PACKAGE = Path(__file__).resolve().parents[3] / "plugins" / "module_utils" / "_access"
SETTINGS = {
    "network": "10.98.0.0/16",
    "interface": "mediverse0",
    "wireguard_port": 51820,
    "ssh_port": 443,
    "operators": ["203.0.113.7/32"],
    "ports": [22000],
    "handshake_age": 180,
}
TOKEN = "k3v9a8b7"

_PROGRAMS = {
    "wg": """
setting() { sed -n "s/^$1 = //p" "$conf"; }
conf=${2:-}.conf
case "$1 ${3:-}" in
    "genkey ") echo "$KEY" ;;
    "pubkey ") cat >/dev/null; echo hubpublic ;;
    "show ") [ "$2" = interfaces ] || exit 9; ls | sed -n 's/[.]conf$//p' | paste -sd' ' ;;
    "show dump")
        [ -e "$conf" ] || exit 1
        printf '%s\\thubpublic\\t%s\\toff\\n' "$(setting PrivateKey)" "$(setting ListenPort)"
        setting PublicKey >keys; setting AllowedIPs >allowed
        paste keys allowed | sed 's/\\t/\\t(none)\\t(none)\\t/; s/$/\\t0\\t0\\t0\\toff/' ;;
    "show private-key") [ -e "$conf" ] || exit 1; setting PrivateKey | grep . || echo "(none)" ;;
    "show allowed-ips")
        [ -e "$conf" ] || exit 1
        setting PublicKey >keys; setting AllowedIPs >allowed; paste keys allowed | grep . || true ;;
    "show latest-handshakes") [ -e "$conf" ] || exit 1; cat handshakes 2>/dev/null ;;
    "syncconf /dev/stdin")
        [ -e "$conf" ] || exit 1
        cat >"$conf.new"
        for other in *.conf; do
            # Two cannot have one port.
            [ "$other" = "$conf" ] || ! grep -qxF "$(grep ListenPort "$conf.new")" "$other" || exit 1
        done
        mv "$conf.new" "$conf" ;;
    "set peer")
        [ "$5" = remove ] || exit 9
        awk -v RS= -v ORS='\\n\\n' -v key="$4" 'index($0, key) == 0' "$conf" >"$conf.new" && mv "$conf.new" "$conf" ;;
    *) exit 9 ;;
esac
""",
    # What it lists is not spelled like what it was given.
    "nft": """
[ ! -e nft-broken ] || { echo "Error: no such thing" >&2; exit 1; }
case "$*" in
    "-f -") sed 's/^ */\\t/' >rules ;;
    "list table inet mediverse_access") cat rules ;;
    *) exit 9 ;;
esac
""",
    "ip": """
case "$*" in
    "link show dev "*) [ -e "$4" ] ;;
    "link add dev "*" type wireguard") [ ! -e no-kernel ] && touch "$4" "$4.conf" ;;
    "link set dev "*" up") touch "$4.up" ;;
    "link del dev "*) rm "$4" "$4.conf" "$4.up" ;;
    "address replace "*) [ -e "$5" ] && grep -qx "${3%/*}" "$5" || echo "${3%/*}" >>"$5" ;;
    "address del "*) grep -vx "${3%/*}" "$5" >"$5.new"; mv "$5.new" "$5" ;;
    "-j -4 route show table main") cat routes 2>/dev/null || echo "[]" ;;
    "-j -4 address show dev "*)
        [ -e "$6" ] || exit 1
        # As the real one has it where there is no address.
        [ -s "$6" ] || { echo "[{},{}]"; exit; }
        [ -e "$6.up" ] && up='"UP", "LOWER_UP"' || up='"NOARP"'
        printf '[{"flags": [%s], "addr_info": [' "$up"; sed 's/.*/{"local": "&"}/' "$6" | paste -sd,; printf ']}]' ;;
    *) exit 9 ;;
esac
""",
    "wireguard-go": """
touch "$1" "$1.conf"
""",
    "ss": """
[ "$*" = -Hltne ] || exit 9
cat listening
""",
    "id": """
[ "$*" = "-u mediverse-tunnel" ] || exit 9
echo 999
""",
    # Its exit code says whether there was any.
    "pkill": """
[ "$*" = "-KILL -U mediverse-tunnel" ] || exit 9
[ -s sessions ] || exit 1
: >sessions
""",
}


def moment(hours: float) -> str:
    """The time in so many hours, as the stick has it."""
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def wireguard_key(number: int) -> str:
    """A public key of WireGuard's form."""
    return base64.b64encode(bytes([number]) * 32).decode()


def ssh_key(number: int) -> str:
    """A public key of OpenSSH's form."""
    return "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32).decode()


def report(site: str = "kanifing", number: int = 1, **change: Any) -> dict[str, Any]:
    """What PC ``number`` reports."""
    adapter = {"name": "Ethernet", "mac": "00:1B:44:11:3A:B7", "link": True, "addresses": [], "default_route": True}
    return {
        "format": 1,
        "site": site,
        "token": TOKEN,
        "machine": f"8a4e1f0c-3b5d-4c1e-9f7a-01234567890{number}",
        "computer": "CT-PC",
        "windows": "10.0.19045",
        "made": "2026-11-30T19:02:11Z",
        "user": "mediverse",
        "password": base64.b64encode(bytes([number]) * 384).decode(),
        "wireguard": wireguard_key(number),
        "ssh": ssh_key(number),
        "certificate": base64.b64encode(b"\x30\x82\x02\x00" + bytes(512)).decode(),
        "adapters": [adapter],
        **change,
    }


def fingerprint(of: dict[str, Any]) -> str:
    """As the PC shows it."""
    said: str = reports.shown(reports.fingerprint(of))
    return said


def whole(of: dict[str, Any]) -> str:
    """As the hub tells it to the PC."""
    said: str = reports.fingerprint(of)
    return said


def short(of: dict[str, Any]) -> str:
    """The text that a PC without any line shows."""
    said: str = reports.encode_short(of["site"], of["wireguard"], reports.fingerprint(of))
    return said


class Hub:
    """``root`` is the hub's disk, ``programs`` what its stand-ins remember."""

    def __init__(self, folder: Path) -> None:
        self.root, self.programs = folder / "root", folder / "programs"
        state = self.root / "var/lib/mediverse-access"
        for place in (*(state / name for name in ("tokens", "reports", "sites")), self.settings / "authorized_keys"):
            place.mkdir(parents=True)
        (state / "lock").touch()
        self.sets()
        (self.root / "run").mkdir()
        binaries = folder / "bin"
        binaries.mkdir()
        self.programs.mkdir()
        (self.programs / "listening").touch()
        (self.programs / "lo").write_text("127.0.0.1\n")
        (self.programs / "lo.up").touch()
        for name, script in _PROGRAMS.items():
            (binaries / name).write_text(f"#!/bin/sh\nset -u\ncd {self.programs}\nKEY={wireguard_key(9)}\n{script}")
            (binaries / name).chmod(0o755)
        library = folder / "lib"
        library.mkdir()
        (library / "mediverse_access").symlink_to(PACKAGE)
        self.environment = {"PATH": f"{binaries}:/usr/bin:/bin", "PYTHONPATH": str(library), "LANG": "C.UTF-8"}
        self("keys")
        self("apply")

    @property
    def settings(self) -> Path:
        return self.root / "etc/mediverse-access"

    def command(self, *arguments: str) -> list[str]:
        """How the program is started."""
        start = "import sys; from mediverse_access.program import main; sys.exit(main(sys.argv[1:]))"
        return [sys.executable, "-c", start, "--root", str(self.root), *arguments]

    def run(self, *arguments: str, data: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
        """The program, with that on its standard input."""
        variables = {**self.environment, **environment}
        command = self.command(*arguments)
        return subprocess.run(command, input=data, env=variables, capture_output=True, timeout=60, check=False)

    def __call__(self, *arguments: str, given: Any = None, data: bytes = b"") -> dict[str, Any]:
        """The answer of a command."""
        done = self.run(*arguments, data=json.dumps(given).encode() if given is not None else data)
        assert done.stderr == b""
        answer: dict[str, Any] = json.loads(done.stdout)
        assert done.stdout.count(b"\n") == 1
        assert done.returncode == ("problem" in answer)
        return answer

    def stick(self, site: str = "kanifing", hours: float = 48, **change: Any) -> dict[str, Any]:
        """A token for a stick that ends after so many hours."""
        token = {
            "site": site,
            "token": TOKEN,
            "key": ssh_key(7),
            "made": moment(0),
            "ends": moment(hours),
            "way": "tunnel",
        }
        return self("token", given={**token, **change})

    def send(self, of: dict[str, Any], site: str = "kanifing") -> dict[str, Any]:
        """A report that comes with the stick's key for ``site``."""
        return self("receive", site, data=json.dumps(of).encode())

    def peers(self, interface: str = "mediverse0") -> list[str]:
        """The public keys that WireGuard knows there."""
        listed = (self.programs / f"{interface}.conf").read_text()
        return [line.split(" = ")[1] for line in listed.splitlines() if line.startswith("PublicKey")]

    def boot(self) -> None:
        """What a boot leaves: files, and nothing that the kernel knew."""
        for name in ("mediverse0", "mediverse0.conf", "mediverse0.up", "rules", "listening", "sessions"):
            (self.programs / name).unlink(missing_ok=True)
        (self.programs / "listening").touch()
        (self.programs / "lo").write_text("127.0.0.1\n")
        for path in (self.root / "run").glob("mediverse-access*"):
            path.unlink()

    def sets(self, **change: Any) -> None:
        """What the role would write."""
        (self.settings / "hub.json").write_text(json.dumps({**SETTINGS, **change}))

    def kept(self, folder: str, site: str) -> Path:
        """The file of a site in ``tokens``, ``reports`` or ``sites``."""
        return self.root / "var/lib/mediverse-access" / folder / f"{site}.json"

    def listens(self, *addresses: str, account: int = 999) -> None:
        """Programs of an account on the hub that wait on port 5986 of these addresses."""
        owner = f" uid:{account}" if account else ""
        rows = (f"LISTEN 0 128 {one}:5986 0.0.0.0:*{owner} ino:3843523 sk:79 cgroup:/ <->\n" for one in addresses)
        (self.programs / "listening").write_text("".join(rows))

    def keys_of(self, account: str) -> str:
        """What sshd reads for it."""
        return (self.settings / "authorized_keys" / account).read_text()

    def state(self) -> dict[str, Any]:
        """Every file of the hub and of its stand-ins that says who may come, without times."""
        found = {}
        for place in (self.root, self.programs):
            for path in sorted(place.rglob("*")):
                if path.is_file() and path.name not in ("handshakes", "keys", "allowed"):
                    text = path.read_text()
                    if path.parent.name == "sites":
                        text = json.dumps({**json.loads(text), "accepted": ""})
                    found[os.fspath(path.relative_to(place.parent))] = text
        return found
