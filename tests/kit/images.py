# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the lab, for tests that have no lab."""

from __future__ import annotations

from tests.kit.containers import remove_leftovers
from tests.lab import recipes
from tests.lab.engine import connect
from tests.lab.steps import Steps

SITE = ("orthanc", "nginx-proxy-manager", "scanner")
"""What a site on a line is made of."""


def prepare(*images: str) -> None:
    """What comes before a suite's first container: images are built where they are missing, what is dead goes.

    Raises:
        LabError: an image cannot be built; it says why.
    """
    recipes.build(connect(), images, Steps(recipes.build_steps(images)))
    remove_leftovers()
