# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authorities of a hospital, whatever program wrote their file."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible_collections.mediverse.pacs.plugins.lookup import ca_bundle

from tests.contract.endpoints import certificate

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@pytest.fixture
def pem(tmp_path: Path) -> str:
    """One certificate."""
    return certificate(tmp_path)[0].read_text(encoding="ascii")


def bundle(*files: Path) -> str:
    (text,) = ca_bundle.LookupModule().run([str(file) for file in files])
    return str(text)


def given(folder: Path, content: bytes, name: str = "given.pem") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.fixture
def public(tmp_path: Path, pem: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of the library, here with one authority."""
    other = tmp_path / "other"
    other.mkdir()
    list_of_all = given(tmp_path, b"# Issuer: O=Somebody\n" + certificate(other)[0].read_bytes(), "public.pem")
    monkeypatch.setattr(ca_bundle, "DEFAULT_CA_BUNDLE_PATH", str(list_of_all))
    return list_of_all


def test_what_stands_around_a_certificate_is_left_out(tmp_path: Path, pem: str, public: Path) -> None:
    plain = bundle(given(tmp_path, pem.encode()))
    assert (plain.count(BEGIN), plain.count(END)) == (2, 2)
    assert plain.startswith(pem)
    assert plain.isascii()
    assert "Somebody" not in plain
    for written in (
        b"\xef\xbb\xbf" + pem.encode(),
        "Gemeinsame Zertifizierungsstelle für alle Häuser\n".encode() + pem.encode(),
        "Gemeinsame Stelle für alle Häuser\n".encode("latin-1") + pem.replace("\n", "\r\n").encode() + b"\n\n",
        (pem + pem).encode(),
    ):
        assert bundle(given(tmp_path, written)) == plain


def test_another_order_and_other_remarks_of_the_public_ones_are_the_same(
    tmp_path: Path, pem: str, public: Path
) -> None:
    third = tmp_path / "third"
    third.mkdir()
    more = certificate(third)[0].read_bytes()
    known = public.read_bytes()
    own = given(tmp_path, pem.encode())
    public.write_bytes(known + more)
    first = bundle(own)
    public.write_bytes(b"# Another version\n" + more + known)
    assert bundle(own) == first


@pytest.mark.parametrize(
    ("content", "beginning"),
    [
        (b"", "The file '{}' holds no certificate in PEM; export the authority as Base-64."),
        (b"\x30\x82\x01\x00", "The file '{}' holds no certificate in PEM; export the authority as Base-64."),
        (
            f"{BEGIN}\nAAAA\n{END}\n".encode(),
            "Certificate 1 of the file '{}' cannot be read; export the authority again",
        ),
        (f"{BEGIN}\nA===A\n{END}\n".encode(), "Certificate 1 of the file '{}' cannot be read; export the authority"),
        (b"-----BEGIN PRIVATE KEY-----\n", "The file '{}' holds a private key; give a file with the authorities'"),
    ],
)
def test_what_is_no_authority_is_refused(content: bytes, beginning: str, tmp_path: Path) -> None:
    file = given(tmp_path, content)
    with pytest.raises(AnsibleError) as refused:
        bundle(file)
    assert str(refused.value).startswith(beginning.format(file))


def test_a_second_certificate_that_is_cut_off_is_counted(tmp_path: Path, pem: str) -> None:
    file = given(tmp_path, f"{pem}{pem[:200]}\n{END}\n".encode())
    with pytest.raises(AnsibleError, match="Certificate 2 of the file"):
        bundle(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match=r"cannot be read .No such file or directory.; correct the path"):
        bundle(tmp_path / "none.pem")
