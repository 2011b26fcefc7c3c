# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running again changes nothing, from the installed archive and in check mode, and no run shows a secret."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

import pytest

from tests.scenarios import site_lab as site
from tests.spellings import spellings


@pytest.fixture(scope="module")
def checked_run() -> site.Run:
    """A check of the finished site."""
    run = site.ansible("site.yml", "-i", str(site.INVENTORY), "-l", "demo", "--check", "--diff")
    (site.STATE / "checked.log").write_text(run.output, encoding="utf-8")
    return run


def test_the_installed_archive_runs_from_elsewhere_and_changes_nothing(installed_run: tuple[site.Run, str]) -> None:
    run, __ = installed_run
    assert run.code == 0, run.output[-3000:]
    assert run.changed() == 0, run.recap()
    assert all(counts["failed"] == counts["unreachable"] == 0 for counts in run.recap().values())


def test_it_proved_the_site(installed_run: tuple[site.Run, str]) -> None:
    assert installed_run[0].code == 0
    proof = json.loads((site.STATE / "proof.json").read_text(encoding="utf-8"))
    assert (proof["site"], proof["failed"], proof["skipped"]) == ("demo", 0, 0)
    assert proof["passed"] == proof["total"] >= 11
    assert (site.STATE / "proof.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_a_check_of_the_finished_site_changes_nothing(checked_run: site.Run) -> None:
    assert checked_run.code == 0, checked_run.output[-3000:]
    assert checked_run.changed() == 0, checked_run.recap()


def test_the_sheet_of_the_scanner_is_what_the_gateway_says(tmp_path: Path) -> None:
    command = [
        "playbooks/scanner_sheet.yml",
        "-i",
        str(site.INVENTORY),
        "-l",
        "demo",
        "-e",
        f"mediverse_sheets={tmp_path}",
    ]
    run = site.ansible(*command)
    assert run.code == 0, run.output[-3000:]
    page = (tmp_path / "demo" / "demo-ct1.html").read_text(encoding="utf-8")
    for value in ("MEDIVERSE", "172.30.82.50", "4242", "CT_SCANNER", "<svg"):
        assert value in page
    assert "Stop: ask the operator" not in page
    assert site.leaks(page + run.output, site.all_secrets()) == []


def test_no_secret_in_any_output(installed_run: tuple[site.Run, str], checked_run: site.Run) -> None:
    outputs = {"installed": installed_run[0].output, "checked": checked_run.output}
    outputs["first"] = site.LOG.read_text(encoding="utf-8", errors="replace")
    assert all("PLAY RECAP" in output for output in outputs.values())
    # What each task would have said if it had failed; a task of every role is there, with its arguments.
    for name in ("first-as-failures.log", "installed-as-failures.log"):
        outputs[name] = (site.STATE / name).read_text(encoding="utf-8", errors="replace")
        assert outputs[name].count("module_args") > 40
        roles = set(re.findall(r"^== (?:\S+ \| )?mediverse\.pacs\.(\w+) : ", outputs[name], re.MULTILINE))
        assert roles >= {"cloud_pacs", "nginx_proxy_manager", "orthanc_windows_gateway", "site_proof", "syncthing_pair"}
    found = {name: site.leaks(output, site.all_secrets()) for name, output in outputs.items()}
    assert found == {name: [] for name in outputs}


def test_no_secret_in_a_process_list(installed_run: tuple[site.Run, str]) -> None:
    assert "ansible-playbook mediverse.pacs.site" in installed_run[1], "nobody looked while it ran"
    assert site.leaks(installed_run[1], site.all_secrets()) == []


@pytest.mark.parametrize("container", [site.CLOUD, site.HUB])
def test_no_secret_in_a_file_that_others_can_read(container: str) -> None:
    planted, canary = uuid.uuid4().hex, "/srv/canary"
    patterns = "\n".join([*site.all_secrets().values(), planted]).encode() + b"\n"
    search = f"echo {planted} > {canary} && cat > /run/patterns && chmod 644 {canary} /run/patterns && cd / && "
    search += "setpriv --reuid 65534 --regid 65534 --clear-groups "
    search += "grep -rlsF -f /run/patterns --exclude=patterns --exclude-dir=proc --exclude-dir=sys "
    search += f"/etc /opt /var /root /home /tmp /run /files /srv; rm -f {canary} /run/patterns"
    # The one in the last place shows that the search came to its end.
    assert site.inside(container, "sh", "-c", search, data=patterns).split() == [canary]


# Asks the endpoint's own model of access rights, on a copy of its state: it keeps rights apart from the files.
_READERS = """
import json, shutil, sys, tempfile
from pathlib import Path
from winrm import security
from winrm.windows import Windows
secrets, drive, found = json.load(sys.stdin), Path("/srv/windows/C"), []
with tempfile.TemporaryDirectory() as copy:
    shutil.copy("/srv/windows/state.json", copy)
    windows = Windows(Path(copy))
    for path in drive.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        kept = [purpose for purpose, forms in secrets.items() if any(form.encode() in content for form in forms)]
        if kept:
            name = "C:\\\\" + str(path.relative_to(drive)).replace("/", "\\\\")
            found.append([name, kept, sorted(security.readers(windows, name))])
print(json.dumps(found))
"""


def test_no_secret_in_a_file_of_the_gateway_that_others_can_read() -> None:
    """Simulated: the files are those below the drive of the endpoint, the rights what the tasks asked it to set."""
    settings = site.inside(site.GATEWAY, "cat", "/srv/windows/C/ProgramData/Syncthing/config.xml")
    wanted = site.all_secrets() | {"syncthing_api": settings.partition("<apikey>")[2].partition("</apikey>")[0]}
    # A settings file spells a password as JSON does.
    forms = {purpose: sorted(spellings(value, site.USERS)) for purpose, value in wanted.items()}
    found = json.loads(site.inside(site.GATEWAY, "python3", "-c", _READERS, data=json.dumps(forms).encode()))
    assert {"gateway_orthanc_admin", "orthanc_gateway", "syncthing_api"} <= {
        kept for entry in found for kept in entry[1]
    }
    trusted = {r"NT AUTHORITY\SYSTEM", r"BUILTIN\Administrators", r"DEMO-GATEWAY\SyncthingServiceAcct"}
    assert [entry for entry in found if not set(entry[2]) <= trusted] == []


def test_the_stores_are_for_root_only() -> None:
    listing = site.inside(site.CLOUD, "find", "/etc/mediverse", "-printf", "%p %m %U\\n").split("\n")
    modes = {line.split()[0]: line.split()[1:] for line in listing if line}
    assert modes["/etc/mediverse/secrets"] == ["700", "0"]
    assert modes["/etc/mediverse/secrets/demo.json"] == ["600", "0"]
