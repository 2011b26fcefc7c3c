# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the PC of a site is reached in this run. Delegated to the hub, by whose connection a forward is made."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils import _enrolled as enrolled
from ..plugin_utils import _forward as forward
from ..plugin_utils._reach import complaint

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["tunnel", "own"], "required": True},
    "host": {"type": "str", "default": ""},
    "access": {"type": "dict"},
    "pc": {"type": "str", "default": "", "no_log": True},
    "by": {"type": "str", "choices": ["ssh", "route"], "default": "ssh"},
}
_ROUTE = (
    "or write to_gateways: route below hub in the site file, where this machine is the hub, or has a route to the "
    "tunnel's network and is among gateway_access_operators."
)


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """See the documentation of the module."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """``host``, ``port``, ``password`` and ``ca`` for the connection, and what ``host_reach`` tells about it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, given = self.validate_argument_spec(ARGUMENTS)
        tunnel, found = given["kind"] == "tunnel", given["access"] or {}
        accepted: dict[str, Any] = found.get("accepted") or {}
        try:
            site = given["site"]
            pc = enrolled.whose(site, enrolled.kept(given["pc"], site), accepted or None, tunnel)
        except enrolled.EnrolledError as error:
            raise AnsibleActionFail(f"{error} Nothing was changed.") from None
        address = accepted["address"] if tunnel else given["host"]
        authority = Path(C.DEFAULT_LOCAL_TMP) / f"mediverse-{given['site']}.pem"
        authority.write_text(pc.pem(), encoding="ascii")
        way = {"host": address, "port": enrolled.WINRM_PORT, "password": pc.password, "ca": str(authority)}
        if tunnel and given["by"] == "ssh":
            way |= {"host": forward.LOOPBACK, "port": self._forward(address, authority)}
        comes = found.get("way", "own")
        return {**result, **way, "changed": False, "address": address, "comes": comes, "_ansible_no_log": True}

    def _forward(self, address: str, authority: Path) -> int:
        said = authority.with_suffix(".ssh")
        # A worker of the playbook runs this; the playbook itself is its parent.
        owner = os.getppid()
        try:
            port = forward.start(self._ssh(), f"{address}:{enrolled.WINRM_PORT}", owner, said)
        except forward.ForwardError as error:
            raise AnsibleActionFail(
                f"The hub {complaint(str(error), self._user(), False)} Nothing was changed."
            ) from None
        try:
            forward.answers(port, authority)
        except ssl.SSLCertVerificationError:
            # host_reach says that of the PC.
            pass
        except OSError:
            if forward.prohibited(said):
                raise AnsibleActionFail(
                    f"The hub's sshd forwards nothing; let it (AllowTcpForwarding) for {self._user()}, {_ROUTE}"
                ) from None
        return port

    def _ssh(self) -> list[str]:
        """The command by which Ansible itself logs in at the hub, without what it would do there."""
        hub = self._connection
        if hub.transport != "ssh" or hub.get_option("password"):
            way = "a password" if hub.transport == "ssh" else f"the connection {hub.transport}"
            raise AnsibleActionFail(
                f"The hub is reached by {way}, which opens no way to gateways; give it an SSH key of yours, {_ROUTE}"
            )
        host = hub.get_option("host") or self._play_context.remote_addr
        return [os.fsdecode(word) for word in hub._build_command(hub.get_option("ssh_executable"), "ssh", host)]

    def _user(self) -> str:
        return str(self._connection.get_option("remote_user") or "this user")
