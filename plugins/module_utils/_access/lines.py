# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs of the hub are told: sshd's keys, WireGuard's peers, the firewall's table. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from .store import Settings, ended, moment

PROGRAM = "/usr/local/sbin/mediverse-access"
TABLE = "mediverse_access"
ENROL, TUNNEL = "mediverse-enrol", "mediverse-tunnel"
"""The accounts: who delivers a report, and who holds a reverse tunnel."""
WINRM_PORT = 5986

Sites = Mapping[str, Mapping[str, Any]]


def enrol_keys(tokens: Sites) -> str:
    """Each token may run one program for its site until its time is over. sshd reads the time as UTC since 9.1."""
    return "".join(
        f'restrict,command="{PROGRAM} receive {site}",expiry-time="{moment(token["ends"]):%Y%m%d%H%M%SZ}" '
        f"{token['key']} {site}\n"
        for site, token in sorted(tokens.items())
        if not ended(dict(token))
    )


def tunnel_keys(sites: Sites) -> str:
    """Each accepted PC may listen on its own address and do nothing else.

    ``permitlisten`` alone would leave ``-L`` open, which reaches all other tunnels; ``AllowTcpForwarding remote`` in
    sshd's own settings closes that.
    """
    return "".join(
        f'restrict,port-forwarding,permitlisten="{site["address"]}:{WINRM_PORT}",command="/usr/sbin/nologin" '
        f"{site['ssh']} {name}\n"
        for name, site in sorted(sites.items())
        if site["ssh"]
    )


def peers(sites: Sites) -> dict[str, str]:
    """Address in CIDR notation by WireGuard's public key."""
    return {site["wireguard"]: f"{site['address']}/32" for __, site in sorted(sites.items()) if site["wireguard"]}


def wireguard(key: str, settings: Settings, wanted: Mapping[str, str]) -> str:
    """The configuration for ``wg syncconf``, which leaves peers that stay alone."""
    head = f"[Interface]\nPrivateKey = {key}\nListenPort = {settings.wireguard_port}\n"
    return head + "".join(
        f"\n[Peer]\nPublicKey = {public}\nAllowedIPs = {address}\n" for public, address in wanted.items()
    )


def stamp(rules: str) -> str:
    """What tells these rules from others; it stands as the comment of the table in the kernel."""
    return hashlib.sha256(rules.encode()).hexdigest()[:16]


def firewall(settings: Settings) -> str:
    """One table of nftables, which takes the place of its former self in one transaction. No other table is touched.

    It decides before others do (priority), and only about what has to do with the tunnel. A packet that it lets
    through is still asked by the hub's own firewall.
    """
    rules = _RULES.format(
        interface=settings.interface,
        network=settings.network,
        address=settings.address,
        winrm=WINRM_PORT,
        operators=_set("ipv4_addr", settings.operators),
        ports=_set("inet_service", settings.ports),
    )
    head = f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n"
    return f'{head}  comment "{stamp(rules)}"\n{rules}}}\n'


def openings(settings: Settings) -> list[str]:
    """What the hub's own firewall has to let through, in words."""
    found = [
        f"UDP {settings.wireguard_port} from everywhere",
        f"TCP {settings.ssh_port} from everywhere",
        f"whatever comes in by {settings.interface}",
    ]
    if settings.operators:
        operators = ", ".join(map(str, settings.operators))
        found.append(f"TCP {WINRM_PORT} from {operators} to {settings.network}, both to the hub and forwarded")
    return found


def ufw(settings: Settings) -> list[str]:
    """The same as commands of ufw, spelled as ``ufw show added`` spells them (0.36)."""
    found = [
        f"ufw allow {settings.wireguard_port}/udp",
        f"ufw allow {settings.ssh_port}/tcp",
        f"ufw allow in on {settings.interface}",
    ]
    for operator in settings.operators:
        rule = f"allow from {str(operator).removesuffix('/32')} to {settings.network} port {WINRM_PORT} proto tcp"
        found += [f"ufw {rule}", f"ufw route {rule}"]
    return found


def _set(kind: str, elements: list[Any]) -> str:
    inner = f" elements = {{ {', '.join(map(str, elements))} }}" if elements else ""
    return f"type {kind}; flags interval; auto-merge;{inner}"


_RULES = """\
  set operators {{ {operators} }}
  set ports {{ {ports} }}

  chain input {{
    type filter hook input priority filter - 5; policy accept;
    iifname "{interface}" goto of_gateways
    iifname != "lo" ip daddr {network} goto of_operators
  }}

  chain of_gateways {{
    ct state established,related accept
    ip daddr != {address} drop
    icmp type echo-request accept
    tcp dport @ports accept
    drop
  }}

  chain of_operators {{
    ct state related accept
    ip saddr @operators tcp dport {winrm} accept
    drop
  }}

  chain forward {{
    type filter hook forward priority filter - 5; policy accept;
    iifname "{interface}" oifname "{interface}" drop
    oifname "{interface}" goto to_gateways
    iifname "{interface}" goto from_gateways
    ip daddr {network} drop
  }}

  chain to_gateways {{
    ct state related accept
    ip saddr @operators tcp dport {winrm} accept
    drop
  }}

  chain from_gateways {{
    ct state established,related accept
    drop
  }}

  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "{interface}" ip saddr != {address} snat ip to {address}
  }}
"""
