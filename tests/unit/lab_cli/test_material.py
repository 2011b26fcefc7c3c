# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator would bring: made once, private, and whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography import x509

from tests.lab import material, paths, pki
from tests.lab.site import Lab, read_lab
from tests.unit.lab_cli.test_site import write


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    state = tmp_path / ".lab"
    for module in (paths, pki):
        monkeypatch.setattr(module, "STATE", state)
    monkeypatch.setattr("tests.lab.site.STATE", state)
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    return read_lab(write(inventory))


def test_secrets_are_private(lab: Lab) -> None:
    material.prepare(lab)
    for name in ("id_ed25519", "winrm_password", "hostkeys/hub", "tls/demo-gateway.key"):
        assert (lab.state / name).stat().st_mode & 0o077 == 0, name
    for directory in (lab.state.parent, lab.state, lab.state / "hostkeys"):
        assert directory.stat().st_mode & 0o777 == 0o700, directory


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    material.prepare(lab)
    first = {path: path.read_bytes() for path in lab.state.rglob("*") if path.is_file()}
    material.prepare(lab)
    assert {path: path.read_bytes() for path in lab.state.rglob("*") if path.is_file()} == first


def test_a_lost_half_of_a_key_pair_is_made_again(lab: Lab) -> None:
    material.prepare(lab)
    (lab.state / "id_ed25519.pub").unlink()
    material.prepare(lab)
    assert (lab.state / "id_ed25519.pub").read_text(encoding="utf-8").startswith("ssh-ed25519 ")


def test_known_hosts_names_each_ssh_host_by_address(lab: Lab) -> None:
    material.prepare(lab)
    lines = (lab.state / "known_hosts").read_text(encoding="utf-8").splitlines()
    assert sorted(line.split()[0] for line in lines) == ["172.30.99.10", "172.30.99.20"]


def test_installers_carry_their_digest(lab: Lab) -> None:
    material.prepare(lab)
    for name, content in material.INSTALLERS.items():
        file = lab.state / "installers" / name
        assert file.read_text(encoding="utf-8").splitlines()[0] == f"mediverse-lab-installer: {content}"
        digest = file.with_name(f"{name}.sha256").read_text(encoding="utf-8").strip()
        assert digest == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_endpoint_certificate_is_signed_by_the_authority_for_name_and_address(lab: Lab) -> None:
    material.prepare(lab)
    issuer = x509.load_pem_x509_certificate(pki.authority()[0].read_bytes())
    certificate = x509.load_pem_x509_certificate((lab.state / "tls" / "demo-gateway.crt").read_bytes())
    certificate.verify_directly_issued_by(issuer)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["demo-gateway"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["172.30.99.30"]


def test_a_new_authority_gives_new_certificates(lab: Lab) -> None:
    material.prepare(lab)
    old = (lab.state / "tls" / "demo-gateway.crt").read_bytes()
    pki.authority()[0].unlink()
    material.prepare(lab)
    assert (lab.state / "tls" / "demo-gateway.crt").read_bytes() != old
