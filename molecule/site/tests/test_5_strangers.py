# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guessing is slow at both names, for right and wrong logins alike; and no log tells which patient was looked for."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scenarios import site_lab as site

SECONDS = 6
RATE, IN_ADVANCE = 5, 100
# Guesses on several connections; says how many answers came, by status, in the time that is given.
GUESS = r"""
import base64, http.client, json, ssl, sys, threading, time
name, path, headers, seconds, lanes = json.load(sys.stdin)
context = ssl._create_unverified_context()
counts, until, lock = {}, time.monotonic() + seconds, threading.Lock()
def lane(number):
    guess = 0
    while time.monotonic() < until:
        connection = http.client.HTTPSConnection(name, timeout=20, context=context)
        try:
            while time.monotonic() < until:
                guess += 1
                login = base64.b64encode(f"viewer:guess-{number}-{guess}".encode()).decode()
                connection.request("GET", path, headers={"Authorization": f"Basic {login}", **headers})
                answer = connection.getresponse()
                answer.read()
                with lock:
                    counts[answer.status] = counts.get(answer.status, 0) + 1
        except OSError:
            pass
        finally:
            connection.close()
threads = [threading.Thread(target=lane, args=(number,)) for number in range(lanes)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(counts))
"""


def guess(name: str, path: str, headers: dict[str, str] | None = None, lanes: int = 64) -> Counter[int]:
    """Wrong logins from the hub, answers by status."""
    question = json.dumps([name, path, headers or {}, SECONDS, lanes]).encode()
    found = json.loads(site.inside(site.HUB, "python3", "-c", GUESS, data=question))
    return Counter({int(status): count for status, count in found.items()})


def login(user: str, password: str) -> str:
    """The line of curl's configuration, in which quotes and backslashes have to be written as such."""
    plain = f"{user}:{password}".replace("\\", r"\\").replace('"', r"\"")
    return f'user = "{plain}"'


def ask(name: str, path: str, user: str = "", password: str = "", more: tuple[str, ...] = ()) -> tuple[int, float, str]:
    """Status, seconds and headers of one request of this machine's, which has another address than the hub."""
    curl = ["curl", "-sS", "-o", "/dev/null", "-D", "-", "-w", "%{http_code} %{time_total}", "--config", "-"]
    lines = [
        f'url = "https://{name}{path}"',
        f'resolve = "{name}:443:{site.CLOUD_ADDRESS}"',
        f'cacert = "{site.AUTHORITY}"',
    ]
    lines += [login(user, password)] if user else []
    lines += [f'header = "{header}"' for header in more]
    done = subprocess.run(curl, input="\n".join(lines), capture_output=True, text=True, check=True)
    head, __, last = done.stdout.rpartition("\n")
    status, seconds = last.split()
    return int(status), float(seconds), head.lower()


@pytest.fixture(scope="module")
def known() -> str:
    """The cookie of a browser that has been let in."""
    status, __, head = ask(site.VIEWER, "/", "viewer", site.secrets()["viewer_login"])
    assert status == 200
    (line,) = [line for line in head.splitlines() if line.startswith("set-cookie: ")]
    assert all(word in line for word in ("; secure", "; httponly", "; samesite=strict"))
    return line.removeprefix("set-cookie: ").partition(";")[0]


@pytest.mark.parametrize(("name", "path"), [(site.VIEWER, "/"), (site.PACS, "/system")])
def test_guessing_is_slow_and_others_do_not_notice(name: str, path: str) -> None:
    user, purpose = ("viewer", "viewer_login") if name == site.VIEWER else ("gateway", "orthanc_gateway")
    with ThreadPoolExecutor(1) as pool:
        guessing = pool.submit(guess, name, path)
        answers = [ask(name, path, user, site.secrets()[purpose]) for __ in range(5)]
        counts = guessing.result()
    assert [status for status, *__ in answers] == [200] * 5
    assert max(seconds for __, seconds, *___ in answers) < 3
    assert 0 < counts[401] <= IN_ADVANCE + RATE * (SECONDS + 20)
    assert set(counts) <= {401, 429}
    # As fast as it was: thousands. What is refused was not looked at.
    print(f"{name}: {counts[401] / SECONDS:.1f} wrong logins a second were looked at, {counts[429]} were not")


def test_a_right_login_of_a_guesser_is_refused_like_a_wrong_one() -> None:
    """Otherwise the answers would tell a guesser at once which of his guesses was right."""
    right = base64.b64encode(f"viewer:{site.secrets()['viewer_login']}".encode()).decode()
    counts = guess(site.VIEWER, "/", {"Authorization": f"Basic {right}"})
    assert 0 < counts[200] <= IN_ADVANCE + RATE * (SECONDS + 20)
    assert counts[429] > 0


def test_who_was_let_in_before_is_not_slowed(known: str) -> None:
    right = base64.b64encode(f"viewer:{site.secrets()['viewer_login']}".encode()).decode()
    counts = guess(site.VIEWER, "/app-config.js", {"Authorization": f"Basic {right}", "Cookie": known}, lanes=8)
    assert set(counts) == {200}
    assert counts[200] > 2 * (IN_ADVANCE + RATE * SECONDS)


def test_the_cookie_opens_nothing(known: str) -> None:
    assert ask(site.VIEWER, "/dicom-web/studies", more=(f"Cookie: {known}",))[0] == 401
    status, __, head = ask(site.VIEWER, "/", "viewer", "wrong", (f"Cookie: {known}",))
    assert (status, "set-cookie" in head) == (401, False)


def test_refusals_carry_the_headers_of_safety() -> None:
    for name, path, expected in ((site.VIEWER, "/", 401), (site.PACS, "/patients", 403), (site.PACS, "/system", 401)):
        status, __, head = ask(name, path)
        assert status == expected
        assert "cache-control: no-store" in head, name + path
        assert "referrer-policy: no-referrer" in head, name + path
        assert head.count("strict-transport-security: ") == 1


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /instances",
        "GET /system?x=1",
        "GET //system",
        "GET /system/",
        "POST /tools/find",
        "POST /tools/lookup",
        "POST /tools/count-resources",
        "POST /dicom-web/studies",
        "GET /statistics",
        "GET /dicom-web/studies",
        "DELETE /changes",
        "PUT /instances",
    ],
)
@pytest.mark.parametrize("user", ["gateway", "admin", "viewer"])
def test_the_pacs_name_admits_what_the_forwarder_asks(user: str, request_line: str) -> None:
    method, path = request_line.split()
    more = (f"X-Mediverse-Gateway: {gateway_header()}",)
    curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", "-X", method, "--config", "-"]
    lines = [f'url = "https://{site.PACS}{path}"', f'resolve = "{site.PACS}:443:{site.CLOUD_ADDRESS}"']
    lines += [f'cacert = "{site.AUTHORITY}"', login(user, site.secrets()["orthanc_" + user])]
    lines += [f'header = "{header}"' for header in more]
    done = subprocess.run(curl, input="\n".join(lines), capture_output=True, text=True, check=True)
    assert done.stdout == "403"


def gateway_header() -> str:
    """What the gateway's peer shows, as the cloud's nginx knows it."""
    text = site.inside(site.CLOUD, "sh", "-c", "cat /opt/mediverse/nginx-proxy-manager/data/nginx/proxy_host/*.conf")
    return text.split('$http_x_mediverse_gateway = "')[1].partition('"')[0]


def test_other_users_are_nobody_at_the_pacs_name() -> None:
    for user, status in (("gateway", 200), ("admin", 403), ("viewer", 403)):
        assert ask(site.PACS, "/system", user, site.secrets()[f"orthanc_{user}"])[0] == status


def test_a_packed_body_is_refused_at_the_door() -> None:
    answer = ask(site.PACS, "/instances", "gateway", site.secrets()["orthanc_gateway"])
    assert answer[0] == 403
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-d", "x", "--config", "-"],
        input=f'url = "https://{site.PACS}/instances"\nresolve = "{site.PACS}:443:{site.CLOUD_ADDRESS}"\n'
        f'cacert = "{site.AUTHORITY}"\nheader = "Content-Encoding: gzip"\n',
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "415"


def test_every_name_can_be_searched_for(known: str) -> None:
    """The proxy manager refuses some words where it is told to refuse common attacks, and people bear them."""
    reader = ("viewer", site.secrets()["viewer_login"])
    assert ask(site.VIEWER, "/dicom-web/studies?PatientName=*prozac*", *reader, (f"Cookie: {known}",))[0] == 200


def test_each_reader_may_have_a_login_and_the_log_tells_them_apart(known: str) -> None:
    ((name, password),) = site.readers().items()
    for path, reader in (("/?mine", (name, password)), ("/?theirs", ("viewer", site.secrets()["viewer_login"]))):
        assert ask(site.VIEWER, path, *reader, (f"Cookie: {known}",))[0] == 200
    assert ask(site.VIEWER, "/", name, site.secrets()["viewer_login"], (f"Cookie: {known}",))[0] == 401
    log = site.inside(site.CLOUD, "cat", "/opt/mediverse/nginx-proxy-manager/data/logs/mediverse-viewer_access.log")
    assert [re.findall(r" 200 GET .* \[(\w+)\] ", line) for line in log.splitlines()[-3:-1]] == [[name], ["viewer"]]


def test_a_wrong_login_stands_in_the_log_without_its_password() -> None:
    """With the name that was claimed and the address that it came from, so that guessing is seen."""
    guessed, text = "QQXGUESSED", "cat /opt/mediverse/nginx-proxy-manager/data/logs/mediverse-viewer_access.log"
    before = len(site.inside(site.CLOUD, "sh", "-c", text))
    site.wait("a budget", lambda: ask(site.VIEWER, "/guessed", "somebody", guessed)[0] == 401, 30)
    (line,) = [
        line
        for line in site.inside(site.CLOUD, "sh", "-c", text)[before:].splitlines()
        if f' 401 GET {site.VIEWER} "/guessed" ' in line
    ]
    assert re.search(r" \[somebody\] \[[0-9.]+\] ", line), line
    places = "/opt/mediverse/nginx-proxy-manager/data/logs /var/lib/docker/containers /var/log"
    forms = [guessed, base64.b64encode(f"somebody:{guessed}".encode()).decode().rstrip("=")]
    for form in forms:
        assert site.inside(site.CLOUD, "sh", "-c", f"grep -rl {form} {places} || true").split() == []


def test_no_log_tells_who_was_looked_for(known: str) -> None:
    reader = ("viewer", site.secrets()["viewer_login"])
    name = "QQXSEARCHED"
    assert ask(site.VIEWER, f"/dicom-web/studies?PatientName=*{name}*", *reader, (f"Cookie: {known}",))[0] == 200
    assert ask(site.VIEWER, f"/dicom-web/studies?PatientID={name}", "viewer", "wrong")[0] in (401, 429)
    assert ask(site.PACS, f"/system?PatientName={name}", "gateway", site.secrets()["orthanc_gateway"])[0] == 403
    subprocess.run(
        [
            "curl",
            "-sS",
            "-o",
            "/dev/null",
            "--resolve",
            f"{site.VIEWER}:80:{site.CLOUD_ADDRESS}",
            f"http://{site.VIEWER}/dicom-web/studies?PatientName={name}",
        ],
        check=True,
    )
    for __ in range(2):
        places = "/opt/mediverse/nginx-proxy-manager/data/logs /var/lib/docker/containers /var/log"
        found = site.inside(site.CLOUD, "sh", "-c", f"grep -rl {name} {places} || true").split()
        assert found == []
    log = site.inside(
        site.CLOUD, "sh", "-c", "cat /opt/mediverse/nginx-proxy-manager/data/logs/mediverse-viewer_access.log"
    )
    assert f' 200 GET {site.VIEWER} "/dicom-web/studies" [viewer] ' in log
    viewer = site.inside(site.CLOUD, "docker", "logs", "pacs-demo-ohif-1")
    assert ' 200 GET "/dicom-web/studies" [viewer] ' in viewer
