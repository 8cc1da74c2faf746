# Made by tools/unasync.py of src/recollect/client/aio/connection.py: change that.
from __future__ import annotations

from itertools import count
from time import sleep
from typing import Any

import httpx

from recollect.client.pools import SyncPool
from recollect.client.wire import Answer, Call, Wire


class SyncConnection:
    """Sends calls, and sends them again where the wire says so."""

    def __init__(self, wire: Wire, pool: SyncPool) -> None:
        self._wire = wire
        self._pool = pool

    def send(self, call: Call[Answer]) -> Answer:
        """Return the answer to a call. Raises the error of its status, or Unreachable."""
        for attempt in count():
            outcome = self._attempt(call, attempt)
            if isinstance(outcome, httpx.Response):
                return self._wire.read(call, outcome)
            sleep(outcome)
        raise AssertionError

    def _attempt(self, call: Call[Any], attempt: int) -> httpx.Response | float:
        """Return the answer, or the seconds after which to try again."""
        client = self._pool.client()  # may find out first where the server is
        try:
            response = client.send(self._wire.request(call))
        except httpx.TransportError as error:
            return self._wire.after_loss(call, error, attempt)
        pause = self._wire.after_answer(call, response, attempt)
        return response if pause is None else pause
