# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit code 0 when Orthanc answers a question that needs its database, 1 otherwise."""

from __future__ import annotations

import argparse
import base64
import json
import sys
import urllib.request
from pathlib import Path


def main() -> int:
    """Ask for the last change, as the given user or as the first registered one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user")
    parser.add_argument("--pwd")
    options = parser.parse_args()
    settings = json.loads(Path("/tmp/orthanc.json").read_text(encoding="utf-8"))
    request = urllib.request.Request(f"http://127.0.0.1:{settings.get('HttpPort', 8042)}/changes?last")
    login = (
        (options.user, options.pwd or "")
        if options.user
        else next(iter(settings.get("RegisteredUsers", {}).items()), None)
    )
    if login:
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(login).encode()).decode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:
        sys.exit(f"not alive: {error}")
