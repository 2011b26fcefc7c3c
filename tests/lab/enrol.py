# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab.enrol INVENTORY [--limit SITE] [--revoke]``: a PC that nobody can reach becomes a gateway.

Hub, stick, double click, acceptance, site, proof: every step is the command that an operator runs, or what a technician
does at the PC. No password is typed. With ``--revoke`` the PC is then locked out, and comes again by another stick.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import docker
import docker.errors

from tests.lab.__main__ import up
from tests.lab.demo import read_proof
from tests.lab.engine import reason
from tests.lab.errors import LabError
from tests.lab.fresh_pc import FreshPc, fingerprint
from tests.lab.lockout import Lockout
from tests.lab.paths import REPOSITORY, private_directory
from tests.lab.site import Lab, read_lab

_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) .*?failed=(\d+)", re.MULTILINE)
_PORT = 8099
# Between the task of a revocation that shuts the tunnel, and the moment from which it was shut. It takes one or two.
_SECONDS = 20
_SAY = """
import http.server, sys
class Say(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[2].encode())
server = http.server.HTTPServer(("", int(sys.argv[1])), Say)
server.timeout = 60
server.handle_request()
"""
_ASK = """
import urllib.request
def heard(url):
    try:
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5).read().decode()
    except OSError as error:
        return type(error).__name__
"""


class Checks:
    """Counts what was found to be so, and says it."""

    def __init__(self) -> None:
        self.passed = self.total = 0

    def note(self, right: bool, what: str) -> bool:
        """One more; returns ``right``."""
        self.total += 1
        self.passed += right
        print(f"  {'ok  ' if right else 'FAIL'}  {what}", flush=True)
        return right


class Enrolment:
    """The way of one PC into one site of a lab."""

    def __init__(self, lab: Lab, site: str) -> None:
        self._lab, self._site = lab, site
        self._pc = FreshPc(lab.container(lab.host(f"{site}-gateway")))
        self.checks = Checks()
        self._shown = ""
        self._said: list[tuple[float, str]] = []

    def go(self, revoke: bool) -> None:
        """Every step, up to the first whose failure leaves nothing to go on with."""
        steps: list[tuple[str, Callable[[], bool]]] = [
            ("The PC as it stands in the hospital", self._unreachable),
            ("The hub is opened to PCs that come by themselves", self._hub),
            ("The stick is written", self._stick),
            ("A technician plugs it in and clicks twice", self._click),
            ("The operator accepts the PC by its fingerprint", self._accept),
            ("The site is built and proven", self._build),
            ("The site is built again", self._again),
            ("The technician clicks once more, and the operator accepts once more", self._repeat),
        ]
        if revoke:
            steps += [
                ("The PC is stolen, and one command locks it out", self._revoke),
                ("A new stick is written", self._stick),
                ("It is plugged into the PC, which was found again", self._click),
                ("The operator accepts the PC once more", self._accept),
                ("The login is taken from a PC that was there before", self._former),
                ("The site is built and proven with the PC that stays", self._build),
            ]
        for number, (title, step) in enumerate(steps, 1):
            print(f"\n[{number}/{len(steps)}] {title}", flush=True)
            began = time.monotonic()
            right = step()
            print(f"[{number}/{len(steps)}] {title}: {time.monotonic() - began:.0f} s", flush=True)
            if not right:
                print("What stands above has to be mended first; run again to go on.", flush=True)
                return

    def _unreachable(self) -> bool:
        """Of a PC that was enrolled in an earlier run there is no more to be seen from here."""
        address = self._lab.host(f"{self._site}-gateway").address
        first = self._pc.file("report.json") == ""
        if first:
            self.checks.note(not self._pc.listens(), "it is fresh: nothing of it listens for WinRM")
        else:
            print("  it was enrolled in an earlier run", flush=True)
        word = secrets.token_hex(16)
        said = ["docker", "exec", "-d", self._pc.container, "python3", "-c", _SAY, str(_PORT), word]
        subprocess.run(said, check=True)
        self.checks.note(_heard(address) != word, "the controller does not hear what it says")
        self.checks.note(not self._hears("hub", address, word), "the hub does not either")
        return self.checks.note(self._hears("scanner", address, word), "the scanner beside it does")

    def _hears(self, host: str, address: str, word: str) -> bool:
        """Whether a host of the lab gets the word that is said at the address."""
        holder = self._lab.container(self._lab.host(host))
        program = f"import time; time.sleep(2)\n{_ASK}\nprint(heard('{_url(address)}'))"
        done = subprocess.run(
            ["docker", "exec", holder, "python3", "-c", program], capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.strip() == word

    def _hub(self) -> bool:
        self.checks.note(self._play("hub", "-l", "hub") is not None, "the role is in force")
        changed = self._play("hub", "-l", "hub")
        return self.checks.note(changed == 0, f"once more: changed={changed}")

    def _stick(self) -> bool:
        folder = private_directory(self._lab.state / "stick")
        shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        written = self._play("flash_drive", "-l", self._site, "-e", f"drive={folder}") is not None
        return self.checks.note(written and (folder / "enrol.cmd").is_file(), "it has what it should")

    def _click(self) -> bool:
        self._pc.plug_in(self._lab.state / "stick")
        lines: list[str] = []
        code = 1
        for line in self._pc.double_click():
            if isinstance(line, int):
                code = line
            else:
                lines.append(line)
                print(f"  | {line}", flush=True)
        self._shown = fingerprint("\n".join(lines))
        self.checks.note(code == 0, "enrol.cmd has ended well, and the hub has the report")
        return self.checks.note(bool(self._shown), f"the PC shows its fingerprint: {self._shown}")

    def _accept(self) -> bool:
        return self.checks.note(
            self._play("accept", "-l", self._site, "-e", f"fingerprint={self._shown}") is not None,
            "the PC is accepted and answers by its tunnel",
        )

    def _build(self) -> bool:
        proof = self._lab.state / "proof.json"
        proof.unlink(missing_ok=True)
        built = self._play("site", "-l", self._site) is not None
        passed, total = read_proof(proof)
        self.checks.note(built, "the playbook has ended well")
        return self.checks.note(0 < total == passed, f"the proof of the site: {passed}/{total}")

    def _again(self) -> bool:
        changed = self._play("site", "-l", self._site)
        return self.checks.note(changed == 0, f"changed={changed}")

    def _repeat(self) -> bool:
        code, shown = self._pc.enrol()
        nothing = "  set  " not in shown
        self.checks.note(code == 0 and nothing and fingerprint(shown) == self._shown, "enrol.cmd finds everything so")
        changed = self._play("accept", "-l", self._site, "-e", f"fingerprint={self._shown}")
        return self.checks.note(changed == 0, f"acceptance: changed={changed}")

    def _revoke(self) -> bool:
        """The tunnel is watched meanwhile, because the command goes on long after it is shut."""
        gone = Lockout(self._lab, self._site)
        login = gone.login()
        self.checks.note((code := gone.sends(login)) == 200, f"the PC's login brings an image into the cloud: {code}")
        self.checks.note(gone.is_in_worklists(), "the hub's Syncthing knows the PC")
        with gone.watch(gone.address()) as watch:
            done = self._play("revoke", "-l", self._site) is not None
            watch.terminate()
            shut = float((watch.stdout.read() if watch.stdout else "") or "nan")
        self.checks.note(done, "the playbook has ended well")
        began = next((at for at, line in self._said if "TASK [Take its keys" in line), float("nan"))
        self.checks.note(0 <= shut - began < _SECONDS, f"the tunnel was shut after {shut - began:.1f} s")
        self.checks.note((code := gone.sends(login)) == 401, f"the cloud answers the same login: {code}")
        self.checks.note(not gone.is_in_worklists(), "the hub's Syncthing does not know the PC")
        changed = self._play("revoke", "-l", self._site)
        return self.checks.note(done and changed == 0, f"the command again: changed={changed}")

    def _former(self) -> bool:
        """The same PC stands for the one in whose place it is: it is in the tunnel, and both know the login."""
        former = Lockout(self._lab, self._site)
        login = former.login()
        self.checks.note((code := former.sends(login)) == 200, f"the login of the accepted PC: {code}")
        done = self._play("revoke", "-l", self._site, "-e", "former=true") is not None
        self.checks.note((code := former.sends(login)) == 401, f"the same one, which the former PC knows: {code}")
        self.checks.note((code := former.sends(former.login())) == 200, f"the new one: {code}")
        return self.checks.note(done, "the playbook has ended well")

    def _play(self, name: str, *options: str) -> int | None:
        """Runs a playbook of the collection with its output on the terminal; how much changed, None if it failed."""
        program = Path(sys.executable).with_name("ansible-playbook")
        inventory = os.path.relpath(self._lab.inventory, REPOSITORY)
        command = [str(program), "-i", inventory, f"mediverse.pacs.{name}", *options]
        print(f"  ansible-playbook {' '.join(command[1:])}", flush=True)
        environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}
        self._said = []
        with subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout
            for line in process.stdout:
                print(f"  | {line}", end="", flush=True)
                self._said.append((time.time(), line))
        recap = _RECAP.findall("".join(line for __, line in self._said))
        if process.returncode or not recap:
            return None
        return sum(int(changed) for __, changed, __ in recap)


def _url(address: str) -> str:
    return f"http://{address}:{_PORT}/"


def _heard(address: str) -> str:
    """What this machine gets there. A connection alone says nothing: some networks take every one."""
    program = f"{_ASK}\nprint(heard('{_url(address)}'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def main() -> int:
    """Command line; the last line says how many checks passed, the exit code whether all did."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.enrol", description=__doc__)
    parser.add_argument("inventory", type=Path)
    parser.add_argument("--limit", default="far", metavar="SITE")
    parser.add_argument("--revoke", action="store_true", help="then lock the PC out, and let it come again")
    options = parser.parse_args()
    os.umask(0o077)
    started = time.monotonic()
    checks = Checks()
    complete = False
    try:
        lab = read_lab(options.inventory)
        up(lab)
        enrolment = Enrolment(lab, options.limit)
        checks = enrolment.checks
        enrolment.go(options.revoke)
        complete = True
    except LabError as error:
        print(f"enrol: {error}", file=sys.stderr)
    except docker.errors.APIError as error:
        print(f"enrol: the Docker engine refused a step ({reason(error)}): run again.", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"enrol: a command in the lab failed ({error}): run again.", file=sys.stderr)
    except KeyboardInterrupt:
        print("enrol: interrupted; run again to go on.", file=sys.stderr)
    print(f"enrol: {checks.passed}/{checks.total} checks passed in {time.monotonic() - started:.0f} s", flush=True)
    return 0 if complete and 0 < checks.total == checks.passed else 1


if __name__ == "__main__":
    sys.exit(main())
