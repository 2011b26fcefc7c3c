# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Orthanc keeps of large files, by decision 0026, which a smaller cache undoes without a word."""

from __future__ import annotations

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils._memory import OWN, largest_instance

from tests.kit import product

MEMORY = ["1g", "2g", "4g", "8g"]


@pytest.mark.parametrize("memory", MEMORY)
def test_the_caches_follow_from_the_largest_file(memory: str) -> None:
    made = product.cloud(cloud_pacs_orthanc_memory=memory)
    largest = largest_instance(memory)
    assert made["MaximumRequestBodySizeMB"] == largest
    # Two opened files stay for the next frame, also where both are of the largest size.
    assert made["DicomParserCacheSize"] > 2 * largest
    # Less than one file, and nobody could open it; Orthanc waits for as much to become free.
    assert made["StorageMemoryCapacity"] >= largest
    assert made["DicomParserMemoryCapacity"] >= largest


@pytest.mark.parametrize("memory", MEMORY)
def test_one_thread_opens_files(memory: str) -> None:
    """With more of them Orthanc 1.13 counts a file twice that two have opened at once, and the cache shrinks."""
    assert product.cloud(cloud_pacs_orthanc_memory=memory)["DicomParserThreadsCount"] == 1


@pytest.mark.parametrize("memory", MEMORY)
def test_all_of_it_fits_into_the_memory(memory: str) -> None:
    """Opened files, one that is opened, one that is stored, and the small caches beside Orthanc itself."""
    made = product.cloud(cloud_pacs_orthanc_memory=memory)
    large = made["DicomParserCacheSize"] + made["DicomParserMemoryCapacity"] + made["StorageMemoryCapacity"]
    small = made["MaximumStorageCacheSize"] + made["TranscoderCacheSize"] + made["TranscoderMemoryCapacity"]
    assert large + 2 * made["MaximumRequestBodySizeMB"] <= int(memory[:-1]) * 1024 - OWN + 1
    assert small < OWN


def test_a_smaller_limit_makes_smaller_caches() -> None:
    made = product.cloud(cloud_pacs_orthanc_memory="4g", cloud_pacs_largest_instance_mb=100)
    assert (made["MaximumRequestBodySizeMB"], made["DicomParserCacheSize"]) == (100, 201)
