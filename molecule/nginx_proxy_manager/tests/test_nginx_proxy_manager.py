# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished proxy: TLS, logins, what is reachable from outside, files on the disk, and what a second run does."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator

import pytest
from testinfra.host import Host

from tests.scenarios.proxy_lab import ADDRESS, PACS, PROJECT, ROOT, VIEWER, get, play, secrets

testinfra_hosts = ["docker://mediverse-nginx-proxy-manager-demo-cloud"]


def test_the_container_is_healthy_and_bounded(host: Host) -> None:
    facts = json.loads(host.check_output("docker inspect nginx-proxy-manager-proxy-1"))[0]
    assert facts["State"]["Health"]["Status"] == "healthy"
    assert facts["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert facts["HostConfig"]["Memory"] > 0
    assert facts["HostConfig"]["LogConfig"]["Config"] == {"max-file": "5", "max-size": "10m"}
    assert facts["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert "NET_RAW" in " ".join(facts["HostConfig"]["CapDrop"])
    assert facts["HostConfig"]["PidsLimit"] > 0


def test_the_administration_port_is_on_the_loopback_address_only(host: Host) -> None:
    published = host.check_output("docker port nginx-proxy-manager-proxy-1 81")
    assert published.split() == ["127.0.0.1:81"]
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((ADDRESS, 81), timeout=3)


@pytest.mark.parametrize("port", [80, 443])
def test_visitors_are_answered_over_ipv4_only(host: Host, port: int) -> None:
    assert host.check_output(f"docker port nginx-proxy-manager-proxy-1 {port}").split() == [f"0.0.0.0:{port}"]
    asked = json.loads(host.check_output("docker inspect nginx-proxy-manager-proxy-1"))[0]["HostConfig"]["PortBindings"]
    # As it was asked for: the hosts of the lab have no IPv6, so that nothing would be seen at them.
    assert asked[f"{port}/tcp"] == [{"HostIp": "0.0.0.0", "HostPort": str(port)}]


@pytest.mark.parametrize("domain", [VIEWER, PACS])
def test_http_leads_to_https(domain: str) -> None:
    answer = get(domain, tls=False)
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{domain}/"


@pytest.mark.parametrize("domain", [VIEWER, PACS])
def test_the_certificate_is_valid_and_browsers_are_told_to_stay(domain: str) -> None:
    assert "max-age=63072000" in get(domain, tls=True).headers["Strict-Transport-Security"]


def test_the_viewer_asks_for_a_login() -> None:
    person = ("doctor", secrets()[1])
    assert get(VIEWER, tls=True).status == 401
    assert get(VIEWER, tls=True, login=("doctor", "wrong")).status == 401
    answer = get(VIEWER, tls=True, login=person)
    assert answer.status == 200
    assert b"<title>" in answer.read()


def test_the_archive_has_no_login_of_the_proxy() -> None:
    assert get(PACS, tls=True).status == 200


def test_a_host_that_refuses_common_attacks_refuses_some_names() -> None:
    """Why the hosts of a site do not: the list of words is meant for unwanted mail."""
    for word, status in (("anybody", 200), ("prozac", 403), ("libido", 403), ("Tramadol", 200)):
        assert get(PACS, tls=True, path=f"/?PatientName=*{word}*").status == status, word


def test_a_name_that_no_host_has_gets_nothing_of_them() -> None:
    answer = get("nobody.mediverse.test", tls=False)
    assert answer.status == 200
    assert b"Default Site" in answer.read()
    assert get("nobody.mediverse.test", tls=False, path="/x").status == 404
    with pytest.raises(ssl.SSLError):
        get("nobody.mediverse.test", tls=True)


def test_http2_is_offered() -> None:
    context = ssl.create_default_context(cafile=str(ROOT / ".lab" / "ca" / "ca.crt"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(socket.create_connection((ADDRESS, 443), timeout=10), server_hostname=PACS) as connection:
        assert connection.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("path", ["", "/data", "/letsencrypt"])
def test_data_is_kept_from_others(host: Host, path: str) -> None:
    directory = host.file(PROJECT + path)
    assert (directory.mode, directory.uid) == (0o700, 0)


def test_no_secret_in_the_compose_file_the_environment_or_the_log(host: Host) -> None:
    text = host.file(f"{PROJECT}/compose.yml").content_string
    text += host.check_output("docker inspect nginx-proxy-manager-proxy-1")
    text += host.run("docker logs nginx-proxy-manager-proxy-1 2>&1").stdout
    assert host.file(f"{PROJECT}/compose.yml").mode == 0o600
    for secret in secrets():
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text


def test_check_mode_on_a_finished_host_changes_nothing_and_tells_nothing() -> None:
    done = play("--check", "--diff", "-vvv")
    assert done.returncode == 0, done.stdout[-2000:]
    assert re.search(r"changed=0\b", done.stdout)
    for secret in secrets():
        assert secret not in done.stdout + done.stderr
        assert json.dumps(secret)[1:-1] not in done.stdout + done.stderr


def test_wrong_settings_are_said_all_at_once_and_change_nothing() -> None:
    settings = {
        "nginx_proxy_manager_access_lists": [
            {"name": "viewer-other", "items": [{"username": "doctor", "password": "-hyphen"}]}
        ],
        "nginx_proxy_manager_addresses": ["[::]"],
    }
    done = play("-e", json.dumps(settings))
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    for sentence in (
        "The proxy host demo.viewer.mediverse.test names the access list viewer-demo, which",
        "The access list viewer-other has a person who could not log in",
        "nginx_proxy_manager_addresses is '[::]'; expected addresses of this host",
    ):
        assert sentence in said
    assert re.search(r"changed=0\b", done.stdout)


def test_another_password_of_the_administrator_is_said_and_changes_nothing() -> None:
    done = play("-e", json.dumps({"nginx_proxy_manager_admin_password": "another-password"}))
    assert done.returncode != 0
    assert "nginx_proxy_manager_admin_password" in " ".join(done.stdout.split())
    assert re.search(r"changed=0\b", done.stdout)


@pytest.fixture
def somebody_else_on_443(host: Host) -> Iterator[str]:
    """The proxy is stopped and another program serves its port meanwhile."""
    host.check_output("docker stop nginx-proxy-manager-proxy-1")
    program = "import socket, time; s = socket.create_server(('0.0.0.0', 443)); time.sleep(3600)"
    host.check_output(f'nohup python3 -c "{program}" >/dev/null 2>&1 & echo $! > /run/squatter.pid')
    until = time.monotonic() + 60
    while not host.socket("tcp://0.0.0.0:443").is_listening:
        assert time.monotonic() < until, "the other program does not start"
        time.sleep(0.2)
    yield host.check_output("cat /run/squatter.pid")
    host.check_output("kill $(cat /run/squatter.pid); docker start nginx-proxy-manager-proxy-1")
    until = time.monotonic() + 60
    while host.run(f"curl -sf http://127.0.0.1:81/api/ && curl -s -k https://{PACS}/").failed:
        assert time.monotonic() < until, "the proxy did not come back"
        time.sleep(1)


def test_a_taken_port_is_named_with_its_owner(somebody_else_on_443: str) -> None:
    done = play()
    assert done.returncode != 0
    text = " ".join(done.stdout.split())
    assert f"Port 443 of demo-cloud is already taken by python3 (process {somebody_else_on_443})" in text
    assert "nginx_proxy_manager_https_port" in text
    assert re.search(r"changed=0\b", done.stdout)


def networks(host: Host) -> list[str]:
    """The networks that the proxy is on."""
    facts = json.loads(host.check_output("docker inspect nginx-proxy-manager-proxy-1"))[0]
    return sorted(facts["NetworkSettings"]["Networks"])


def test_the_proxy_follows_the_sites_of_the_host(host: Host) -> None:
    """Other sites come and go; this run is not told of them."""
    host.run("docker rm -f second; docker network rm mediverse-site-second")  # of a test that was ended
    host.run("docker network rm mediverse-site-new mediverse-site-old")
    assert networks(host) == ["mediverse-proxy", "mediverse-site-demo"]
    host.check_output("docker network create --label ai.mediverse.network=site mediverse-site-second")
    host.check_output("docker run -d --name second --network mediverse-site-second mediverse-lab/ohif:lab")
    try:
        done = play()
        assert done.returncode == 0, done.stdout[-2000:]
        assert networks(host) == ["mediverse-proxy", "mediverse-site-demo", "mediverse-site-second"]
        assert get(VIEWER, tls=True, login=("doctor", secrets()[1])).status == 200
        assert host.run("/usr/local/sbin/mediverse-container-guard verify").stdout.strip() == (
            "mediverse-proxy, mediverse-site-demo, mediverse-site-second"
        )
        # A site whose containers are stopped is still a site.
        host.check_output("docker stop second")
        assert re.search(r"changed=0\b.* failed=0\b", play().stdout)
        assert networks(host) == ["mediverse-proxy", "mediverse-site-demo", "mediverse-site-second"]
        # One that left the network is none, and a container without any network stands in nobody's way. A site that is
        # being built is between the network and the containers; a quarter of an hour later it is one that is gone.
        host.check_output("docker network disconnect mediverse-site-second second")
        labels = "--label ai.mediverse.network=site --label ai.mediverse.made="
        now = int(host.check_output("date +%s"))
        host.check_output(f"docker network create {labels}{now} mediverse-site-new")
        host.check_output(f"docker network create {labels}{now - 1000} mediverse-site-old")
        done = play()
        assert done.returncode == 0, done.stdout[-2000:]
        assert networks(host) == ["mediverse-proxy", "mediverse-site-demo"]
        gone = {name: host.run(f"docker network inspect mediverse-site-{name}").rc for name in ("second", "new", "old")}
        assert gone == {"second": 1, "new": 0, "old": 1}
        # The engine gives the addresses to the next network, whose containers a rule left behind would keep apart.
        guarded = host.run("/usr/local/sbin/mediverse-container-guard verify").stdout.strip().split(", ")
        assert (
            {"mediverse-proxy", "mediverse-site-demo"}
            <= set(guarded)
            <= {
                "mediverse-proxy",
                "mediverse-site-demo",
                "mediverse-site-new",
            }
        )
    finally:
        host.check_output("docker rm -f second")
        host.run("docker network rm mediverse-site-new mediverse-site-old")


def test_a_proxy_that_lost_a_network_joins_it_again(host: Host) -> None:
    host.check_output("docker network disconnect mediverse-site-demo nginx-proxy-manager-proxy-1")
    done = play()
    assert done.returncode == 0, done.stdout[-2000:]
    assert networks(host) == ["mediverse-proxy", "mediverse-site-demo"]


def test_an_operators_own_lines_of_nginx_stay(host: Host) -> None:
    file = f"{PROJECT}/data/nginx/custom/http_top.conf"
    host.check_output(f"sed -i '1i # ours' {file}")
    try:
        # Of the test before nothing is left to do either.
        assert re.search(r"changed=0\b.* failed=0\b", play().stdout)
        assert host.file(file).content_string.startswith("# ours\n")
        assert "zone=mediverse_strangers" in host.file(file).content_string
    finally:
        host.check_output(f"sed -i 1d {file}")
