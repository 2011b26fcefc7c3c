# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished cloud PACS: who may do what, what is reachable, what lies on the disk, and what a second run does."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import time

import pytest
import requests
from testinfra.host import Host

from tests.lab import neighbour
from tests.scenarios.cloud_lab import ADDRESS, PROJECT, REST, SECRET, ask, instance, play

testinfra_hosts = ["docker://mediverse-cloud-pacs-demo-cloud"]

ROW = "[('Resources', 'ResourceTypeIndex', '1000000 250000')]"


@pytest.mark.parametrize("service", ["orthanc", "ohif"])
def test_containers_are_healthy_and_bounded(host: Host, service: str) -> None:
    facts = json.loads(host.check_output(f"docker inspect pacs-demo-{service}-1"))[0]
    assert facts["State"]["Health"]["Status"] == "healthy"
    assert facts["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert facts["HostConfig"]["Memory"] > 0
    assert facts["HostConfig"]["LogConfig"]["Config"] == {"max-file": "5", "max-size": "10m"}
    assert "no-new-privileges:true" in facts["HostConfig"]["SecurityOpt"]
    assert facts["HostConfig"]["CapDrop"] == ["ALL"]
    assert facts["HostConfig"]["PidsLimit"] > 0


def test_only_the_loopback_address_is_published(host: Host) -> None:
    published = host.check_output("docker ps --format '{{.Ports}}' --filter label=com.docker.compose.project=pacs-demo")
    assert re.findall(r"(\S+)->", published) == ["127.0.0.1:8042"]
    for port in (80, 4242, 8042):
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{ADDRESS}:{port}/", timeout=3)


@pytest.mark.parametrize("user", ["admin", "gateway", "viewer", "nobody"])
def test_a_wrong_or_missing_password_is_refused(host: Host, user: str) -> None:
    assert ask(host, f"{REST}/system").status == 401
    assert ask(host, f"{REST}/system", f"{user}:wrong").status == 401


@pytest.mark.parametrize(
    ("user", "method", "path", "status"),
    [
        ("admin", "GET", "/changes?limit=1", 200),
        ("gateway", "GET", "/system", 200),
        ("gateway", "GET", "/statistics", 403),
        ("gateway", "GET", "/instances/ID", 403),
        ("gateway", "GET", "/instances/ID/attachments/dicom/md5", 403),
        ("gateway", "POST", "/tools/find", 403),
        ("gateway", "POST", "/tools/lookup", 403),
        ("gateway", "POST", "/dicom-web/studies", 403),
        ("gateway", "GET", "/instances/ID/file", 403),
        ("gateway", "GET", "/patients", 403),
        ("gateway", "DELETE", "/instances/ID", 403),
        ("gateway", "POST", "/tools/reset", 403),
        ("viewer", "GET", "/dicom-web/studies", 200),
        ("viewer", "GET", "/dicom-web/servers", 403),
        ("viewer", "GET", "/system", 403),
        ("viewer", "GET", "/instances/ID/file", 403),
        ("viewer", "DELETE", "/instances/ID", 403),
        ("viewer", "POST", "/instances", 403),
        ("viewer", "POST", "/dicom-web/studies", 403),
        ("viewer", "GET", "/dicom-web/../system", 403),
        ("viewer", "GET", "/dicom-web/%2e%2e/system", 403),
        ("viewer", "GET", "//system", 403),
    ],
)
def test_rights(
    host: Host, logins: dict[str, str], stored: str, user: str, method: str, path: str, status: int
) -> None:
    data = b"{}" if method == "POST" else b""
    assert ask(host, REST + path.replace("ID", stored), logins[user], method, data).status == status


def test_a_method_override_does_not_help(host: Host, logins: dict[str, str], stored: str) -> None:
    override = "-X POST -d '' -H 'X-HTTP-Method-Override: DELETE'"
    command = f"curl -s -o /dev/null -w '%{{http_code}}' {override} {REST}/instances/{stored}"
    assert host.check_output(f"{command} -u {shlex.quote(logins['viewer'])}") == "403"
    assert ask(host, f"{REST}/instances/{stored}", logins["admin"]).status == 200


def test_the_gateway_may_send_twice(host: Host, logins: dict[str, str]) -> None:
    image = instance()
    answers = [ask(host, f"{REST}/instances", logins["gateway"], "POST", image) for __ in range(2)]
    assert [json.loads(answer.body)["Status"] for answer in answers] == ["Success", "AlreadyStored"]


def test_only_the_gateway_comes_through_a_proxy(host: Host, logins: dict[str, str]) -> None:
    passed_on = ("X-Forwarded-For: 203.0.113.9",)
    for user, path, status in (
        ("admin", "/system", 403),
        ("viewer", "/dicom-web/studies", 403),
        ("gateway", "/system", 200),
    ):
        assert ask(host, REST + path, logins[user], headers=passed_on).status == status
        assert ask(host, REST + path, logins[user]).status == 200


def test_a_neighbour_gets_nothing(host: Host) -> None:
    """A machine on the same wire sets a route through this host to the containers' addresses."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    addresses = {
        name: host.check_output(f"docker inspect -f '{template}' pacs-demo-{name}-1") for name in ("orthanc", "ohif")
    }
    subnet = host.check_output(
        "docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' mediverse-site-demo"
    )
    header, value = SECRET.split(": ")
    asked: list[tuple[str, int, str, dict[str, str]]] = [
        (addresses["ohif"], 80, "/dicom-web/studies", {}),
        (addresses["ohif"], 80, "/dicom-web/studies", {header: value}),
        (addresses["orthanc"], 8042, "/system", {}),
    ]
    guard = "/usr/local/sbin/mediverse-container-guard"

    def forwarded() -> list[int]:
        return [status for status, __ in neighbour.ask("mediverse-cloud-pacs", ADDRESS, [subnet], asked)]

    assert host.check_output(f"{guard} verify") == "mediverse-site-demo"
    assert forwarded() == [0, 0, 0]
    # Without the rules, and where the host forwards, the containers are reached; then the secret is what is left.
    host.check_output("iptables -t raw -D PREROUTING -j MEDIVERSE-GUARD")
    host.check_output("iptables -I FORWARD -j ACCEPT")
    try:
        assert host.run(f"{guard} verify").rc == 1
        assert forwarded() == [403, 200, 401]
    finally:
        host.check_output("iptables -D FORWARD -j ACCEPT")
        host.check_output(f"{guard} apply")
    assert forwarded() == [0, 0, 0]
    # What was taken away by hand comes back with the next run.
    host.check_output("iptables -t raw -F MEDIVERSE-GUARD")
    assert play().returncode == 0
    assert host.run(f"{guard} verify").rc == 0


def test_addresses_stay_closed_when_the_engine_or_the_host_starts_again(host: Host) -> None:
    guard = "/usr/local/sbin/mediverse-container-guard"
    host.check_output("service docker restart")
    assert host.run(f"{guard} verify").rc == 0
    subprocess.run(["docker", "restart", "mediverse-cloud-pacs-demo-cloud"], check=True, capture_output=True)
    until = time.monotonic() + 120
    while host.run("docker inspect -f '{{.State.Health.Status}}' pacs-demo-orthanc-1").stdout.strip() != "healthy":
        assert time.monotonic() < until, "the containers did not come back"
        time.sleep(1)
    assert host.run(f"{guard} verify").rc == 0


@pytest.mark.parametrize("path", ["/", "/index.html", "/app-config.js", "/dicom-web/studies", "/wado?requestType=WADO"])
@pytest.mark.parametrize(
    "header",
    ["X-Mediverse-Proxy;", "X-Mediverse-Proxy: wrong", SECRET.swapcase(), SECRET + "x", "X-Forwarded-For: 127.0.0.1"],
)
def test_the_viewer_answers_the_proxy_alone(host: Host, viewer_url: str, path: str, header: str) -> None:
    command = (
        f"curl -sS -o /dev/null -w '%{{http_code}} %{{size_download}}' -H {shlex.quote(header)} {viewer_url}{path}"
    )
    status, size = host.check_output(command).split()
    assert (status, int(size) < 200) == ("403", True)


def test_the_secret_goes_no_further(host: Host, viewer_url: str, stored: str) -> None:
    """Orthanc tells every request with its headers when it is asked to; here, its log and the viewer's are searched."""
    ask(host, f"{viewer_url}/dicom-web/studies?PatientName=Phantom*", headers=("X-Mediverse-User: doctor",))
    logs = host.check_output("docker logs pacs-demo-orthanc-1 2>&1; docker logs pacs-demo-ohif-1 2>&1")
    assert SECRET.split(": ")[1] not in logs
    assert "Phantom" not in logs
    assert "MOLECULE" not in logs
    assert re.search(r' 200 GET "/dicom-web/studies" \[doctor\] ', logs)


def test_a_replaced_image_is_recorded(host: Host, logins: dict[str, str], stored: str) -> None:
    image = instance()
    place = json.loads(ask(host, f"{REST}/instances", logins["gateway"], "POST", image).body)["ID"]
    find = json.dumps({"Level": "Instance", "Query": {}, "MetadataQuery": {"Replaced": "20*"}}).encode()

    def recorded() -> list[str]:
        return list(json.loads(ask(host, f"{REST}/tools/find", logins["admin"], "POST", find).body))

    assert place not in recorded()
    assert (
        json.loads(ask(host, f"{REST}/instances", logins["gateway"], "POST", image).body)["Status"] == "AlreadyStored"
    )
    other = image[:-1] + b"\x01"
    assert json.loads(ask(host, f"{REST}/instances", logins["gateway"], "POST", other).body)["Status"] == "Success"
    until = time.monotonic() + 10
    while place not in recorded():
        assert time.monotonic() < until, "the replacement left no trace"
        time.sleep(0.2)
    record = ask(host, f"{REST}/instances/{place}/metadata/Replaced", logins["admin"]).body
    assert re.fullmatch(r"20\d{6}T\d{6} gateway", record.strip())
    log = host.check_output("docker logs pacs-demo-orthanc-1 2>&1")
    assert f"Image {place} was replaced by another one of the same SOP Instance UID: {record.strip()}" in log
    # A deletion is none.
    assert ask(host, f"{REST}/instances/{place}", logins["admin"], "DELETE").status == 200
    time.sleep(1)
    assert host.check_output("docker logs pacs-demo-orthanc-1 2>&1").count(f"Image {place} was replaced") == 1


def test_a_packed_body_is_not_unpacked(host: Host, logins: dict[str, str]) -> None:
    """200 MB of zeros in 200 kB kept a thread busy for eleven seconds."""
    make = "import gzip, io, zipfile; zeros = bytes(200 << 20); "
    make += "open('/tmp/bomb.gz', 'wb').write(gzip.compress(zeros, 9)); "
    make += "z = zipfile.ZipFile('/tmp/bomb.zip', 'w', zipfile.ZIP_DEFLATED); z.writestr('x.dcm', zeros); z.close()"
    host.check_output(f"python3 -c {shlex.quote(make)}")
    for file, header in (("gz", "Content-Encoding: gzip"), ("zip", "X-Nothing: 1")):
        curl = f"curl -sS -o /dev/null -w '%{{http_code}} %{{time_total}}' -u {shlex.quote(logins['gateway'])}"
        status, seconds = host.check_output(
            f"{curl} -H {shlex.quote(header)} --data-binary @/tmp/bomb.{file} {REST}/instances"
        ).split()
        assert status != "200" or file == "zip"
        assert float(seconds) < 3, f"{file}: {status} after {seconds} s"


def test_head_is_answered(host: Host, viewer_url: str, stored: str) -> None:
    answer = ask(host, f"{viewer_url}/dicom-web/studies", method="HEAD")
    assert (answer.status, answer.body) == (200, "")


def test_an_address_that_a_client_claims_is_not_used(host: Host, viewer_url: str, stored: str) -> None:
    evil = ("X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-Scheme: https")
    answer = ask(host, f"{viewer_url}/dicom-web/instances?includefield=all&limit=1", headers=evil)
    assert answer.status == 200
    assert "evil.example" not in answer.body
    moved = ask(host, f"{viewer_url}/dicom-web")
    assert "http://" not in moved.headers


def test_dicom_is_off_and_scripts_are_refused(host: Host, logins: dict[str, str]) -> None:
    connect = 'import socket; socket.create_connection(("127.0.0.1", 4242), 2)'
    assert host.run(f"docker exec pacs-demo-orthanc-1 python3 -c {shlex.quote(connect)}").failed
    assert ask(host, f"{REST}/tools/execute-script", logins["admin"], "POST", b"print(1)").status == 403


def test_the_viewer_has_our_title_and_headers(host: Host, viewer_url: str) -> None:
    for path in ("/", "/index.html", "/viewer?StudyInstanceUIDs=1.2.3"):
        page = ask(host, viewer_url + path)
        assert page.status == 200
        assert re.findall("<title>(.*?)</title>", page.body) == ["Mediverse Viewer"]
        assert "cache-control: no-cache" in page.headers
        assert "x-content-type-options: nosniff" in page.headers
        assert "referrer-policy: no-referrer" in page.headers
        assert "frame-ancestors 'self'" in page.headers
        assert "permissions-policy: " in page.headers
        assert "cross-origin-opener-policy: same-origin" in page.headers


def test_the_served_configuration_is_ours(host: Host, viewer_url: str) -> None:
    ours = host.file(f"{PROJECT}/ohif/app-config.js").content_string
    served = host.check_output(f"curl -sS --compressed -H {shlex.quote(SECRET)} {viewer_url}/app-config.js")
    assert served.strip() == ours.strip()
    assert "cache-control: no-cache" in ask(host, f"{viewer_url}/app-config.js").headers


def test_the_viewer_reads_by_dicomweb_without_a_password(host: Host, viewer_url: str, stored: str) -> None:
    answer = ask(host, f"{viewer_url}/dicom-web/studies?PatientID=MOLECULE")
    assert answer.status == 200
    assert answer.headers.count("cache-control:") == 1
    assert "cache-control: no-store" in answer.headers
    assert json.loads(answer.body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/dicom-web/studies", "/dicom-web/studies/1.2.3", "/wado", "/"])
def test_nothing_can_be_written_through_the_viewer(host: Host, viewer_url: str, method: str, path: str) -> None:
    assert ask(host, viewer_url + path, method=method, data=b"x").status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/system",
        "/instances",
        "/dicom-web/../system",
        "/dicom-web/%2e%2e/system",
        "/dicom-web/..%2fsystem",
        "/dicom-web/%252e%252e/system",
        "/dicom-web//../../system",
        "/dicom-web/servers",
        "/dicom-web/studies/..%2f..%2fsystem",
        "/wado/../system",
    ],
)
def test_no_other_path_of_orthanc_is_reachable_through_the_viewer(host: Host, viewer_url: str, path: str) -> None:
    assert '"ApiVersion"' not in ask(host, viewer_url + path).body
    assert ask(host, viewer_url + path).headers.count("application/json") == 0


@pytest.mark.parametrize(
    ("path", "mode", "uid"),
    [
        ("", 0o700, 0),
        ("/storage", 0o700, 0),
        ("/orthanc", 0o700, 0),
        ("/compose.yml", 0o600, 0),
        ("/orthanc/orthanc.json", 0o600, 0),
        ("/ohif/default.conf.template", 0o400, 101),
    ],
)
def test_files_are_kept_from_others(host: Host, path: str, mode: int, uid: int) -> None:
    file = host.file(PROJECT + path)
    assert (file.mode, file.uid) == (mode, uid)


def test_no_secret_in_the_compose_file_or_the_containers_environment(host: Host, logins: dict[str, str]) -> None:
    text = host.file(f"{PROJECT}/compose.yml").content_string
    text += host.check_output("docker inspect pacs-demo-orthanc-1 pacs-demo-ohif-1")
    for login in logins.values():
        assert login.partition(":")[2] not in text
        assert base64.b64encode(login.encode()).decode() not in text


def test_check_mode_on_a_finished_host_changes_nothing_and_tells_nothing(host: Host, logins: dict[str, str]) -> None:
    assert host.file(PROJECT).exists, "the fixture keeps this test in its place, before the one that changes the title"
    done = play("--check", "--diff", "-vvv")
    assert done.returncode == 0, done.stdout[-2000:]
    assert re.search(r"changed=0\b", done.stdout)
    for login in logins.values():
        secret = login.partition(":")[2]
        assert secret not in done.stdout + done.stderr
        assert json.dumps(secret)[1:-1] not in done.stdout + done.stderr


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What a run says that must end before it changes anything."""
    assert done.returncode != 0
    assert re.search(r"changed=0\b", done.stdout)
    return " ".join(done.stdout.split())


def test_wrong_settings_are_said_all_at_once_and_change_nothing() -> None:
    settings = {
        "cloud_pacs_viewer_password": "word${HOME}word",
        "cloud_pacs_site_id": "Demo",
        "cloud_pacs_ohif_image": "ohif/app",
        "cloud_pacs_gateway_user": "admin",
        "cloud_pacs_largest_instance_mb": 214,
        "cloud_pacs_list_days": [30, 0],
    }
    said = refused(play("-e", json.dumps(settings)))
    for sentence in (
        "cloud_pacs_viewer_password contains '${', which Orthanc replaces",
        "cloud_pacs_site_id is 'Demo', which is no site id; expected 1 to 32 lower-case letters",
        "cloud_pacs_ohif_image is 'ohif/app', which is no image with a tag or a digest",
        "must be three different names.",
        "cloud_pacs_largest_instance_mb is 214; expected 1 to 213, which is what",
        "cloud_pacs_list_days is [30, 0]; expected numbers of days",
    ):
        assert sentence in said
    assert "word${HOME}word" not in said


def test_a_taken_port_is_named_with_its_owner() -> None:
    said = refused(play("-e", json.dumps({"cloud_pacs_rest_port": 22})))
    assert "Port 22 of demo-cloud is already taken by sshd (process " in said


def test_a_changed_title_replaces_the_viewer_only(host: Host) -> None:
    def containers() -> list[str]:
        return [
            host.check_output(f"docker inspect -f '{{{{.Id}}}}' pacs-demo-{name}-1") for name in ("orthanc", "ohif")
        ]

    before = containers()
    done = play("-e", json.dumps({"cloud_pacs_title": 'St. Mary\'s <X-ray> & "CT" $1'}))
    assert done.returncode == 0, done.stdout[-2000:]
    after = containers()
    assert before[0] == after[0]
    assert before[1] != after[1]
    address = host.check_output(
        "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' pacs-demo-ohif-1"
    )
    title = re.findall("<title>(.*?)</title>", ask(host, f"http://{address}/").body)
    assert title == ["St. Mary&#39;s &lt;X-ray&gt; &amp; &#34;CT&#34; &#36;1"]


def test_an_index_from_before_gets_its_statistics_and_keeps_its_images(
    host: Host, logins: dict[str, str], stored: str
) -> None:
    def statistics(sql: str, more: str = "") -> str:
        index = f"file:{PROJECT}/storage/index{more}"
        code = f"import sqlite3; c = sqlite3.connect({index!r}, uri=True); print(c.execute({sql!r}).fetchall())"
        code += "; c.commit()"
        return str(host.check_output(f"python3 -c {shlex.quote(code)}")).strip()

    def present() -> bool:
        return statistics("SELECT tbl, idx, stat FROM sqlite_stat1", "?immutable=1") == ROW

    one_image = "SELECT internalId FROM Resources WHERE resourceType = 4 AND publicId = 'x'"
    assert present()
    assert "INDEX PublicIndex" in statistics(f"EXPLAIN QUERY PLAN {one_image}", "?immutable=1")
    host.check_output("docker stop pacs-demo-orthanc-1")
    statistics("DELETE FROM sqlite_stat1")
    host.check_output("docker start pacs-demo-orthanc-1")
    done = play()
    assert done.returncode == 0, done.stdout[-2000:]
    assert present()
    assert ask(host, f"{REST}/instances/{stored}", logins["admin"]).status == 200


def test_an_index_that_cannot_be_written_is_said_and_orthanc_runs_on(host: Host, logins: dict[str, str]) -> None:
    def change(sql: str) -> None:
        code = f"import sqlite3; sqlite3.connect({PROJECT + '/storage/index'!r}).executescript({sql!r})"
        host.check_output("docker stop pacs-demo-orthanc-1")
        host.check_output(f"python3 -c {shlex.quote(code)}")
        host.check_output("docker start pacs-demo-orthanc-1")

    # The name of the table that writing the row makes for a moment is taken.
    change("DELETE FROM sqlite_stat1; CREATE TABLE mediverse_seed (a);")
    try:
        done = play()
        assert done.returncode == 0, done.stdout[-2000:]
        text = " ".join(done.stdout.split())
        assert "because its index has no row of statistics." in text
        assert "mediverse_seed already exists" in text
        assert ask(host, f"{REST}/system", logins["admin"]).status == 200
    finally:
        change("DROP TABLE mediverse_seed;")
    assert play().returncode == 0
    assert re.search(r"changed=0\b", play().stdout)
