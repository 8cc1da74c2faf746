from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from recollect.embed import Embedder
from recollect.embed.text import encodable

Vector = NDArray[np.float32]


class QueryVectors:
    """The vectors of the texts that were searched for last. Equal texts asked for at once are embedded once."""

    def __init__(self, embedder: Embedder, size: int = 1_024) -> None:
        self._embedder = embedder
        self._size = size
        # By digest, so that a text of any length costs the same.
        self._known: OrderedDict[bytes, asyncio.Task[Vector]] = OrderedDict()

    async def vector(self, text: str) -> Vector:
        """Return the text's vector, read-only: (width,). Raises as Embedder.embed does; failures are not kept."""
        key = hashlib.sha256(encodable(text).encode()).digest()
        task = self._known.get(key)
        if task is None:
            task = self._known[key] = asyncio.create_task(self._embed(text))
            task.add_done_callback(lambda task: self._drop_failed(key, task))
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        # Who asked first may give up; the others still wait for the answer.
        return await asyncio.shield(task)

    async def _embed(self, text: str) -> Vector:
        vector: Vector = (await self._embedder.embed([text]))[0]
        vector.setflags(write=False)
        return vector

    def _drop_failed(self, key: bytes, task: asyncio.Task[Vector]) -> None:
        if (task.cancelled() or task.exception()) and self._known.get(key) is task:
            del self._known[key]
