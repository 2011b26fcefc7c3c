# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP proxy at the near end of a simulated line: ``python3 relay.py PORT FAR FILE``.

Whoever asks it to connect to any host by ``CONNECT`` is connected to the same port of ``FAR``, across the line. It
keeps in ``FILE`` for how many seconds somebody waited for the far end: from the first byte that went there until the
last one that came back before the next went. So neither the controller's own work nor a pause between two tasks is
counted. It has nothing but the standard library, because it runs in a container alone.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

_CHUNK = 65536
_ANSWER = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Waited:
    """Seconds in which somebody waited, on all connections one after the other or at once."""

    def __init__(self, file: Path | None = None) -> None:
        self.total = 0.0
        self._file = file

    def add(self, seconds: float) -> None:
        """Keep it, also for whoever reads the file."""
        self.total += seconds
        if self._file:
            # Whoever reads it meanwhile finds the number before.
            fresh = self._file.with_name(f"{self._file.name}.new")
            fresh.write_text(f"{self.total:.3f}\n", encoding="ascii")
            fresh.replace(self._file)


class Exchange:
    """What one connection waits for. ``clock`` is replaced by tests."""

    def __init__(self, waited: Waited, begun: float) -> None:
        self._waited = waited
        self._asked: float | None = begun
        self._answered = begun

    def asks(self, moment: float) -> None:
        """Bytes go to the far end."""
        if self._asked is not None and self._answered > self._asked:
            self.ends()
        if self._asked is None:
            self._asked = self._answered = moment

    def answers(self, moment: float) -> None:
        """Bytes come back."""
        self._answered = moment

    def ends(self) -> None:
        """Nothing more comes."""
        if self._asked is not None:
            self._waited.add(self._answered - self._asked)
        self._asked = None


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: object) -> None:
    try:
        while data := await reader.read(_CHUNK):
            note(time.monotonic())  # type: ignore[operator]  # one of the two methods
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _serve(far: str, waited: Waited, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    method, target, *__ = head.decode("ascii").split(" ")
    if method != "CONNECT":
        writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    exchange = Exchange(waited, time.monotonic())
    there, back = await asyncio.open_connection(far, int(target.rpartition(":")[2]))
    exchange.answers(time.monotonic())
    writer.write(_ANSWER)
    await asyncio.gather(_carry(reader, back, exchange.asks), _carry(there, writer, exchange.answers))
    exchange.ends()


async def _main(port: int, far: str, file: Path) -> None:
    waited = Waited(file)
    server = await asyncio.start_server(lambda reader, writer: _serve(far, waited, reader, writer), "0.0.0.0", port)
    # The file is there when somebody listens, and not before.
    waited.add(0)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
