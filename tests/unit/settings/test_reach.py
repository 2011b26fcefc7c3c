# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a connection says when it fails, and what host_reach tells the operator to do."""

from __future__ import annotations

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils._reach import complaint

SSH = "does not answer by SSH; check that it is switched on, that the network is up, and its address in the site file."
WINRM = (
    "does not answer by WinRM over HTTPS; check that it is switched on, that the VPN is up, and its address in the "
    "site file."
)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "ntlm: the specified credentials were rejected by the server",
            "refuses the password of bob; correct mediverse_winrm_password, or the user in the site file. Where both "
            "are right, Windows keeps this local account from administering over the network: set "
            "LocalAccountTokenFilterPolicy to 1 on the PC, and let no policy deny the network logon to S-1-5-114.",
        ),
        (
            "Data could not be sent to remote host. bob@h: Permission denied (publickey,password).",
            "refuses the SSH key for bob; install the operator's key there, or correct the user in the site file.",
        ),
        (
            "Failed to connect to the host via ssh: Host key verification failed.",
            "shows an SSH host key that is not known; compare its fingerprint and add it to known_hosts.",
        ),
        (
            "ntlm: HTTPSConnectionPool(host='h', port=5986): Max retries exceeded (Caused by SSLError("
            "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')))",
            "shows a WinRM certificate that is not trusted; name its authority in mediverse_winrm_ca.",
        ),
        (
            "Missing sudo password",
            "does not let bob become root; allow sudo without a password, or give ansible_become_password.",
        ),
        (
            "MODULE FAILURE Cannot invoke method. ConstrainedLanguage",
            "runs no module of Ansible, because a policy about programs (App Control, WDAC, AppLocker, Smart App "
            "Control) keeps its PowerShell in a constrained language mode; have bob or this PC excepted from it.",
        ),
        ("ssh: connect to host h port 22: No route to host", SSH),
        ("ssh: Could not resolve hostname h: Temporary failure in name resolution", SSH),
        ("kex_exchange_identification: Connection closed by remote host", SSH),
        # What Ansible finds when ssh has ended before it was told anything.
        (
            "Data could not be sent to remote host 'h'. Make sure it can be reached: [Errno 32] Broken pipe",
            SSH,
        ),
        (
            "The module interpreter '/usr/bin/python3' was not found.",
            "cannot be used: The module interpreter '/usr/bin/python3' was not found. Mend that and run again.",
        ),
        ("", "cannot be used: it gave no reason. Mend that and run again."),
    ],
)
def test_the_sentence(said: str, sentence: str) -> None:
    assert complaint(said, "bob", windows=False) == sentence


def test_windows_has_words_of_its_own() -> None:
    assert complaint("timed out", "Administrator", windows=True) == WINRM


def test_a_number_in_a_text_is_no_status() -> None:
    assert "refuses the password" not in complaint("port 4012 is closed", "bob", windows=False)
