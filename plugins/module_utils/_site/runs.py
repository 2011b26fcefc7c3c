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

# For runs that begin in the same minute.
RANDOM_BYTES = 3


def new_run(now: datetime, random: bytes) -> str:
    """The name of a run, 15 characters: ``2611301006`` and five hex digits.

    An accession number takes 16. A Patient ID takes 64, and has before this one 16 of the role's, up to 32 of the site
    and a hyphen.

    random   :data:`RANDOM_BYTES` bytes.
    """
    return f"{now:%y%m%d%H%M}{random.hex()[:5]}"
