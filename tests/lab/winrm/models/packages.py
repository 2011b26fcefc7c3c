# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_package (ansible.windows 3.3.0 to 3.8.0) for the installers of installers.py."""

from __future__ import annotations

import re
from typing import Any

from .. import installers
from ..call import Call, Result, model
from ..filesystem import digest
from ..registry import UNINSTALL
from ..windows import Failure, Windows

_WOW = UNINSTALL.replace("SOFTWARE", r"SOFTWARE\WOW6432Node")
_UNMODELLED = ("chdir", "creates_version", "password", "username", "url_username", "verify_signature")


def _uninstall_key(windows: Windows, product: str) -> str | None:
    found = (rf"{root}\{product}" for root in (UNINSTALL, _WOW))
    return next((key for key in found if windows.registry.exists(key)), None)


def _installed(windows: Windows, params: dict[str, Any]) -> bool:
    """creates_path and creates_service override what product_id says."""
    if params.get("creates_path") or params.get("creates_service"):
        path, service = params.get("creates_path"), params.get("creates_service")
        return (not path or windows.path(path).exists()) and (not service or windows.services.find(service) is not None)
    if not params.get("product_id"):
        raise Failure(
            "The simulated Windows installs only packages known by product_id, creates_path or creates_service."
        )
    return _uninstall_key(windows, params["product_id"]) is not None


@model("win_package")
def win_package(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option in _UNMODELLED:
        if params.get(option):
            raise Failure(f"The simulated Windows does not model the option {option} of win_package.")
    path, state = params.get("path"), params.get("state") or "present"
    if path and re.match("https?:", path):
        raise Failure("The simulated Windows has no Internet: win_package needs a file on the machine.")
    if path and not windows.path(path).is_file() and not call.check:
        raise Failure(f"the file at the path '{path}' cannot be reached")
    installed = _installed(windows, params)
    changed = installed != (state == "present")
    result: Result = {"changed": changed, "reboot_required": False, "rc": 0}
    if not changed or call.check:
        return result
    arguments = params.get("arguments") or ""
    line = " ".join(arguments) if isinstance(arguments, list) else arguments
    if state == "absent":
        product = params.get("product_id") or ""
        code = installers.uninstall(windows, product, line)
    else:
        _verify(windows, params)
        code = installers.install(windows, windows.path(path or ""), line)
    result["rc"] = code
    if code not in [int(item) for item in params.get("expected_return_code") or [0, 3010]]:
        raise Failure(
            f"unexpected rc from '{path or product} {line}': see rc, stdout, and stderr for more details",
            **{**result, "changed": True},
        )
    return result


def _verify(windows: Windows, params: dict[str, Any]) -> None:
    expected, algorithm = params.get("checksum"), params.get("checksum_algorithm") or "sha1"
    if expected:
        actual = digest(windows.path(params["path"]), algorithm)
        if actual.lower() != expected.lower():
            raise Failure(f"The checksum for {params['path']} did not match '{expected}', it was '{actual.upper()}'")
