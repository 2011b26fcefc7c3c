# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the checkout importable as ``ansible_collections.mediverse.pacs``, the way Ansible itself imports it."""

from __future__ import annotations

from pathlib import Path

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".collections"


def _link_checkout() -> None:
    link = COLLECTIONS / "ansible_collections" / "mediverse" / "pacs"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to("../../..", target_is_directory=True)


_link_checkout()
_AnsibleCollectionFinder(paths=[str(COLLECTIONS)])._install()
