# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as good in a proof: a function for each check, which knows nothing of how its answers were got.

A function returns what the row says when all is well, and raises :class:`.verdict.CheckFailed` with the sentence of the
first thing that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import judges_inside, judges_outside

JUDGES: Mapping[str, Callable[..., str]] = {
    "certificate": judges_outside.certificate,
    "redirect": judges_outside.redirect,
    "login": judges_outside.login,
    "pacs": judges_outside.pacs,
    "limit": judges_outside.limit,
    "viewer": judges_outside.viewer,
    "list": judges_outside.study_list,
    "ports": judges_outside.ports,
    "neighbour": judges_outside.neighbour,
    "echo": judges_inside.echo,
    "inbound": judges_inside.inbound,
    "link": judges_inside.link,
    "worklists": judges_inside.worklists,
    "worklist": judges_inside.worklist,
    "image": judges_inside.image,
    "refused": judges_inside.refused,
    "backlog": judges_inside.backlog,
}
"""By the name of the check."""
