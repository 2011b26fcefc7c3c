"""The modules' engine on the double, without network."""

from __future__ import annotations

from tests.unit.lab_proxy_manager.conftest import authority, npm, world

__all__ = ["authority", "npm", "world"]
