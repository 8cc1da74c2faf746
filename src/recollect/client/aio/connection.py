from __future__ import annotations

from asyncio import sleep
from itertools import count
from typing import Any

import httpx

from recollect.client.pools import AsyncPool
from recollect.client.wire import Answer, Call, Wire


class AsyncConnection:
    """Sends calls, and sends them again where the wire says so."""

    def __init__(self, wire: Wire, pool: AsyncPool) -> None:
        self._wire = wire
        self._pool = pool

    async def asend(self, call: Call[Answer]) -> Answer:
        """Return the answer to a call. Raises the error of its status, or Unreachable."""
        for attempt in count():
            outcome = await self._attempt(call, attempt)
            if isinstance(outcome, httpx.Response):
                return self._wire.read(call, outcome)
            await sleep(outcome)
        raise AssertionError

    async def _attempt(self, call: Call[Any], attempt: int) -> httpx.Response | float:
        """Return the answer, or the seconds after which to try again."""
        client = await self._pool.aclient()  # may find out first where the server is
        try:
            response = await client.send(self._wire.request(call))
        except httpx.TransportError as error:
            return self._wire.after_loss(call, error, attempt)
        pause = self._wire.after_answer(call, response, attempt)
        return response if pause is None else pause
