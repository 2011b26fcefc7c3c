# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps secrets out of results and outputs, in every version of ansible-core.

Until 2.21 a module's result is masked with what stands in ``no_log_values``. From 2.22 on secrets are registered, and
only what is shown is masked: a registered result keeps them, and so does the file that somebody writes from it.
Therefore results are masked here, before they leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .secrets import MASK, masked, masker

try:
    from ansible.module_utils.secrets import register_secrets
except ImportError:  # before 2.22
    register_secrets = None


def hide(secrets: Iterable[str], hidden: set[str]) -> None:
    """Let no output show these texts.

    hidden   what this task hides; ``no_log_values`` of a module, which is all that ansible-core before 2.22 knows.
    """
    found = set(secrets)
    hidden |= found
    if register_secrets is not None:
        register_secrets(found)


def without_secrets(result: Mapping[str, Any], params: Mapping[str, Any], hidden: Iterable[str]) -> dict[str, Any]:
    """A result as it may be kept: with its invocation, and with each hidden text masked in every spelling."""
    whole = {secret for secret in hidden if secret}
    inside = masker(("", secret) for secret in whole)
    # Where a text is a secret and nothing else, its length does not matter.
    shown: dict[str, Any] = masked(
        {**result, "invocation": {"module_args": params}}, lambda text: MASK if text in whole else inside(text)
    )
    return shown
