# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the numbers of Namecheap's errors mean, and what to do. Their own texts often name something else."""

from __future__ import annotations

from .._engine.errors import LOGIN, STATUS

RATE = "500000"
# Something of theirs does not work; the same question may be answered in a moment.
THEIRS = frozenset({"1050900", "3031510", "3050900", "4022288", "5019169", "5050169", "5050900"})
KNOWN = {
    "1010101": (LOGIN, "api_user is missing", "Set api_user."),
    "1010102": (LOGIN, "the key is missing", "Set api_key."),
    "1011102": (
        LOGIN,
        "the key is wrong, or access by the API is switched off",
        "Check api_key, and in the panel Profile > Tools > API Access.",
    ),
    "1011150": (
        LOGIN,
        "the address of this machine is not allowed, or client_ip is not the address that they see",
        "Add the public IPv4 address of this machine in the panel under Profile > Tools > API Access, and give it as "
        "client_ip.",
    ),
    "2019166": (STATUS, "they do not know the zone", "Check zone: it is the domain as it was registered."),
    "2016166": (STATUS, "the zone is not of this account", "Use the account that owns it, or one with access to it."),
    "2030166": (
        STATUS,
        "the zone cannot be edited, mostly because other name servers have it",
        "Make the names where the zone is.",
    ),
    "4011103": (LOGIN, "this account may not do that", "Use the account that owns the zone."),
    "2030288": (STATUS, "the zone is served by other name servers than theirs", "Make the names where the zone is."),
    "1010104": (STATUS, "the command is missing", "Check api_url, and what stands between."),
    "1010105": (LOGIN, "client_ip is missing", "Set client_ip."),
    "1011105": (LOGIN, "client_ip is missing", "Set client_ip."),
    "1016103": (LOGIN, "api_user is not authorized", "Check api_user, which is the name of the account."),
    "1017101": (LOGIN, "api_user is disabled or locked", "Ask Namecheap's support about the account."),
    "1017103": (LOGIN, "api_user is disabled or locked", "Ask Namecheap's support about the account."),
    "1017105": (LOGIN, "client_ip is disabled or locked", "Ask Namecheap's support about the address."),
    "1017150": (
        LOGIN,
        "the address of this machine is disabled or locked",
        "Ask Namecheap's support about the address.",
    ),
    "1017410": (LOGIN, "there were too many declined payments", "Look at the account in the panel."),
    "1017411": (LOGIN, "there were too many attempts to log in", "Check api_user and api_key, and wait a while."),
    "1019103": (LOGIN, "api_user is not available", "Check api_user, which is the name of the account."),
    "1030408": (LOGIN, "the way of authentication is not supported", "Check api_user and api_key."),
    RATE: (STATUS, "there were too many requests", "Run it again in a few minutes."),
}


def explain(number: str, said: str) -> tuple[str, str, str]:
    """Kind of failure, what it is, and what to do, for an error with the text ``said``."""
    if number in KNOWN:
        return KNOWN[number]
    if number in THEIRS:
        return STATUS, "something at Namecheap does not work", "Run it again in a few minutes."
    return STATUS, f"they say {said[:200]!r}", "Look for the number in their documentation."
