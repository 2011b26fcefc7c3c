# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.names --runs N --seed S``: faults while a zone is written; exit code 0 when nothing was lost.

Run ``i`` uses the seed ``S + i``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.names.faults import BrokenError, Run, nursery


def main() -> int:
    """Run them, and count."""
    parser = argparse.ArgumentParser(prog="python -m tests.names", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lost = changed = broken = 0
    with nursery() as start:
        for seed in range(options.seed, options.seed + options.runs):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    outcome = Run(seed, start, Path(folder)).perform()
                except BrokenError as error:
                    print(f"seed={seed} did not reach its end: {error}", file=sys.stderr, flush=True)
                    broken += 1
                    continue
            if outcome.lost or outcome.changed_foreign:
                print(f"seed={seed} {outcome}", file=sys.stderr, flush=True)
            lost, changed = lost + outcome.lost, changed + outcome.changed_foreign
    print(f"ZONE runs={options.runs - broken} lost={lost} changed_foreign={changed}")
    return 1 if lost or changed or broken or options.runs < 1 else 0


if __name__ == "__main__":
    raise SystemExit(main())
