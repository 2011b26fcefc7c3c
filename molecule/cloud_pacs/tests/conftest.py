# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this scenario share: logins, the viewer's address, and one stored image."""

from __future__ import annotations

import json

import pytest
import yaml
from testinfra.host import Host

from tests.scenarios.cloud_lab import REST, SCENARIO, ask, instance


@pytest.fixture(scope="module")
def logins() -> dict[str, str]:
    text = (SCENARIO / "inventory" / "host_vars" / "demo-cloud.yml").read_text(encoding="utf-8")
    variables = yaml.safe_load(text.replace("!unsafe", ""))
    return {user: f"{user}:{variables[f'cloud_pacs_{user}_password']}" for user in ("admin", "gateway", "viewer")}


@pytest.fixture
def viewer_url(host: Host) -> str:
    address = host.check_output(
        "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' pacs-demo-ohif-1"
    )
    return f"http://{address}"


@pytest.fixture(scope="module")
def stored(host: Host, logins: dict[str, str]) -> str:
    """Identifier of an instance that the gateway has stored."""
    answer = ask(host, f"{REST}/instances", logins["gateway"], "POST", instance())
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["ID"])
