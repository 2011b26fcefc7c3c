# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of a proof calls the things that it makes.

Each run has names of its own, so that two runs at once never meet and each removes only what it made itself. The role
puts ``mediverse-proof-`` and the site before them: by that a ledger knows whose images to leave out, and a proof what
a killed one has left.
"""

from __future__ import annotations

from datetime import datetime

# For runs that begin in the same second.
RANDOM_BYTES = 2


def new_run(now: datetime, random: bytes) -> str:
    """The name of a run, 16 characters, as many as an accession number has: ``261130100647`` and four hex digits.

    random   :data:`RANDOM_BYTES` bytes.
    """
    return f"{now:%y%m%d%H%M%S}{random.hex()}"
