# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps things: everything lies below ``.lab/`` of the checkout, which git ignores."""

from __future__ import annotations

import hashlib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
STATE = REPOSITORY / ".lab"
CHECKOUT = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]
"""Tag of this checkout's images: another checkout has an authority of its own, and must not replace them."""
IMAGES = Path(__file__).resolve().parent / "images"


def private_directory(path: Path) -> Path:
    """Create ``path`` and its parents below ``.lab`` with mode 0700; return it."""
    for part in [*reversed([p for p in path.parents if STATE in p.parents or p == STATE]), path]:
        part.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Write ``content`` whole or not at all: a killed run never leaves half a key behind."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=mode)
    temporary.write_bytes(data)
    temporary.chmod(mode)
    temporary.replace(path)
