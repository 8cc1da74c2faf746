from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from recollect.embed import EmbeddingModel
from recollect.embed.query import QueryVectors
from recollect.errors import ModelUnavailable


class Counting:
    """An embedder that counts and can be held up."""

    model = EmbeddingModel("test", "counting", 2)

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.down = False

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.extend(texts)
        await self.open.wait()
        if self.down:
            raise ModelUnavailable
        return np.array([[1.0, 0.0] for _ in texts], np.float32)

    async def aclose(self) -> None:
        self.open.set()


async def test_asked_once() -> None:
    """A text asked for again is answered from memory, and its vector cannot be changed by who got it."""
    embedder = Counting()
    queries = QueryVectors(embedder)
    first = await queries.vector("hello")
    assert await queries.vector("hello") is first
    assert embedder.asked == ["hello"]
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 5


async def test_together() -> None:
    """Equal texts asked for at the same time are embedded once."""
    embedder = Counting()
    embedder.open.clear()
    queries = QueryVectors(embedder)
    tasks = [asyncio.create_task(queries.vector("hello")) for _ in range(20)]
    await asyncio.sleep(0)
    embedder.open.set()
    vectors = await asyncio.gather(*tasks)
    assert len({id(vector) for vector in vectors}) == 1
    assert embedder.asked == ["hello"]


async def test_least_recent_goes() -> None:
    """Above its size it forgets what was asked for longest ago."""
    embedder = Counting()
    queries = QueryVectors(embedder, size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await queries.vector(text)
    assert embedder.asked == ["a", "b", "c", "b"]


async def test_failures_are_not_kept() -> None:
    """A failure reaches everyone who waits for it, and the next to ask tries again."""
    embedder = Counting()
    embedder.down = True
    queries = QueryVectors(embedder)
    results = await asyncio.gather(*(queries.vector("hello") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, ModelUnavailable) for result in results)
    embedder.down = False
    assert (await queries.vector("hello")).shape == (2,)
    assert embedder.asked == ["hello", "hello"]


@pytest.mark.parametrize("down", [False, True])
async def test_first_gives_up(*, down: bool) -> None:
    """Who asked first may give up without taking the answer from the others, nor leaving an unread failure."""
    embedder = Counting()
    embedder.open.clear()
    queries = QueryVectors(embedder)
    first = asyncio.create_task(queries.vector("hello"))
    second = asyncio.create_task(queries.vector("hello"))
    await asyncio.sleep(0)
    first.cancel()
    embedder.down = down
    embedder.open.set()
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert isinstance(results[1], ModelUnavailable if down else np.ndarray)
    assert embedder.asked == ["hello"]


async def test_broken_text() -> None:
    """Half of a surrogate pair is a text like any other."""
    assert (await QueryVectors(Counting()).vector("\ud800")).shape == (2,)
