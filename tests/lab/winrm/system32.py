# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for programs of Windows that scripts start on the PC itself, one file under many names.

They change state.json and know no other arguments than those written here. ``ssh`` and ``ssh-keygen`` are the real
ones, behind Windows' look at rights. With ``SIMULATED_LIVE`` an endpoint serves the same state: then ``wg`` is real
as well, and the endpoint starts and stops the service of the tunnel. Nothing of this package is imported here, as the
start of a program counts.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(sys.argv[0])
STATE = Path(os.environ.get("SIMULATED_MACHINE", "/nowhere"))
LIVE = bool(os.environ.get("SIMULATED_LIVE"))
_NAMES = {
    "S-1-1-0": "Everyone",
    "S-1-5-18": r"NT AUTHORITY\SYSTEM",
    "S-1-5-32-544": r"BUILTIN\Administrators",
    "S-1-5-32-545": r"BUILTIN\Users",
}
_NUMBERS = {name: sid for sid, name in _NAMES.items()}
_CLOSED = {r"NT AUTHORITY\SYSTEM", r"BUILTIN\Administrators"}
_FULL_CONTROL = 0x1F01FF
_MARK = "mediverse-lab-installer: wireguard "
WIREGUARD = "{0D1B5C5C-7A4E-4B0A-9F0E-2B8B6A6C1E11}"
TUNNEL = "WireGuardTunnel$mediverse"


def load() -> dict[str, Any]:
    # While it is replaced it is missing for a moment on some file systems of containers.
    for __ in range(100):
        try:
            return dict(json.loads(STATE.read_text(encoding="utf-8")))
        except FileNotFoundError:
            time.sleep(0.01)
    return end(99)


def save(state: dict[str, Any]) -> None:
    """One change of the machine. An album keeps how the machine would be without power just before it, and after it."""
    state["changes"] = state.get("changes", 0) + 1
    _picture(state["changes"] * 2)
    new = STATE.with_name(f"{STATE.name}.{os.getpid()}")
    new.write_text(json.dumps(state), encoding="utf-8")
    new.replace(STATE)
    _picture(state["changes"] * 2 + 1)


def _picture(number: int) -> None:
    album = os.environ.get("SIMULATED_ALBUM")
    if album:
        shutil.copytree(STATE.parent, Path(album) / f"{number:03}", symlinks=True)


def end(code: int, text: str = "") -> NoReturn:
    if text:
        print(text)
    raise SystemExit(code)


def unknown() -> NoReturn:
    print(f"The simulated Windows has no model for this command: {sys.argv}", file=sys.stderr)
    raise SystemExit(87)


def place(path: str | Path) -> str:
    """How the state calls a place of drive C:."""
    return "c:\\" + str(Path(path).relative_to(STATE.parent / "C")).replace("/", "\\").lower()


def entry(account: str) -> dict[str, Any]:
    inherit = ["ContainerInherit", "ObjectInherit"]
    return {"account": account, "rights": _FULL_CONTROL, "type": "allow", "inherit": inherit, "propagation": "None"}


def rights(state: dict[str, Any], path: str) -> dict[str, Any]:
    """Owner and entries of a file: those set, else what its folder gives. A new file belongs to who made it."""
    known = state["acl"].get(place(path))
    if known:
        return dict(known)
    above = state["acl"].get(place(Path(path).parent))
    entries = above["entries"] if above else [entry(who) for who in (*sorted(_CLOSED), r"BUILTIN\Users")]
    return {"owner": state["technician"], "protected": False, "entries": entries}


def closed(state: dict[str, Any], path: str) -> bool:
    """Whether OpenSSH is content with the rights of a key."""
    found = rights(state, path)
    return found["owner"] in _CLOSED and {one["account"] for one in found["entries"]} <= _CLOSED


def icacls(path: str, *rest: str) -> None:
    state = load()
    if not Path(path).exists():
        end(2)
    found = rights(state, path)
    if rest == ("/setowner", "*S-1-5-32-544", "/q"):
        found["owner"] = _NAMES["S-1-5-32-544"]
    elif rest == ("/reset", "/q"):
        state["acl"].pop(place(path), None)
        found = {**rights(state, path), "owner": found["owner"]}
    elif rest[:2] == ("/inheritance:r", "/grant:r") and rest[-1] == "/q":
        found = {"owner": found["owner"], "protected": True, "entries": []}
        for grant in rest[2:-1]:
            match = re.fullmatch(r"\*(S-1-[0-9-]+):\(OI\)\(CI\)F", grant)
            if not match or match[1] not in _NAMES:
                unknown()
            found["entries"].append(entry(_NAMES[match[1]]))
    else:
        unknown()
    state["acl"][place(path)] = found
    save(state)


def written(state: dict[str, Any], who: str) -> str:
    """As secedit writes an account: those of the PC itself by name, as "Guest", others by number."""
    computer, __, name = who.rpartition("\\")
    if computer == state["computer"]:
        return name
    return "*" + _NUMBERS.get(who, who)


def known(state: dict[str, Any], text: str) -> str | None:
    """How the state names an account that is written so, None for one that is not known."""
    users = state["users"]
    if not text.startswith("*"):
        return rf"{state['computer']}\{text}" if text in users else None
    name = next((name for name, user in users.items() if user["sid"] == text[1:]), None)
    return rf"{state['computer']}\{name}" if name else _NAMES.get(text[1:], text[1:])


def secedit(*arguments: str) -> None:
    state = load()
    if arguments[0] == "/export" and arguments[3:] == ("/areas", "USER_RIGHTS", "/quiet"):
        lines = ["[Unicode]", "Unicode=yes", "[Privilege Rights]"]
        for right, who in state["rights"].items():
            if who:
                lines.append(f"{right} = " + ",".join(written(state, one) for one in who))
        # A file that is there already keeps its encoding, and an empty one has that of the PC's own language.
        encoding = "cp1252" if Path(arguments[2]).exists() else "utf-16"
        Path(arguments[2]).write_text("\r\n".join([*lines, ""]), encoding=encoding)
        end(0)
    if arguments[0] != "/configure" or arguments[5:] != ("/areas", "USER_RIGHTS", "/quiet"):
        unknown()
    code = 0
    text = Path(arguments[4]).read_text(encoding="utf-16")
    for line in text.partition("[Privilege Rights]")[2].splitlines():
        name, found, value = (part.strip() for part in line.partition("="))
        if not found:
            continue
        names = [known(state, who) for who in value.split(",") if who]
        if None in names:
            code = 3
        if not state.get("stubborn_rights"):
            state["rights"][name] = [who for who in names if who]
    for name in (arguments[2], arguments[2].replace(".sdb", ".jfm")):
        Path(name).write_text("database")
    save(state)
    end(code)


def netsh(*arguments: str) -> None:
    if arguments != ("interface", "ipv4", "show", "excludedportrange", "protocol=tcp"):
        unknown()
    print("\r\nProtokoll tcp-Portausschlussbereiche\r\n\r\nStartport      Endport\r\n----------    --------")
    for span in load()["excluded_ports"]:
        print(f"{span['first']:>10}  {span['last']:>10}      {'*' if span['administered'] else ''}")
    print("\r\n* - Verwaltete Portausschlüsse.\r\n")


def whoami(*arguments: str) -> None:
    if arguments != ("/groups", "/fo", "csv", "/nh"):
        unknown()
    level = "S-1-16-12288" if load().get("elevated", True) else "S-1-16-8192"
    print(f'"Verbindliche Beschriftung","Bezeichnung","{level}",""')


def msiexec(*arguments: str) -> None:
    state = load()
    if state.get("msi_exit"):
        end(state["msi_exit"])
    folder = Path(os.environ["ProgramFiles"]) / "WireGuard"  # noqa: SIM112 (so Windows calls it)
    uninstall = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
    if arguments[0] == "/i" and arguments[2:] == ("DO_NOT_LAUNCH=1", "/qn", "/norestart"):
        if not Path(arguments[1]).read_text().startswith(_MARK):
            end(1620)
        folder.mkdir(exist_ok=True)
        for name in ("wg.exe", "wireguard.exe"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(HERE.resolve())
        key = rf"{uninstall}\{WIREGUARD}"
        shown = {"name": "DisplayName", "type": "string", "data": "WireGuard"}
        state["registry"][key.lower()] = {"path": key, "values": {"displayname": shown}}
        save(state)
    elif arguments[0] == "/x" and arguments[2:] == ("/qn", "/norestart"):
        if not state["registry"].pop(rf"{uninstall}\{arguments[1]}".lower(), None):
            end(1605)
        shutil.rmtree(folder, ignore_errors=True)
        save(state)
    else:
        unknown()


def wireguard(verb: str, argument: str) -> None:
    state = load()
    services = state["services"]
    # Who looks after it: the endpoint, or each look at it.
    looks = {} if LIVE else {"looks": 2}
    if verb == "/installtunnelservice":
        text = Path(argument).read_bytes().decode("ascii")
        form = (
            r"\[Interface\]\r\nPrivateKey = \S{44}\r\nAddress = [\d.]+/32\r\n\r\n\[Peer\]\r\nPublicKey = \S{44}\r\n"
            r"Endpoint = \S+:\d+\r\nAllowedIPs = [\d.]+/32\r\nPersistentKeepalive = 25\r\n"
        )
        if TUNNEL in services or not re.fullmatch(form, text):
            end(1)
        conf = "C:\\" + str(Path(argument).relative_to(STATE.parent / "C")).replace("/", "\\")
        services[TUNNEL] = {
            "display_name": "WireGuard Tunnel: mediverse",
            "description": "",
            "path": rf'"C:\Program Files\WireGuard\wireguard.exe" /tunnelservice "{conf}"',
            "start_mode": "auto",
            "username": "LocalSystem",
            "state": "start_pending",
            "dependencies": ["Nsi", "TcpIp"],
            "failure_actions": [],
            "failure_reset_period_sec": 0,
            "failure_actions_on_non_crash_failure": False,
            **looks,
        }
    elif verb == "/uninstalltunnelservice" and argument == "mediverse":
        if TUNNEL not in services:
            end(1)
        services[TUNNEL] |= {"state": "stop_pending", "deleting": True, **looks}
    else:
        unknown()
    save(state)


def public_key(private: bytes) -> bytes:
    """Curve25519's (RFC 7748, section 5). The library for it takes longer to load than a whole run of the others."""
    prime = 2**255 - 19
    scalar = int.from_bytes(private, "little") & (2**254 - 8) | 2**254
    a, b, c, d = 1, 0, 9, 1
    for bit in reversed(range(255)):
        swap = scalar >> bit & 1
        if swap:
            a, b, c, d = c, d, a, b
        total, less = (a + b) % prime, (a - b) % prime
        one, two = (c + d) * less % prime, (c - d) * total % prime
        c, d = (one + two) ** 2 % prime, 9 * (one - two) ** 2 % prime
        square, other = total**2 % prime, less**2 % prime
        difference = (square - other) % prime
        a, b = square * other % prime, difference * (square + 121665 * difference) % prime
        if swap:
            a, b, c, d = c, d, a, b
    return int(a * pow(b, prime - 2, prime) % prime).to_bytes(32, "little")


def wg(*arguments: str) -> None:
    if LIVE:
        os.execvp("wg", ["wg", *arguments])
    if arguments == ("genkey",):
        print(base64.b64encode(os.urandom(32)).decode())
    elif arguments == ("pubkey",):
        given = sys.stdin.buffer.read()
        match = re.fullmatch(rb"([A-Za-z0-9+/]{43}=)\s*", given)
        if not match:
            print("wg: Key is not the correct length or format", file=sys.stderr)
            end(1)
        print(base64.b64encode(public_key(base64.b64decode(match[1]))).decode())
    elif arguments == ("show", "mediverse", "latest-handshakes"):
        state = load()
        if state["services"].get(TUNNEL, {}).get("state") != "started":
            print("Unable to access interface: No such file or directory", file=sys.stderr)
            end(1)
        print(f"{'A' * 43}=\t{state.get('handshake', 0)}")
    else:
        unknown()


def ssh(*arguments: str) -> None:
    key = arguments[arguments.index("-i") + 1]
    if not closed(load(), key):
        print("WARNING: UNPROTECTED PRIVATE KEY FILE!\r\nbad permissions", file=sys.stderr)
        end(255)
    Path(key).chmod(0o600)
    # A hub that is a double has one account; which key may do what is the server's own list.
    account = os.environ.get("SIMULATED_ACCOUNT")
    named = [re.sub(r"^mediverse-(?:enrol|tunnel)@", f"{account}@", one) for one in arguments] if account else arguments
    os.execv(shutil.which("ssh") or "ssh", ["ssh", *named])


def ssh_keygen(*arguments: str) -> None:
    path = arguments[arguments.index("-f") + 1]
    if "-y" in arguments:
        if not closed(load(), path):
            end(255)
        Path(path).chmod(0o600)
        os.execv(shutil.which("ssh-keygen") or "ssh-keygen", ["ssh-keygen", *arguments])
    code = subprocess.run(["ssh-keygen", *arguments], stdin=sys.stdin, check=False).returncode
    state = load()
    # Windows' own gives the key to who made it, and to nobody else but the system.
    if code == 0:
        who = state["technician"]
        state["acl"][place(path)] = {
            "owner": who,
            "protected": True,
            "entries": [entry(one) for one in (who, *sorted(_CLOSED))],
        }
        save(state)
    end(code)


if __name__ == "__main__":
    globals()[HERE.name.removesuffix(".exe").replace("-", "_")](*sys.argv[1:])
