# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules' engine on the double, without network."""

from __future__ import annotations

from tests.unit.lab_proxy_manager.conftest import authority, npm, world

__all__ = ["authority", "npm", "world"]
