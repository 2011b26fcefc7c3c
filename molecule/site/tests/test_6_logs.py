# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No log names a patient: after an image, a worklist query and searches by name and by ID, none holds either."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import sys
from typing import Any

import pytest

from tests.scenarios import site_lab as site

# Letters that stand in no log by chance, and that need no other spelling in a URL.
NAME, IDENTIFIER = "ZEBRAFINCHNAME", "ZEBRAFINCHID77"
# Of an image that the gateway refuses. Its Orthanc writes the ID into its own log (decision 0029); nothing else may.
REFUSED = "ZEBRAFINCHREFUSED88"
ITS_LOG = re.compile(r"/srv/windows/C/Program Files/Orthanc Server/Logs/Orthanc\.log[^/]*")
WRONG = {"username": "viewer", "password": "mistyped"}


def _probe() -> Any:
    path = site.REPOSITORY / "plugins" / "module_utils" / "_site" / "probe.py"
    spec = importlib.util.spec_from_file_location("probe", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks its own module up there.
    sys.modules["probe"] = module
    spec.loader.exec_module(module)
    return module


# A scanner sends an image that names no study.
_SEND = """
import argparse
from pynetdicom.sop_class import CTImageStorage
from scanner import phantom, scu
options = argparse.Namespace(calling="CT_SCANNER", called="MEDIVERSE", host=%r, port=4242, timeout=10.0)
(image,) = phantom.study(1, 16, %r, %r, "ACC-X", None)
del image.StudyInstanceUID
association = scu.associate(options, CTImageStorage)
print(f"{association.send_c_store(image).Status:04X}")
association.release()
"""


@pytest.fixture(scope="module")
def refused() -> str:
    """The status that the scanner got."""
    program = _SEND % (site.GATEWAY_ADDRESS, REFUSED, f"{REFUSED}NAME^X")
    return site.inside(site.SCANNER, "python3", "-c", program).strip()


@pytest.fixture(scope="module")
def asked(study: dict[str, Any]) -> list[int]:
    """Statuses of the searches, after an image of that patient has come in and its entry has been asked for."""
    command = ("send-study", "--host", site.GATEWAY_ADDRESS, "--count", "1", "--patient-id", IDENTIFIER)
    sent = json.loads(site.inside(site.SCANNER, *command))
    assert sent["ok"], sent
    site.inside(site.SCANNER, "find-worklist", "--host", site.GATEWAY_ADDRESS, "--patient-id", IDENTIFIER)
    site.wait("the image's arrival", lambda: site.CLOUD_ORTHANC.study(sent["study_instance_uid"]), 60)
    probe = _probe()
    base = f"https://{site.VIEWER}"
    searches = [
        f"/dicom-web/studies?PatientName=*{NAME}*&limit=5",
        f"/dicom-web/studies?00100010={NAME}%5E*",
        f"/dicom-web/studies?PatientID={IDENTIFIER}",
        f"/dicom-web/series?00100020={IDENTIFIER}",
        # As a link into the viewer, as a bookmark, and where nothing answers.
        f"/?patientName={NAME}",
        f"/viewer?StudyInstanceUIDs=1.2.3&mrn={IDENTIFIER}",
        f"/wado?requestType=WADO&PatientID={IDENTIFIER}",
    ]
    statuses = []
    for path in searches:
        # nginx writes the request of whoever mistypes a password to its error log, whatever its access log does.
        for login in ({"username": "viewer", "password": site.secrets()["viewer_login"]}, {}, WRONG):
            answer = probe.ask(
                probe.Probe("x", base + path, content=True, **login), str(site.AUTHORITY), site.CLOUD_ADDRESS
            )
            statuses.append(answer["status"])
    return statuses


def _logs() -> dict[str, str]:
    logs: dict[str, str] = {}
    containers = site.inside(site.CLOUD, "docker", "ps", "-a", "--format", "{{.Names}}").split()
    for name in containers:
        logs[f"cloud: {name}"] = site.inside(site.CLOUD, "sh", "-c", f"docker logs {name} 2>&1")
    for host, places in {
        site.CLOUD: "/opt/mediverse/nginx-proxy-manager/data/logs /var/log",
        site.HUB: "/var/log /var/lib/syncthing",
        site.GATEWAY: "/srv/windows/C /var/log",
    }.items():
        # Archives and the index are no logs; what is searched is named by its end, or lies where logs lie.
        search = (
            f"find {places} -type f \\( -name '*.log*' -o -path '*/log/*' -o -path '*/logs/*' -o -path '*/Logs/*' \\) "
        )
        search += '-size -50M -exec sh -c \'for f; do echo "== $f"; cat "$f"; done\' _ {} +'
        logs[f"files of {host}"] = site.inside(host, "sh", "-c", search)
        logs[f"output of {host}"] = site.engine_logs(host)
    for path in sorted(site.STATE.glob("*.log")):
        logs[path.name] = path.read_text(encoding="utf-8", errors="replace")
    return logs


def _without_its_log(text: str) -> tuple[str, str]:
    """The files of the gateway without those of its Orthanc, and those."""
    parts = re.split(r"^== (?=/)", text, flags=re.MULTILINE)
    theirs = [part for part in parts if ITS_LOG.match(part)]
    return "".join(part for part in parts if part not in theirs), "".join(theirs)


def test_no_log_names_a_patient(asked: list[int], refused: str) -> None:
    # With the login all of them are answered, without it none.
    assert asked[0] == 200
    assert asked[1:3] == [401, 401]
    ledger = site.ansible("playbooks/reconcile.yml", "-i", str(site.INVENTORY), "-l", "demo", "-vvv", "--diff")
    logs = {**_logs(), "the ledger's output": ledger.output}
    # They are the right ones: the requests are there.
    assert "/dicom-web/studies" in logs["cloud: pacs-demo-ohif-1"]
    assert "/dicom-web/studies" in logs[f"files of {site.CLOUD}"]
    forms = {
        form for text in (NAME, IDENTIFIER) for form in (text, base64.b64encode(text.encode()).decode().rstrip("="))
    }
    files = f"files of {site.GATEWAY}"
    others, its_own = _without_its_log(logs[files])
    assert refused == "A700"
    assert REFUSED in its_own, "decision 0029 says that it is there"
    assert f"{REFUSED}NAME" not in its_own
    for name, text in {**logs, files: others}.items():
        assert REFUSED not in text, name
    found = {name: sorted(form for form in forms if form.lower() in text.lower()) for name, text in logs.items()}
    assert {name: forms for name, forms in found.items() if forms} == {}
