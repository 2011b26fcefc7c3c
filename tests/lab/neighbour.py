# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A neighbour of the cloud host: a machine on the same wire that sets a route through it to the containers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from tests.lab.engine import image_tag

_PROGRAM = r"""
import http.client, json, subprocess, sys
question = json.load(sys.stdin)
for subnet in question["subnets"]:
    subprocess.run(["ip", "route", "add", subnet, "via", question["gateway"]], check=True)
answers = []
for host, port, path, headers in question["asked"]:
    connection = http.client.HTTPConnection(host, port, timeout=3)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answers.append([answer.status, answer.read(20000).decode(errors="replace")])
    except OSError as error:
        answers.append([0, type(error).__name__])
print(json.dumps(answers))
"""


def ask(
    network: str, gateway: str, subnets: Sequence[str], asked: Sequence[tuple[str, int, str, dict[str, str]]]
) -> list[tuple[int, str]]:
    """What the neighbour gets: status and body; 0 and the name of the error where nothing answers."""
    question = json.dumps({"gateway": gateway, "subnets": list(subnets), "asked": list(asked)})
    # The image has Python and ip, and nothing else is needed of it.
    command = ["docker", "run", "--rm", "-i", "--network", network, "--cap-add", "NET_ADMIN", "--entrypoint", "python3"]
    done = subprocess.run(
        [*command, image_tag("orthanc"), "-c", _PROGRAM],
        input=question,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return [(int(status), str(body)) for status, body in json.loads(done.stdout)]
