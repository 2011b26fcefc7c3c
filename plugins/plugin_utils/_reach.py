# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a connection said when it failed to what the operator should do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# The first that is found in what was said counts. Texts of OpenSSH, pywinrm, requests, Python and Ansible's become.
_REASONS = (
    (
        # What host_reach asked PowerShell itself.
        r"ConstrainedLanguage|RestrictedLanguage|NoLanguage",
        "runs no module of Ansible, because a policy about programs (App Control, WDAC, AppLocker, Smart App Control) "
        "keeps its PowerShell in a constrained language mode; have {user} or this PC excepted from it.",
    ),
    (
        r"credentials were rejected|\b401\b",
        # Windows says the same of a right password of which it filters the rights (pywinrm, issue 188).
        "refuses the password of {user}; correct mediverse_winrm_password, or the user in the site file. Where both "
        "are right, Windows keeps this local account from administering over the network: set "
        "LocalAccountTokenFilterPolicy to 1 on the PC, and let no policy deny the network logon to S-1-5-114.",
    ),
    (
        r"Permission denied",
        "refuses the SSH key for {user}; install the operator's key there, or correct the user in the site file.",
    ),
    (
        r"[Hh]ost key verification failed|IDENTIFICATION HAS CHANGED",
        "shows an SSH host key that is not known; compare its fingerprint and add it to known_hosts.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "shows a WinRM certificate that is not trusted; name its authority in mediverse_winrm_ca.",
    ),
    (
        r"[Mm]issing sudo|sudo: |password is required",
        "does not let {user} become root; allow sudo without a password, or give ansible_become_password.",
    ),
    (
        r"[Tt]imeout|timed out|[Rr]efused|No route|[Uu]nreachable|not known|name resolution|No address|closed|reset|"
        r"Broken pipe",
        "does not answer by {protocol}; check that it is switched on, that the {line} is up, and its address in the "
        "site file.",
    ),
)
# Of a PC that was enrolled, other things are to be done about the same.
_UNKNOWN = (
    "is not known in this run, because no PC was accepted for {site}; make its stick with flash_drive.yml, run "
    "enrol.cmd on the PC, and accept it with accept.yml."
)
_NO_FORWARD = (
    "is not reached, because the line from here to the hub is away; see that the hub is up and lets you log in. It "
    "comes back by itself; then run again."
)
_AWAY = "does not come to the hub; check that it is switched on and has a line to the Internet."
_ENROLLED = (
    (
        r"credentials were rejected|\b401\b",
        "refuses the password that accept.yml has given {user}, or has locked the account for some minutes after wrong "
        "ones, or keeps its rights back; where it stays so, run revoke.yml, and make and accept a new stick, with "
        "which the PC gets another password.",
    ),
    (
        r"certificate is not yet valid|certificate has expired",
        "shows its right certificate at a wrong time: the clocks of the PC and of this machine must be right, and "
        "after five years a new stick makes a new one.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "shows another certificate than the PC that was accepted, so nothing is sent; if it was set up anew, make "
        "a stick and accept it again.",
    ),
)
_OTHERWISE = "cannot be used: {said}. Mend that and run again."
_LONGEST = 300


def complaint(said: str, user: str, windows: bool) -> str:
    """What a host does that cannot be used, and what to do about it; a sentence without its subject.

    said     the message of the connection or of the module.
    user     the name that Ansible logs in with.
    windows  whether the connection is WinRM over HTTPS instead of SSH.
    """
    sentence = next((sentence for pattern, sentence in _REASONS if re.search(pattern, said)), _OTHERWISE)
    short = " ".join(said.split())[:_LONGEST].rstrip(".") or "it gave no reason"
    protocol, line = ("WinRM over HTTPS", "VPN") if windows else ("SSH", "network")
    return sentence.format(user=user, said=short, protocol=protocol, line=line)


def of_host(host: str, there: Mapping[str, Any], said: str) -> str:
    """The whole sentence: it begins with ``kanifing-cloud (203.0.113.10:22)``. ``there``: the variables of the host."""
    if host == there.get("mediverse_gateway") and there.get("mediverse_gateway_kind") in ("tunnel", "own"):
        return _of_enrolled(host, there, said)
    windows = there.get("ansible_connection", "ssh") == "winrm"
    address = f"{there.get('ansible_host', host)}:{there.get('ansible_port', 22)}"
    return f"{host} ({address}) {complaint(said, str(there.get('ansible_user', 'the user')), windows)}"


def _of_enrolled(host: str, there: Mapping[str, Any], said: str) -> str:
    way, user = there.get("mediverse_way") or {}, str(there.get("ansible_user"))
    if not way.get("address"):
        return f"{host} {_UNKNOWN.format(site=there.get('mediverse_site'))}"
    found = next((sentence for pattern, sentence in _ENROLLED if re.search(pattern, said)), None)
    if found is None and way.get("host") == "127.0.0.1" and re.search("[Rr]efused", said):
        # A forward takes every connection as long as it is there, whatever the PC does.
        found = _NO_FORWARD
    if found is None and way.get("comes") == "none":
        found = _AWAY
    return f"{host} ({way['address']}) {found.format(user=user) if found else complaint(said, user, True)}"
