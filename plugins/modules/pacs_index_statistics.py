# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of statistics with which SQLite finds an image of Orthanc by its key, and not by looking at all of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pacs_index_statistics
short_description: Keep Orthanc fast with many images
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Orthanc's SQLite index has no statistics, so SQLite looks through all images to find one;
    with 100,000 images that takes 10 ms each time, for every image that arrives, leaves or is viewed.
  - Writes the one row of statistics that changes this. An index that does not exist yet is created with that row
    alone, and Orthanc makes its tables in it at its first start.
  - Orthanc must not run while the row is written; to look at the index with check mode, it may. Check mode fails
    where the row could not be written then either, so that Orthanc need not be stopped in vain.
attributes:
  check_mode:
    description: Says whether it would write the row, and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare but whether the row is there.
    support: none
options:
  path:
    description: The file C(index) of Orthanc's storage or index directory.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Prepare the index before Orthanc starts
  mediverse.pacs.pacs_index_statistics:
    path: /opt/mediverse/pacs-kanifing/storage/index
"""

RETURN = r"""
existed:
  description: Whether the file was there before.
  returned: success
  type: bool
  sample: true
present:
  description: Whether the row was there before.
  returned: success
  type: bool
  sample: true
path:
  description: The file.
  returned: success
  type: str
  sample: /opt/mediverse/pacs-kanifing/storage/index
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.orthanc._index import (
    HAS_SQLITE,
    has_statistics,
    obstacle,
    write_statistics,
)


def main() -> None:
    """Runs the module."""
    module = AnsibleModule({"path": {"type": "path", "required": True}}, supports_check_mode=True)
    path = Path(module.params["path"])
    if not HAS_SQLITE:
        module.fail_json(msg="The Python of this host has no module sqlite3; install Python with its whole library.")
    import sqlite3

    try:
        existed = path.exists()
        present = has_statistics(path)
        if not present and (reason := obstacle(path)):
            module.fail_json(msg=f"{path} cannot be changed: {reason}.")
        if not present and not module.check_mode:
            write_statistics(path)
    except sqlite3.OperationalError as error:
        module.fail_json(
            msg=f"{path} cannot be changed: {error}. Stop Orthanc, which locks it, and check the directory."
        )
    except sqlite3.DatabaseError as error:
        module.fail_json(msg=f"{path} is not an index of Orthanc: {error}. Check the path.")
    except OSError as error:
        module.fail_json(msg=f"{path} cannot be looked at: {error.strerror}. Check the path and its rights.")
    module.exit_json(changed=not present, existed=existed, present=present, path=str(path))


if __name__ == "__main__":
    main()
