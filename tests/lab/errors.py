# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception of the lab: its text is one sentence for the person at the terminal."""

from __future__ import annotations


class LabError(Exception):
    """What is wrong, where, and what to do, in one sentence."""
