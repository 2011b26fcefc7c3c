# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the READMEs tell a user of the roles alone about the proxy before Orthanc is what the playbooks set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.filter.largest_instance import largest_instance

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
