# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for programs of Windows, one file under many names.

They change the machine of ``machine.py`` and know no other arguments than those written here. ``ssh`` and
``ssh-keygen`` are the real ones, behind Windows' look at rights.
"""

from __future__ import annotations

import base64
import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(sys.argv[0])
STATE = Path(os.environ.get("SIMULATED_MACHINE", "/nowhere"))
CREATOR = "S-1-5-21-1-2-3-1001"
"""The technician. Windows may give a new file to who makes it, not to the administrators."""
_CLOSED = {"S-1-5-18", "S-1-5-32-544"}
WIREGUARD = "{0D1B5C5C-7A4E-4B0A-9F0E-2B8B6A6C1E11}"
TUNNEL = "WireGuardTunnel$mediverse"


def load() -> dict[str, Any]:
    return dict(json.loads(STATE.read_text(encoding="utf-8")))


def save(state: dict[str, Any]) -> None:
    """One change of the machine. An album keeps how the machine would be without power just before it, and after it."""
    state["changes"] += 1
    _picture(state["changes"] * 2)
    new = STATE.with_suffix(".tmp")
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


def rights(state: dict[str, Any], path: str) -> dict[str, Any]:
    """Owner and entries of a file: those set, else what its folder gives. A new file belongs to who made it."""
    known = state["acl"].get(path)
    if known:
        return dict(known)
    above = state["acl"].get(str(Path(path).parent))
    entries = above["entries"] if above else ["S-1-5-18", "S-1-5-32-544", "S-1-5-32-545"]
    return {"owner": CREATOR, "protected": False, "entries": entries}


def icacls(path: str, *rest: str) -> None:
    state = load()
    if not Path(path).exists():
        end(2)
    found = rights(state, path)
    if rest == ("/setowner", "*S-1-5-32-544", "/q"):
        found["owner"] = "S-1-5-32-544"
    elif rest == ("/reset", "/q"):
        state["acl"].pop(path, None)
        found = {**rights(state, path), "owner": found["owner"]}
    elif rest[:2] == ("/inheritance:r", "/grant:r") and rest[-1] == "/q":
        found = {"owner": found["owner"], "protected": True, "entries": []}
        for grant in rest[2:-1]:
            match = re.fullmatch(r"\*(S-1-[0-9-]+):\(OI\)\(CI\)F", grant)
            if not match:
                unknown()
            found["entries"].append(match[1])
    else:
        unknown()
    state["acl"][path] = found
    save(state)


def secedit(*arguments: str) -> None:
    state = load()
    # Accounts of the PC itself are written by name, as secedit writes "Guest".
    if arguments[0] == "/export" and arguments[3:] == ("/areas", "USER_RIGHTS", "/quiet"):
        names = {user["sid"]: name for name, user in state["users"].items()}
        lines = ["[Unicode]", "Unicode=yes", "[Privilege Rights]"]
        for right, who in state["rights"].items():
            if who:
                lines.append(f"{right} = " + ",".join(names.get(sid) or f"*{sid}" for sid in who))
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
        sids = []
        for who in filter(None, value.split(",")):
            sid = who[1:] if who.startswith("*") else state["users"].get(who, {}).get("sid")
            if sid:
                sids.append(sid)
            else:
                code = 3
        if not state["stubborn_rights"]:
            state["rights"][name] = sids
    for name in (arguments[2], arguments[2].replace(".sdb", ".jfm")):
        Path(name).write_text("database")
    save(state)
    end(code)


def netsh(*arguments: str) -> None:
    if arguments != ("interface", "ipv4", "show", "excludedportrange", "protocol=tcp"):
        unknown()
    print("\r\nProtokoll tcp-Portausschlussbereiche\r\n\r\nStartport      Endport\r\n----------    --------")
    for first, last, mark in load()["excluded"]:
        print(f"{first:>10}  {last:>10}      {mark}")
    print("\r\n* - Verwaltete Portausschlüsse.\r\n")


def whoami(*arguments: str) -> None:
    if arguments != ("/groups", "/fo", "csv", "/nh"):
        unknown()
    level = "S-1-16-12288" if load()["elevated"] else "S-1-16-8192"
    print(f'"Verbindliche Beschriftung","Bezeichnung","{level}",""')


def msiexec(*arguments: str) -> None:
    state = load()
    if state["msi"]:
        end(state["msi"])
    folder = Path(os.environ["ProgramFiles"]) / "WireGuard"  # noqa: SIM112 (so Windows calls it)
    if arguments[0] == "/i" and arguments[2:] == ("DO_NOT_LAUNCH=1", "/qn", "/norestart"):
        if Path(arguments[1]).read_text() != "an installer of WireGuard":
            end(1620)
        folder.mkdir(exist_ok=True)
        for name in ("wg.exe", "wireguard.exe"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(HERE.resolve())
        state["registry"][rf"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\{WIREGUARD}"] = {
            "DisplayName": "WireGuard"
        }
        save(state)
    elif arguments[0] == "/x" and arguments[2:] == ("/qn", "/norestart"):
        key = rf"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\{arguments[1]}"
        if not state["registry"].pop(key, None):
            end(1605)
        shutil.rmtree(folder, ignore_errors=True)
        save(state)
    else:
        unknown()


def wireguard(verb: str, argument: str) -> None:
    state = load()
    if verb == "/installtunnelservice":
        text = Path(argument).read_bytes().decode("ascii")
        form = (
            r"\[Interface\]\r\nPrivateKey = \S{44}\r\nAddress = [\d.]+/32\r\n\r\n\[Peer\]\r\nPublicKey = \S{44}\r\n"
            r"Endpoint = \S+:\d+\r\nAllowedIPs = [\d.]+/32\r\nPersistentKeepalive = 25\r\n"
        )
        if TUNNEL in state["services"] or not re.fullmatch(form, text):
            end(1)
        state["services"][TUNNEL] = {"StartType": "Automatic", "Status": "StartPending", "looks": 2}
    elif verb == "/uninstalltunnelservice" and argument == "mediverse":
        if TUNNEL not in state["services"]:
            end(1)
        state["services"][TUNNEL] = {"StartType": "Automatic", "Status": "StopPending", "looks": 2}
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
        if state["services"].get(TUNNEL, {}).get("Status") != "Running":
            print("Unable to access interface: No such file or directory", file=sys.stderr)
            end(1)
        print(f"{'A' * 43}=\t{state['handshake']}")
    else:
        unknown()


def ssh(*arguments: str) -> None:
    key = arguments[arguments.index("-i") + 1]
    found = rights(load(), key)
    if found["owner"] not in _CLOSED or not set(found["entries"]) <= _CLOSED:
        print("WARNING: UNPROTECTED PRIVATE KEY FILE!\r\nbad permissions", file=sys.stderr)
        end(255)
    Path(key).chmod(0o600)
    # The accounts of the hub are one here; which key may do what is the server's own list.
    named = [re.sub(r"^mediverse-(?:enrol|tunnel)@", f"{getpass.getuser()}@", argument) for argument in arguments]
    os.execv(shutil.which("ssh") or "ssh", ["ssh", *named])


def ssh_keygen(*arguments: str) -> None:
    path = arguments[arguments.index("-f") + 1]
    if "-y" in arguments:
        found = rights(load(), path)
        if found["owner"] not in _CLOSED or not set(found["entries"]) <= _CLOSED:
            end(255)
        Path(path).chmod(0o600)
        os.execv(shutil.which("ssh-keygen") or "ssh-keygen", ["ssh-keygen", *arguments])
    code = subprocess.run(["ssh-keygen", *arguments], stdin=sys.stdin, check=False).returncode
    state = load()
    # Windows' own gives the key to who made it, and to nobody else but the system.
    if code == 0:
        state["acl"][path] = {"owner": CREATOR, "protected": True, "entries": [CREATOR, *sorted(_CLOSED)]}
        save(state)
    end(code)


if __name__ == "__main__":
    globals()[HERE.name.removesuffix(".exe").replace("-", "_")](*sys.argv[1:])
