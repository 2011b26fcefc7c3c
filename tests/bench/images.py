# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files to send: CT images whose noise is about that of real ones, because noise decides what compression gains."""

from __future__ import annotations

from pathlib import Path

import numpy

from tests.kit.dicom import make_study

NOISE = 18.0
"""Standard deviation in grey levels, of 4096."""


def write_study(folder: Path, count: int, size: int, seed: int = 1) -> Path:
    """``count`` images of ``size`` x ``size`` pixels of one study as DICOM files in ``folder``."""
    folder.mkdir(parents=True)
    dice = numpy.random.default_rng(seed)
    rows, columns = numpy.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    body = columns**2 / 0.7 + rows**2 / 0.5 < 1
    for number, image in enumerate(make_study(count, size)):
        organs = 1060 + 70 * numpy.cos(8 * columns - 5 * number / count) * numpy.sin(6 * rows + 3 * number / count)
        level = numpy.where(body, organs, 30) + dice.normal(0, NOISE, (size, size)) * numpy.where(body, 1, 0.5)
        image.PixelData = numpy.clip(level, 0, 4095).astype("<u2").tobytes()
        image.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)
    return folder
