# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""setup, win_ping, win_product_facts (ansible.windows 3.3.0 to 3.8.0), win_disk_facts (community.windows to 3.3.0).

Facts of hardware are invented; names, addresses and adapters come from the state.
"""

from __future__ import annotations

import datetime as dt
import shutil
from typing import Any

from .. import network
from ..call import Call, Result, model
from ..windows import Failure, Windows


@model("win_ping")
def win_ping(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    if params.get("data") == "crash":
        raise Failure("Unhandled exception while executing module: boom")
    return {"ping": params.get("data") or "pong"}


@model("setup")
def setup(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    now = dt.datetime.now(dt.UTC)
    interfaces = [
        {
            "connection_name": adapter["name"],
            "default_gateway": adapter["gateway"],
            "dns_domain": None,
            "interface_index": adapter["index"],
            "interface_name": adapter["description"],
            "macaddress": adapter["mac"],
            "ipv4": {"address": adapter["addresses"][0]["address"], "prefix": str(adapter["addresses"][0]["prefix"])}
            if adapter["addresses"]
            else None,
            "ipv6": None,
        }
        for adapter in network.adapters(windows)
    ]
    build = windows.state["build"]
    facts = {
        "architecture": "64-bit",
        "architecture2": "x86_64",
        "date_time": {
            "date": now.date().isoformat(),
            "epoch": str(now.timestamp()),
            "epoch_int": str(int(now.timestamp())),
            "iso8601": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tz": windows.state["timezone"],
            "tz_offset": "+00:00",
        },
        "distribution": windows.state["product"],
        "distribution_major_version": build.split(".", maxsplit=1)[0],
        "distribution_version": build,
        "domain": "",
        "env": windows.environment(),
        "fqdn": windows.computer,
        "hostname": windows.computer,
        "interfaces": interfaces,
        "ip_addresses": [adapter["ipv4"]["address"] for adapter in interfaces if adapter["ipv4"]],
        "kernel": build,
        "memtotal_mb": 8192,
        "netbios_name": windows.computer,
        "nodename": windows.computer,
        "os_family": "Windows",
        "os_installation_type": "Client",
        "os_name": windows.state["product"],
        "os_product_type": "workstation",
        "powershell_version": 5,
        "processor_cores": 4,
        "processor_vcpus": 4,
        "reboot_pending": False,
        "system": "Win32NT",
        "system_vendor": "mediverse lab",
        "uptime_seconds": 3600,
        "user_dir": windows.environment()["USERPROFILE"],
        "user_id": windows.user,
        "windows_domain": "WORKGROUP",
        "windows_domain_member": False,
        "windows_domain_role": "Stand-alone workstation",
    }
    subset = params.get("gather_subset") or ["all"]
    return {
        "ansible_facts": {
            **{f"ansible_{name}": value for name, value in facts.items()},
            "gather_subset": subset,
            "module_setup": True,
        }
    }


@model("win_disk_facts")
def win_disk_facts(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    usage = shutil.disk_usage(windows.root)
    volume = {"drive_letter": "C", "size": usage.total, "size_remaining": usage.free}
    partition = {
        "number": 1,
        "size": usage.total,
        "drive_letter": "C",
        "volumes": [
            {
                "size": usage.total,
                "size_remaining": usage.free,
                "drive_type": "Fixed",
                "health_status": "Healthy",
                "label": "Windows",
                "path": "C:\\",
                "type": "NTFS",
                "object_id": "volume-1",
            }
        ],
    }
    disk = {
        "number": 0,
        "size": usage.total,
        "friendly_name": "Lab disk",
        "bus_type": "SATA",
        "operational_status": "Online",
        "system_disk": True,
        "partition_count": 1,
        "partitions": [partition],
    }
    return {"ansible_facts": {"ansible_disks": [disk], "ansible_volumes": [volume]}}


@model("win_product_facts")
def win_product_facts(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    return {
        "ansible_facts": {
            "ansible_os_license_edition": windows.state["product"],
            "ansible_os_license_channel": "Retail",
            "ansible_os_license_status": "Licensed",
            "ansible_os_product_id": "00000-00000-00000-00000",
            "ansible_os_product_key": None,
        }
    }
