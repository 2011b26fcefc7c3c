# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer reaches the thread that waits for it.

An association of pynetdicom (3.0.4, `association.py`, `_run_reactor`) has a thread that takes requests of the peer from
the same queue from which `send_c_store` and its like take their answers. It pauses while one of these waits, but not at
once: a thread that the system stops between its last look at the pause and the queue takes the answer, finds that it
is no request, and throws it away. The caller then waits until its timeout and gets a status without `Status`. On a busy
machine this happens once in some thousands of messages.
"""

from __future__ import annotations

from typing import Any

from pynetdicom.association import Association

_serve_request = Association._serve_request


def _serve_requests_only(self: Association, message: Any, context_id: int) -> None:
    if message.is_valid_request or not message.is_valid_response:
        _serve_request(self, message, context_id)
        return
    # To the front, as a C-FIND has many answers. Nobody gets an answer that came too late: a timeout is an abort.
    queue = self.dimse.msg_queue
    with queue.mutex:
        queue.queue.appendleft((context_id, message))
        queue.not_empty.notify()


def keep_for_callers() -> None:
    """From now on, in this process."""
    Association._serve_request = _serve_requests_only  # type: ignore[assignment]
