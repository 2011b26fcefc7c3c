# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts Orthanc the way the official image does.

The configuration is merged from /etc/orthanc/*.json, then /run/secrets/*.json, then the environment; later wins.
``${NAME}`` in /etc/orthanc/*.json is replaced from the environment before the file is read. A plugin is loaded when
its section exists or when its variable is "true". The result is /tmp/orthanc.json, and Orthanc takes the place of
this process, so that it gets the signals of the engine itself.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

PLUGIN_DIRECTORY = Path("/usr/share/orthanc/plugins")
# Variable of the official image, section of the configuration, file of the Debian package.
PLUGINS = (
    ("DICOM_WEB_PLUGIN_ENABLED", "DicomWeb", "libOrthancDicomWeb.so"),
    ("WORKLISTS_PLUGIN_ENABLED", "Worklists", "libModalityWorklists.so"),
    ("HOUSEKEEPER_PLUGIN_ENABLED", "Housekeeper", "libHousekeeper.so"),
    ("DELAYED_DELETION_PLUGIN_ENABLED", "DelayedDeletion", "libDelayedDeletion.so"),
    ("MULTITENANT_DICOM_PLUGIN_ENABLED", "MultitenantDicom", "libMultitenantDicom.so"),
    ("SERVE_FOLDERS_PLUGIN_ENABLED", "ServeFolders", "libServeFolders.so"),
)
DEFAULTS = {
    "StorageDirectory": "/var/lib/orthanc/db",
    "RemoteAccessAllowed": True,
    "AuthenticationEnabled": True,
    "HttpsCACertificates": "/etc/ssl/certs/ca-certificates.crt",
}
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.S)


def parse(text: str) -> dict[str, Any]:
    """Read JSON with comments of the C kind, which Orthanc's own files have."""
    read: dict[str, Any] = json.loads(_TOKEN.sub(lambda found: found[0] if found[0].startswith('"') else " ", text))
    return read


def substitute(text: str, environment: dict[str, str]) -> str:
    """Replace $NAME and ${NAME} as envsubst does: a name that is not set becomes nothing."""
    names = r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))"
    return re.sub(names, lambda found: environment.get(found[1] or found[2], ""), text)


def merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    """Merge ``other`` into ``into``: sections are joined, everything else is replaced."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def from_environment(environment: dict[str, str]) -> dict[str, Any]:
    """Settings of the form ORTHANC__SECTION__SOME_KEY=value, and a whole document in ORTHANC_JSON."""
    result: dict[str, Any] = parse(environment["ORTHANC_JSON"]) if environment.get("ORTHANC_JSON") else {}
    for name, text in sorted(environment.items()):
        if not name.startswith("ORTHANC__"):
            continue
        place = result
        *sections, key = ("".join(word.capitalize() for word in part.split("_")) for part in name[9:].split("__"))
        for section in sections:
            place = place.setdefault(section, {})
        try:
            place[key] = json.loads(text)
        except ValueError:
            place[key] = text
    return result


def configuration(environment: dict[str, str], root: Path = Path("/")) -> dict[str, Any]:
    """The merged configuration; ValueError names the file that cannot be read."""
    merged: dict[str, Any] = json.loads(json.dumps(DEFAULTS))
    for directory, replaced in (("etc/orthanc", True), ("run/secrets", False)):
        for file in sorted((root / directory).glob("*.json")):
            text = file.read_text(encoding="utf-8")
            try:
                merge(merged, parse(substitute(text, environment) if replaced else text))
            except ValueError as error:
                raise ValueError(f"{file} is not valid JSON: {error}") from error
    merge(merged, from_environment(environment))
    if "Plugins" not in merged:
        merged["Plugins"] = [
            str(PLUGIN_DIRECTORY / library)
            for variable, section, library in PLUGINS
            if environment.get(variable) == "true" or (environment.get(variable) != "false" and section in merged)
        ]
    return merged


def main() -> None:
    """Write the configuration and become Orthanc."""
    try:
        merged = configuration(dict(os.environ))
    except ValueError as error:
        sys.exit(f"entrypoint: {error}")
    target = Path("/tmp/orthanc.json")
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    target.write_text(json.dumps(merged, indent=2), encoding="utf-8")
    options = ["--verbose"] if os.environ.get("VERBOSE_ENABLED") == "true" else []
    os.execvp("Orthanc", ["Orthanc", *options, *sys.argv[1:], str(target)])


if __name__ == "__main__":
    main()
