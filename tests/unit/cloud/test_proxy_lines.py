# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxy is told: by the playbooks, by the READMEs to a user of the roles alone, and by the compose project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.mediverse.pacs.plugins.plugin_utils._memory import largest_instance

ROOT = Path(__file__).parents[3]


def orthanc_hosts(value: Any) -> Iterator[dict[str, Any]]:
    """Every proxy host in front of Orthanc, wherever it stands in decoded YAML."""
    if isinstance(value, dict):
        if value.get("forward_port") == 8042:
            yield value
            return
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from orthanc_hosts(item)


@pytest.mark.parametrize("role", ["cloud_pacs", "nginx_proxy_manager"])
def test_readme_has_the_lines_of_the_playbooks(role: str) -> None:
    playbooks = yaml.safe_load((ROOT / "playbooks" / "vars" / "roles.yml").read_text(encoding="utf-8"))
    (ours,) = orthanc_hosts(playbooks)
    readme = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", readme, re.M | re.S)
    (told,) = [host for block in blocks for host in orthanc_hosts(yaml.safe_load(block))]
    default = yaml.safe_load((ROOT / "roles/cloud_pacs/defaults/main.yml").read_text(encoding="utf-8"))
    largest = str(largest_instance(default["cloud_pacs_orthanc_memory"]))
    lines = ours["advanced_config"].replace("{{ mediverse_largest_instance_mb }}", largest)
    assert (told["http2"], told["advanced_config"]) == (ours["http2"], lines)


def test_no_host_of_a_site_refuses_words() -> None:
    """The proxy manager would answer 403 to whoever searches for a patient by one of them."""
    playbooks = yaml.safe_load((ROOT / "playbooks" / "vars" / "roles.yml").read_text(encoding="utf-8"))
    hosts = playbooks["nginx_proxy_manager_proxy_hosts"]
    assert len(hosts) == 2
    # The role's own default is on.
    assert [host["block_exploits"] for host in hosts] == [False, False]


def composed(**more: Any) -> dict[str, Any]:
    """The proxy's compose project as the role writes it and as compose would read it."""
    loader, role = DataLoader(), ROOT / "roles" / "nginx_proxy_manager"
    variables = {
        **loader.load_from_file(str(role / "defaults" / "main.yml"), trusted_as_template=True),
        **loader.load_from_file(str(role / "vars" / "main.yml"), trusted_as_template=True),
        **more,
    }
    text = (role / "templates" / "compose.yml.j2").read_text(encoding="utf-8")
    # What the template reads besides is no matter here.
    text = re.sub(r"\{\{ lookup\(.*?\}\}", "x", text)
    return dict(yaml.safe_load(Templar(loader=loader, variables=variables).template(trust_as_template(text))))


def published(**more: Any) -> list[str]:
    """The ports of the proxy's container."""
    return list(composed(**more)["services"]["proxy"]["ports"])


@pytest.mark.parametrize("name", ["a: b", "a #b", "x", "12345", "null", "-", "[a]"])
def test_names_of_networks_reach_compose_as_they_are(name: str) -> None:
    """They are judged before; a template that is rendered without that must not change them."""
    made = composed(nginx_proxy_manager_network=name, nginx_proxy_manager_networks=[f"{name}2"])
    assert made["services"]["proxy"]["networks"] == sorted(made["networks"]) == sorted([name, f"{name}2"])


@pytest.mark.parametrize(("given", "written"), [("8042 ", 8042), ("8042", 8042), (8042, 8042)])
def test_a_port_is_written_as_the_number_that_was_checked(given: Any, written: int) -> None:
    ports = published(
        nginx_proxy_manager_http_port=given, nginx_proxy_manager_https_port=given, nginx_proxy_manager_admin_port=given
    )
    assert ports == [f"0.0.0.0:{written}:80", f"0.0.0.0:{written}:443", f"127.0.0.1:{written}:81"]


@pytest.mark.parametrize(
    ("more", "folder"),
    [({}, None), ({"orthanc_windows_gateway_worklist_dir": "D:\\Worklists"}, "D:\\Worklists")],
)
def test_worklists_arrive_where_orthanc_reads_them(more: dict[str, str], folder: str | None) -> None:
    loader = DataLoader()
    playbooks = loader.load_from_file(str(ROOT / "playbooks/vars/roles.yml"), trusted_as_template=True)
    gateway = loader.load_from_file(str(ROOT / "roles/orthanc_windows_gateway/defaults/main.yml"))
    templar = Templar(loader=loader, variables={**playbooks, **more})
    arrives = templar.template(playbooks["syncthing_pair_gateway_directory"])
    assert arrives == (folder or gateway["orthanc_windows_gateway_worklist_dir"])


def test_visitors_come_over_ipv4_only_unless_asked_otherwise() -> None:
    """Over IPv6 a guesser would have as many addresses as he likes, or all visitors one."""
    assert published() == ["0.0.0.0:80:80", "0.0.0.0:443:443", "127.0.0.1:81:81"]
    both = published(nginx_proxy_manager_addresses=["192.0.2.1", "2001:db8::1"], nginx_proxy_manager_https_port=8443)
    assert both == [
        *("192.0.2.1:80:80", "192.0.2.1:8443:443", "[2001:db8::1]:80:80", "[2001:db8::1]:8443:443"),
        "127.0.0.1:81:81",
    ]
