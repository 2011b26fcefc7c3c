# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Orthanc's REST API is reached and how it words its errors."""

from __future__ import annotations

from .._engine.http import basic_auth
from .._engine.messages import Response
from .._engine.resource import Service


def _explain(answer: Response) -> str:
    """Orthanc puts the useful half of a reason in ``Details``, when there is one."""
    try:
        said = answer.json()
        return str(said.get("Details") or said.get("Message") or "")
    except (ValueError, AttributeError):
        return ""


ORTHANC = Service(
    name="Orthanc",
    api_url="http://127.0.0.1:8042",
    options={"api_username": {"type": "str"}, "api_password": {"type": "str", "no_log": True}},
    headers=lambda params: basic_auth(params["api_username"], params["api_password"]),
    login_help="Check api_username and api_password.",
    explain=_explain,
)


def check_seconds(value: int) -> None:
    """A time-out, 0 meaning Orthanc's default."""
    if value < 0:
        raise ValueError("must be 0 (the server's default) or a number of seconds")
