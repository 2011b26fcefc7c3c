# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile variables of the roles: each is one sentence that names the variable, and no sentence holds a password."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.mediverse.pacs.plugins.plugin_utils._settings import problems

from tests.kit import product

WORD = "Tell-Nobody-42"
SITE = {"name": "cloud", "url": "https://cloud.example.org/", "username": "gateway", "password": WORD}
FILE = {"src": "/x/file", "sha256": "0" * 64}
GIVEN: dict[str, dict[str, Any]] = {
    "cloud_pacs": {
        "site_id": "demo",
        "network": "mediverse-site-demo",
        "admin_password": f"{WORD}-a",
        "gateway_password": f"{WORD}-b",
        "viewer_password": f"{WORD}-c",
        "proxy_secret": "x" * 32,
        "largest_instance_mb": 213,
    },
    "nginx_proxy_manager": {"admin_email": "admin@example.org", "admin_password": WORD},
    "orthanc_windows_gateway": {
        "site_id": "demo",
        "admin_password": WORD,
        "installer": {"src": "/x/Orthanc.exe", "sha256": "0" * 64, "version": "26.8.1"},
        "peer": SITE,
        "scanners": {"ct1": {"aet": "CT", "host": "192.168.0.10", "port": 104}},
        "scanner_address": "192.168.0.20/24",
        "scanner_mac": "00:1B:44:11:3A:B7",
    },
    "syncthing_pair": {
        "site_id": "demo",
        "folder_id": "worklists-demo",
        "hub": "hub",
        "hub_address": "tcp://hub.example.org:22000",
        "hub_directory": "/files/worklists_wl/demo",
        "installer": FILE,
        "archive": FILE,
    },
    "docker_host": {},
    "gateway_access": {"operators": ["203.0.113.7/32"]},
}
CT = GIVEN["orthanc_windows_gateway"]["scanners"]["ct1"]


def found(role: str, **change: Any) -> list[str]:
    defaults = product._load(f"roles/{role}/defaults/main.yml")
    given = {f"{role}_{name}": value for name, value in {**GIVEN[role], **change}.items()}
    sentences: list[str] = problems(role, {**defaults, **given}, ["hub", "cloud"])
    return sentences


@pytest.mark.parametrize("role", GIVEN)
def test_the_defaults_are_right(role: str) -> None:
    assert found(role) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"site_id": value}, "cloud_pacs_site_id is") for value in ("Demo", "a\n", "", None, "a b")),
        *(({"root": value}, "cloud_pacs_root is") for value in ("/opt/a\n", "opt", "/opt/../etc", "/opt/a b")),
        *(
            ({"network": value}, "cloud_pacs_network is")
            for value in ("a #b", "a: b", "a$b", 12345, None, "a\nb", "host")
        ),
        *(({"rest_port": value}, "cloud_pacs_rest_port is") for value in ("8042 ", True, "yes", "8_042", 0, 65536)),
        *(({"admin_user": value}, "cloud_pacs_admin_user is") for value in ("admin\n", "", "a b", 7)),
        *(({"ohif_image": value}, "cloud_pacs_ohif_image is") for value in ("ohif/app", "ohif/app:1\n")),
        *(({"title": value}, "cloud_pacs_title is") for value in ("Clinic\n", "", "x" * 81)),
        *(({"orthanc_memory": value}, "cloud_pacs_orthanc_memory is") for value in ("2", "2gb", 2, "512m", "2g\n")),
        *(({"ohif_memory": value}, "cloud_pacs_ohif_memory is") for value in ("2", "5m", "")),
        *(({"http_threads": value}, "cloud_pacs_http_threads is") for value in (-1, 0, "many")),
        *(({"storage_limit_mb": value}, "cloud_pacs_storage_limit_mb is") for value in (-1, "10 GB")),
        *(({"wait_timeout": value}, "cloud_pacs_wait_timeout is") for value in ("soon", 0)),
        ({"pull": "sometimes"}, "cloud_pacs_pull is"),
        ({"upload": "ja"}, "cloud_pacs_upload is"),
        *(({"list_days": value}, "cloud_pacs_list_days is") for value in ([], [30, 0], "30", ["x"], None)),
        ({"largest_instance_mb": 214}, "cloud_pacs_largest_instance_mb is 214; expected 1 to 213"),
        ({"largest_instance_mb": 0}, "cloud_pacs_largest_instance_mb is 0; expected 1 to 213"),
        ({"gateway_user": "admin"}, "must be three different names."),
        ({"viewer_password": f"{WORD}-a"}, "must be three different passwords"),
        *(
            ({"viewer_password": value}, "cloud_pacs_viewer_password ")
            for value in (f"{WORD}\n", f"{WORD}${{X}}", 12, "changeme123")
        ),
        *(
            ({"proxy_secret": value}, "cloud_pacs_proxy_secret is not usable")
            for value in (f"{WORD}\n", f"{WORD};{'x' * 20}")
        ),
    ],
)
def test_the_cloud(change: dict[str, Any], words: str) -> None:
    (sentence,) = found("cloud_pacs", **change)
    assert words in sentence
    assert sentence.endswith(".")
    assert WORD not in sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"network": value}, "_network is") for value in ("10.98.0.1/16", "8.8.0.0/16", "10.98.0.0/30", "x", None)),
        *(({"ssh_port": value}, "_ssh_port is") for value in (0, "https")),
        *(({"interface": value}, "_interface is") for value in ("a b", "", "mediverse-gateways")),
        *(
            ({"operators": value}, "_operators")
            for value in ("203.0.113.7", ["203.0.113.7/24"], ["fd00::/8"], ["0.0.0.0/0"])
        ),
        ({"ports": ["all"]}, "_ports holds"),
        # A living link has a handshake every two minutes.
        ({"handshake_age": 120}, "_handshake_age is"),
    ],
)
def test_the_hub_of_the_gateways(change: dict[str, Any], words: str) -> None:
    (sentence,) = found("gateway_access", **change)
    assert f"gateway_access{words}" in sentence
    assert sentence.endswith(".")


LISTS = {"name": "viewer", "items": [{"username": "viewer", "password": WORD}]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"http_port": value}, "nginx_proxy_manager_http_port is") for value in ("80 ", False, "8_0", 0)),
        ({"http_port": 443}, "must be three different ports."),
        *(({"memory": value}, "nginx_proxy_manager_memory is") for value in ("2", "x")),
        ({"network": "a: b"}, "nginx_proxy_manager_network is"),
        ({"networks": ["a #b"]}, "nginx_proxy_manager_networks holds"),
        ({"networks": ["mediverse-proxy"]}, "which is nginx_proxy_manager_network"),
        ({"networks": None}, "nginx_proxy_manager_networks holds"),
        *(
            ({"addresses": value}, "nginx_proxy_manager_addresses is")
            for value in (["[::]"], [], ["300.1.1.1"], "0.0.0.0")
        ),
        *(({"admin_email": value}, "nginx_proxy_manager_admin_email is") for value in ("a@b.org\n", "x")),
        *(
            ({"admin_password": value}, "nginx_proxy_manager_admin_password ")
            for value in (f"{WORD}\n", "changeme", 12345678)
        ),
        ({"image": "jc21/nginx-proxy-manager"}, "nginx_proxy_manager_image is"),
        *(
            ({"access_lists": [{**LISTS, "items": [{"username": name, "password": WORD}]}]}, "which is no user name")
            for name in ("dr house", "", "#viewer", "a:b")
        ),
        ({"access_lists": [LISTS, LISTS]}, "names the list 'viewer' twice"),
        ({"access_lists": "viewer"}, "expected a list of maps"),
        ({"proxy_hosts": [{"domain": "a.org", "access_list": "b"}]}, "names the access list b"),
    ],
)
def test_the_proxy(change: dict[str, Any], words: str) -> None:
    (sentence,) = found("nginx_proxy_manager", **change)
    assert words in sentence
    assert sentence.endswith(".")
    assert WORD not in sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"dicom_port": value}, "gateway_dicom_port is") for value in (0, -1, 70000, "abc")),
        *(({"rest_port": value}, "gateway_rest_port is") for value in (0, -1, 70000, "abc")),
        ({"rest_port": 4242}, "gateway_dicom_port and orthanc_windows_gateway_rest_port are both 4242"),
        ({"storage_limit_mb": "10 GB"}, "gateway_storage_limit_mb is"),
        ({"install_timeout": "x"}, "gateway_install_timeout is"),
        ({"keep_awake": "ja"}, "gateway_keep_awake is"),
        ({"name": "Mediverse\n"}, "gateway_name is"),
        ({"name": "A$B"}, "gateway_name is"),
        ({"aet": "mediverse\\x"}, "gateway_aet is"),
        ({"admin_user": "admin\n"}, "gateway_admin_user is"),
        *(
            ({"admin_password": value}, "gateway_admin_password ")
            for value in (123456789012, f"{WORD}\n", "short", None)
        ),
        *(({"data_dir": value}, "gateway_data_dir is") for value in ("C:\\Mediverse\n", "Mediverse", "C:\\a b")),
        ({"worklist_dir": "c:\\orthanc"}, "lie in each other"),
        ({"worklist_dir": "C:\\Orthanc\\Worklists"}, "lie in each other"),
        ({"ca_certificates": "C:\\a\nb"}, "gateway_ca_certificates is"),
        (
            {"ca_certificates": "C:\\a", "ca_file": "/a.pem"},
            "_ca_file and orthanc_windows_gateway_ca_certificates are both",
        ),
        ({"ca_file": "a\nb"}, "gateway_ca_file is"),
        *(
            ({"http_proxy": wrong}, "orthanc_windows_gateway_http_proxy is no proxy; expected host:port or")
            for wrong in ("proxy", "proxy:x", "https://proxy:3128", "http://u:p w@proxy:3128", "http://proxy:3128/x?y")
        ),
        ({"installer": {"src": "/x"}}, "gateway_installer is"),
        ({"scanner_address": "192.168.0.20"}, "gateway_scanner_address is"),
        ({"scanner_mac": "00:1B-44:11-3A:B7"}, "gateway_scanner_mac is"),
        ({"scanners": ["ct1"]}, "gateway_scanners is a list"),
        ({"scanners": {"ct1": "CT"}}, "gateway_scanners.ct1 is 'CT'"),
        ({"scanners": {"self-test": CT}}, "holds the name 'self-test'"),
        (
            {"scanners": {"ct1": {**CT, "aet": "mediverse"}}},
            "gateway_scanners.ct1.aet is 'mediverse', which is the AE title",
        ),
        (
            {"scanners": {"ct1": {**CT, "host": "192.168.1.1"}}},
            "gateway_scanners.ct1.host is '192.168.1.1', which is outside",
        ),
        ({"scanners": {"ct1": {**CT, "port": "0x68"}}}, "gateway_scanners.ct1.port is '0x68'"),
        ({"scanners": {"ct1": {**CT, "manufacturer": "Siemens"}}}, "gateway_scanners.ct1.manufacturer is"),
        ({"forwarder": []}, "gateway_forwarder is a list"),
        ({"peer": {**SITE, "url": "http://a.example.org/"}}, "The destination 'cloud'"),
        ({"peer": {name: value for name, value in SITE.items() if name != "username"}}, "a username that is empty"),
        ({"more_peers": {"name": "a"}}, "gateway_more_peers is a map"),
    ],
)
def test_the_gateway(change: dict[str, Any], words: str) -> None:
    (sentence,) = found("orthanc_windows_gateway", **change)
    assert words in sentence
    assert sentence.endswith(".")
    assert WORD not in sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"site_id": value}, "syncthing_pair_site_id is") for value in ("Demo", "", None)),
        *(({"folder_id": value}, "syncthing_pair_folder_id is") for value in ("a/b", "a\n", "", None)),
        *(({"hub": value}, "which is no other host of the inventory") for value in ("gateway", "", None, ["hub"])),
        *(
            ({"hub_address": value}, "syncthing_pair_hub_address is")
            for value in ("hub.example.org", "tcp://hub.example.org:22000\n", "tcp://hub:0", None)
        ),
        *(({"hub_directory": value}, "syncthing_pair_hub_directory is") for value in ("files", "/", "/a\n", "/a/../b")),
        ({"hub_home": "syncthing"}, "syncthing_pair_hub_home is"),
        ({"hub_api_url": "127.0.0.1:8384"}, "syncthing_pair_hub_api_url is"),
        *(({"hub_owner": value}, "syncthing_pair_hub_owner is") for value in ("", "a b", None)),
        ({"hub_group": "a:b"}, "syncthing_pair_hub_group is"),
        *(({"hub_mode": value}, "syncthing_pair_hub_mode is") for value in (2750, "rwx", "2750\n")),
        ({"hub_options": "ja"}, "syncthing_pair_hub_options is"),
        *(({"hub_listen": value}, "syncthing_pair_hub_listen") for value in ("default", ["22000"], None)),
        *(({"hub_receive_limit": value}, "syncthing_pair_hub_receive_limit is") for value in (-1, "much")),
        *(
            ({"gateway_directory": value}, "syncthing_pair_gateway_directory is")
            for value in ("Worklists", "C:\\Worklists\n", "/worklists")
        ),
        ({"gateway_home": "Syncthing"}, "syncthing_pair_gateway_home is"),
        *(
            ({"gateway_api_url": value}, "syncthing_pair_gateway_api_url is")
            for value in ("http://0.0.0.0:8384", "http://10.8.0.12:8384", "http://127.0.0.1:8384\n")
        ),
        *(
            ({"gateway_networks": value}, "syncthing_pair_gateway_networks")
            for value in (["10.8.0.1/24"], "10.8.0.0/24", None)
        ),
        ({"staging": "Staging"}, "syncthing_pair_staging is"),
        ({"install_timeout": "soon"}, "syncthing_pair_install_timeout is"),
        ({"wait_timeout": 0}, "syncthing_pair_wait_timeout is"),
        ({"gui_user": "a\nb"}, "syncthing_pair_gui_user is"),
        *(({"gui_password_hash": value}, "gui_password_hash must be a bcrypt hash") for value in (WORD, 12, None)),
        ({"installer": {"sha256": "0" * 64}}, "syncthing_pair_installer.src is"),
        ({"installer": {**FILE, "src": "x.exe"}}, "syncthing_pair_installer.src is 'x.exe'"),
        ({"archive": {**FILE, "sha256": "0" * 64 + "\n"}}, "syncthing_pair_archive.sha256 is"),
        ({"archive": "/x.zip"}, "syncthing_pair_archive is '/x.zip'"),
    ],
)
def test_the_worklist_link(change: dict[str, Any], words: str) -> None:
    (sentence,) = found("syncthing_pair", **change)
    assert words in sentence
    assert sentence.endswith(".")
    assert WORD not in sentence


def test_what_is_installed_needs_no_files() -> None:
    assert found("syncthing_pair", installer={}, archive={}, hub_owner=1000) == []


VENDOR = {
    "uris": "https://download.example.org/debian",
    "suites": "trixie",
    "key": "-----BEGIN PGP PUBLIC KEY BLOCK-----",
}


def test_a_vendors_repository_is_right() -> None:
    assert found("docker_host", repositories=[VENDOR], packages=["docker-ce"], network="mediverse-proxy") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"install": "ja"}, "docker_host_install is"),
        *(({"network": value}, "docker_host_network is") for value in ("a b", "host", "a\n", None)),
        ({"project": "A"}, "docker_host_project is"),
        ({"packages": ["docker ce"]}, "docker_host_packages holds 'docker ce'"),
        ({"packages": "docker-ce"}, "docker_host_packages is"),
        ({"network_members": ["A"]}, "docker_host_network_members holds"),
        ({"network_labels": ["a"]}, "docker_host_network_labels is"),
        ({"repositories": VENDOR}, "docker_host_repositories is a map"),
        ({"repositories": [{**VENDOR, "uris": "download.example.org"}]}, "docker_host_repositories[0].uris is"),
        (
            {"repositories": [VENDOR, {**VENDOR, "suites": "a\nTypes: deb-src"}]},
            "docker_host_repositories[1].suites is",
        ),
        ({"repositories": [{**VENDOR, "components": ""}]}, "docker_host_repositories[0].components is"),
        ({"repositories": [{**VENDOR, "key": "https://download.example.org/gpg"}]}, "is no public key"),
    ],
)
def test_the_engine(change: dict[str, Any], words: str) -> None:
    (sentence,) = found("docker_host", **change)
    assert words in sentence
    assert sentence.endswith(".")


def test_two_scanners_with_one_title_in_other_letters() -> None:
    scanners = {"ct1": CT, "ct2": {**CT, "aet": "ct", "host": "192.168.0.11"}}
    (sentence,) = found("orthanc_windows_gateway", scanners=scanners)
    assert "scanners.ct2.aet is 'ct', which is the AE title of scanner ct1 too ('CT'; Orthanc does not tell" in sentence


def test_all_mistakes_are_told_at_once() -> None:
    wrong = {"dicom_port": 0, "aet": "", "keep_awake": "ja", "forwarder": {"jobs": 0}, "peer": {**SITE, "url": "x"}}
    assert len(found("orthanc_windows_gateway", **wrong)) == 5
    link = {"hub": "gateway", "hub_mode": 2750, "gateway_networks": ["x", "y"], "archive": {"src": "x"}}
    assert len(found("syncthing_pair", **link)) == 6
    assert len(found("docker_host", install="ja", packages=["a b"], repositories=[{}])) == 5


@pytest.mark.parametrize("value", ["a: b", "a #b", "x", "12345", "null"])
def test_what_compose_reads_is_what_was_given(value: str) -> None:
    """The names of networks are judged before; a template that is rendered without that must not change them."""
    variables = product._load("roles/cloud_pacs/defaults/main.yml", "roles/cloud_pacs/vars/main.yml")
    variables |= {"cloud_pacs_site_id": "demo", "cloud_pacs_network": value, "cloud_pacs_rest_port": "8042"}
    variables |= {"__cloud_pacs_orthanc_digest": "x", "__cloud_pacs_ohif_digest": "y"}
    text = (product.ROOT / "roles/cloud_pacs/templates/compose.yml.j2").read_text(encoding="utf-8")
    made = yaml.safe_load(Templar(loader=DataLoader(), variables=variables).template(trust_as_template(text)))
    assert made["networks"]["site"]["name"] == value
    assert made["services"]["orthanc"]["ports"] == ["127.0.0.1:8042:8042"]


def test_a_backslash_in_the_title_stays_one() -> None:
    variables = product._load("roles/cloud_pacs/defaults/main.yml", "roles/cloud_pacs/vars/main.yml")
    variables |= {"cloud_pacs_title": "Clinic A\\new $1 <b>"}
    shown = product._template(variables, "__cloud_pacs_title_html")
    assert shown.strip() == "Clinic A&#92;new &#36;1 &lt;b&gt;"


@pytest.mark.parametrize("file", ["orthanc.json", "credentials.json"])
def test_orthanc_on_the_gateway_substitutes_nothing(file: str) -> None:
    """Orthanc puts environment variables in the place of ``${NAME}`` anywhere in the text of its configuration."""
    role = "orthanc_windows_gateway"
    given = {**GIVEN[role], "aet": "MED${X}", "ca_certificates": "C:\\${X}", "admin_password": "x${X}x"}
    given["http_proxy"] = "http://u:${X}@proxy:3128"
    given["forwarder"] = {"skip_http_users": ["${X}"], "skip_remote_aets": ["${X}"]}
    variables = product._load(f"roles/{role}/defaults/main.yml", f"roles/{role}/vars/main.yml")
    variables |= {f"{role}_{name}": value for name, value in given.items()} | {"item": file}
    tasks = yaml.safe_load((product.ROOT / f"roles/{role}/tasks/files.yml").read_text(encoding="utf-8"))
    (task,) = [one for one in tasks if "gateway_contents[" in str(one) and file in str(one)]
    variables |= {name: trust_as_template(text) for name, text in task.get("vars", {}).items()}
    content = task["ansible.windows.win_copy"]["content"]
    text = str(Templar(loader=DataLoader(), variables=variables).template(trust_as_template(content)))
    assert "$" not in text
    made = json.loads(text)
    if file == "orthanc.json":
        assert (made["DicomAet"], made["HttpsCACertificates"]) == ("MED${X}", "C:\\${X}")
        assert made["MediverseForwarder"]["Destinations"][0]["SkipRemoteAets"] == ["${X}"]
    else:
        assert made == {"RegisteredUsers": {"admin": "x${X}x"}, "HttpProxy": "http://u:${X}@proxy:3128"}
