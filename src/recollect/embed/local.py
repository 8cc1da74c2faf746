from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recollect.embed import EmbeddingModel
from recollect.errors import ModelUnavailable

WINDOW = 64
"""Texts that are tokenised and sorted by length together."""
BATCH_TOKENS = 256
"""Tokens of a batch, padding included: larger ones leave the processor's caches and take up to 1.7 times as long."""

T = TypeVar("T")


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group the places of texts of similar length, each group within the budget of padded tokens."""
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not groups or (len(groups[-1]) + 1) * lengths[place] > BATCH_TOKENS:
            groups.append([])
        groups[-1].append(place)
    return groups


class LocalEmbedder:
    """The model inside, in one thread of its own.

    A single text, as of a query, waits for one step of a list at the most: a list hands in its next batch only when
    the one before is done. Raises ModelUnavailable when no model is found or its files are not the pinned ones.
    """

    def __init__(self, folder: Path | None = None, *, threads: int = 1) -> None:
        from recollect.embed.minilm import MODEL, MiniLM, find_folder  # noqa: PLC0415 -- onnxruntime loads slowly

        self.model: EmbeddingModel = MODEL
        self._minilm = MiniLM(folder or find_folder(), threads)
        self._thread = ThreadPoolExecutor(1, "embed")
        self._lists = asyncio.Lock()
        self._closed = False

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed the texts as Embedder says; one text alone goes ahead of lists."""
        if len(texts) == 1:
            return await self._run(partial(self._embed_one, texts[0]))
        vectors = np.empty((len(texts), self.model.width), np.float32)
        async with self._lists:
            for start in range(0, len(texts), WINDOW):
                await self._fill(vectors[start : start + WINDOW], texts[start : start + WINDOW])
        return vectors

    async def aclose(self) -> None:
        """Finish the step under way and stop; lists that are not done raise ModelUnavailable."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)

    def _embed_one(self, text: str) -> NDArray[np.float32]:
        return self._minilm.run([self._minilm.tokenize(text)])

    async def _fill(self, vectors: NDArray[np.float32], texts: Sequence[str]) -> None:
        tokens = await self._run(lambda: [self._minilm.tokenize(text) for text in texts])
        for places in batches([len(ids) for ids in tokens]):
            vectors[places] = await self._run(partial(self._minilm.run, [tokens[place] for place in places]))

    async def _run(self, step: Callable[[], T]) -> T:
        if self._closed:
            raise ModelUnavailable("The embedding model is shut down.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)
