# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lint.check_messages``: what we look for in a message stands in the source of whoever says it.

A task's message is looked up in its module as it is installed here. Everything else is in the table below: the file of
a package that says it, which is looked up too, or the program whose source is not here. Ends with 1 when a text is
nowhere, or when the table has one that nobody looks for any more.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from tests.lint.messages import Match, module_source, occurs, of_plugins, of_tasks, package_source

ROOT = Path(__file__).resolve().parents[2]
# No collection's module speaks here, but the program that it runs.
_RUNNERS = {
    "ansible.builtin.command",
    "ansible.builtin.shell",
    "ansible.windows.win_command",
    "ansible.windows.win_shell",
}
FOREIGN = "not here: "


class Said(NamedTuple):
    """``source``: a file of a package or of this repository, or ``not here:`` and who says it.

    ``quote``: how it is written there, where that is not how it is heard.
    """

    source: str
    texts: tuple[str, ...]
    quote: str = ""


_C_LIBRARY = f"{FOREIGN}the C library of Linux (strerror, gai_strerror)"
_OPENSSH = f"{FOREIGN}OpenSSH, sshconnect2.c and sshconnect.c"
_OPENSSL = f"{FOREIGN}OpenSSL, by Python's ssl"
_DOTNET = f"{FOREIGN}.NET's System.Net.WebException, English; win_uri passes it on"
_ORTHANC = f"{FOREIGN}Orthanc 1.13 and DCMTK, read in their log and by the tests with a real one"

SAID: dict[str, tuple[Said, ...]] = {
    "plugins/module_utils/_engine/http.py": (Said(_OPENSSL, ("WRONG_VERSION",)),),
    "plugins/module_utils/_site/judges_inside.py": (
        Said(_C_LIBRARY, ("Connection refused", "No route to host", "Network is unreachable")),
        Said(
            _ORTHANC,
            (
                "Timeout",
                "timed out",
                "Called AE Title Not Recognized",
                "Calling AE Title Not Recognized",
                "Association Rejected",
                "never connected",
                "Peer aborted",
            ),
        ),
    ),
    "plugins/module_utils/_site/judges_outside.py": (
        Said("plugins/module_utils/_site/probe.py", ("no answer within",)),
        Said(_C_LIBRARY, ("refused", "No route to host")),
    ),
    "plugins/module_utils/digitalocean/_service.py": (
        Said(f"{FOREIGN}DigitalOcean's API, as users have reported it", ("pending event", "is locked", "in progress")),
    ),
    "plugins/module_utils/namecheap/_session.py": (Said("plugins/module_utils/_engine/http.py", ("http://",)),),
    "plugins/module_utils/nginx_proxy_manager/_pem.py": (Said(_OPENSSL, ("TOO_SMALL", "TOO_WEAK", "ca md too weak")),),
    "plugins/module_utils/nginx_proxy_manager/_session.py": (
        Said(f"{FOREIGN}a key of the proxy manager's answer, backend/internal/token.js", ("token",)),
    ),
    "plugins/module_utils/nginx_proxy_manager/certificate.py": (
        Said(f"{FOREIGN}certbot, certbot/_internal/lock.py", ("Another instance of Certbot is already running",)),
    ),
    "plugins/module_utils/syncthing/_service.py": (Said(f"{FOREIGN}Syncthing, lib/api/api.go", ("Host check error",)),),
    "plugins/module_utils/orthanc/delivery.py": (
        Said(
            "roles/orthanc_windows_gateway/files/forwarder/engine.lua",
            (r"HTTP status (\d+)",),
            "string.format('HTTP status %d (%s)', status, name)",
        ),
        Said(f"{FOREIGN}libcurl, lib/strerror.c, which Orthanc passes on", ("SSL",)),
    ),
    "plugins/action/gateway_login.py": (
        Said("winrm/transport.py", ("credentials were rejected",)),
        Said(f"{FOREIGN}the status of an answer without a login", (r"\b401\b",)),
    ),
    "plugins/plugin_utils/_forward.py": (
        Said(_OPENSSH, ("administratively prohibited", "cannot listen to port")),
        Said(f"{FOREIGN}the command that this file gives to ssh", ("mediverse: the forward is there",)),
    ),
    "plugins/plugin_utils/_reach.py": (
        Said(
            f"{FOREIGN}Windows PowerShell, PSLanguageMode", ("ConstrainedLanguage", "RestrictedLanguage", "NoLanguage")
        ),
        Said("winrm/transport.py", ("credentials were rejected",)),
        Said("ansible/plugins/become/sudo.py", ("sudo: ", "password is required")),
        Said("ansible/plugins/connection/ssh.py", ("[Mm]issing sudo",), "'Missing %s password' % self.become.name"),
        Said("urllib3/connection.py", ("timed out",)),
        Said("requests/exceptions.py", ("[Tt]imeout",)),
        Said(f"{FOREIGN}the status of an answer without a login", (r"\b401\b",)),
        Said(
            _OPENSSH, ("Permission denied", "[Hh]ost key verification failed", "IDENTIFICATION HAS CHANGED", "closed")
        ),
        Said(
            _OPENSSL,
            (
                "CERTIFICATE_VERIFY_FAILED",
                "certificate verify failed",
                "certificate is not yet valid",
                "certificate has expired",
            ),
        ),
        Said(
            _C_LIBRARY,
            (
                "[Rr]efused",
                "No route",
                "[Uu]nreachable",
                "not known",
                "name resolution",
                "No address",
                "reset",
                "Broken pipe",
            ),
        ),
    ),
    "plugins/plugin_utils/_site_settings.py": (
        Said(
            "jinja2/runtime.py", ("'([A-Za-z_][A-Za-z0-9_]*)' is undefined",), "{self._undefined_name!r} is undefined"
        ),
        Said(
            "ansible/_internal/_templating/_jinja_common.py",
            ("has no attribute '([A-Za-z_][A-Za-z0-9_]*)'",),
            "has no attribute {name!r}",
        ),
        Said(
            "ansible/_internal/_templating/_errors.py",
            (
                "filter plugin '(?:[a-z0-9_]+[.])*([a-z0-9_]+)' failed",
                "lookup plugin '(?:[a-z0-9_]+[.])*([a-z0-9_]+)' failed",
            ),
            "{plugin_type} plugin {plugin_name!r} failed",
        ),
    ),
    "plugins/plugin_utils/_sites_load.py": (
        Said(
            "yaml/scanner.py",
            (
                "cannot start any token",
                "expected escape sequence",
                "escape character",
                "hexadecimal",
                "mapping values are not allowed",
                "quoted scalar",
                "tag",
                "URI",
                "directive",
                "expected ':'",
                "simple key",
                "indentation",
            ),
        ),
        Said(
            "yaml/parser.py", ("document", "flow (mapping|sequence)", "block (end|mapping|collection|sequence|entry)")
        ),
        Said("yaml/composer.py", ("alias", "anchor")),
        Said(f"{FOREIGN}libyaml's scanner.c and parser.c", ("hexdecimal", "flow entry", "expected key", "nest")),
    ),
    "plugins/plugin_utils/_win_transport.py": (
        Said(_DOTNET, ("timed out", "timeout", "ssl", "tls", "trust relationship", "certificate")),
        Said(
            "ansible_collections/ansible/windows/plugins/modules/win_uri.ps1",
            ("Unhandled exception occurred when sending web request. Exception: ",),
        ),
    ),
    "roles/docker_host/tasks/guard.yml": (
        Said("roles/docker_host/files/container-guard", ("changed",), 'print("changed"'),
    ),
}


def _source(name: str, root: Path) -> str:
    own = root / name
    return own.read_text(encoding="utf-8") if own.is_file() else package_source(name)


def _listed(match: Match, table: dict[str, tuple[Said, ...]]) -> Said | None:
    return next((said for said in table.get(match.file, ()) if match.text in said.texts), None)


def problem(match: Match, table: dict[str, tuple[Said, ...]], root: Path = ROOT) -> str:
    """What is wrong with looking for this text; nothing when its source has it."""
    said = _listed(match, table)
    if said is not None and said.source.startswith(FOREIGN):
        return ""
    if said is not None:
        source = _source(said.source, root)
        there = said.quote in source if said.quote else occurs(match, source)
        return "" if there else f"stands nowhere in {said.source}; correct the text, or the table of check_messages.py"
    if not match.module or match.module in _RUNNERS:
        return "is said by nobody known; name who says it in the table of check_messages.py"
    source = module_source(match.module)
    if not source:
        return f"may be said by {match.module}, whose source is not here; install its collection"
    return "" if occurs(match, source) else f"is never said by {match.module}; look at what its source says"


def main(root: Path = ROOT, table: dict[str, tuple[Said, ...]] | None = None) -> int:
    """Check every place; exit code 1 when something is found."""
    known = SAID if table is None else table
    # A text without a word in it takes an answer apart; it is no message.
    matches = [match for match in (*of_tasks(root), *of_plugins(root)) if re.search("[A-Za-z0-9]{2}", match.text)]
    found = [
        f"{match.file}: the text {match.text!r} {why}." for match in matches if (why := problem(match, known, root))
    ]
    used = {(match.file, match.text) for match in matches}
    for file, entries in known.items():
        unused = [text for said in entries for text in said.texts if (file, text) not in used]
        found += [f"{file}: nobody looks for {text!r} any more; take it out of check_messages.py." for text in unused]
    print("\n".join(found) or f"{len(matches)} texts of others looked up.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
