from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import openai
from numpy.typing import NDArray

from recollect.embed import EmbeddingModel
from recollect.embed.text import encodable
from recollect.endpoints import Endpoint
from recollect.errors import ModelMisbehaved

REQUEST_TEXTS = 32
"""What the strictest of the known servers takes by default (Text Embeddings Inference; OpenAI takes 2,048)."""
REQUEST_BYTES = 250_000
"""A token is at least one byte, and OpenAI takes 300,000 tokens a request."""
TEXT_BYTES = 8_000
"""What is read of a text: OpenAI refuses a request for one text above 8,192 tokens."""
ANSWER_BYTES = 16_000_000
"""Several times what 32 vectors of 4,096 numbers take, written as JSON."""


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class OpenAIEmbedder:
    """Any endpoint that answers `/v1/embeddings` as OpenAI does.

    It never tries again by itself: who asks knows how long the answer is worth waiting for. The key appears in no
    error and no log. A text is read up to TEXT_BYTES.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        model: str,
        width: int,
        timeout: float = 20.0,
        concurrency: int = 4,
    ) -> None:
        self.model = EmbeddingModel("openai", model, width)
        self._endpoint = Endpoint(
            openai, "embedding endpoint", "embedding", api_key=api_key, timeout=timeout, most_bytes=ANSWER_BYTES
        )
        self._places = asyncio.Semaphore(concurrency)
        # Other models refuse the parameter, or have one width only.
        self._dimensions = width if model.startswith("text-embedding-3") else openai.omit
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=self._endpoint.key or "none",
            max_retries=0,
            timeout=None,
            http_client=self._endpoint.http,
        )

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed the texts as Embedder says, in as many requests as it takes, a few of them at once."""
        try:
            async with asyncio.TaskGroup() as group:
                parts = [group.create_task(self._request(part)) for part in _requests(texts)]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return np.concatenate([np.empty((0, self.model.width), np.float32), *(part.result() for part in parts)])

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _request(self, texts: list[str]) -> NDArray[np.float32]:
        async with self._places, self._endpoint.asking():
            response = await self._client.embeddings.with_raw_response.create(
                model=self.model.name, input=texts, encoding_format="float", dimensions=self._dimensions
            )
        return self._vectors(response.http_response.content, len(texts))

    def _vectors(self, content: bytes, count: int) -> NDArray[np.float32]:
        try:
            items = msgspec.json.decode(content, type=_Answer).data
        except (msgspec.DecodeError, RecursionError) as error:
            raise ModelMisbehaved(f"The embedding endpoint's answer cannot be read: {error}.") from None
        items.sort(key=lambda item: item.index)
        if [item.index for item in items] != list(range(count)):
            raise ModelMisbehaved(f"The embedding endpoint answered with {len(items)} vectors to {count} texts.")
        widths = {len(item.embedding) for item in items}
        if widths != {self.model.width}:
            raise ModelMisbehaved(
                f"The embedding endpoint's vectors have {min(widths)} numbers, not {self.model.width}.",
                hint="Set RECOLLECT_EMBEDDING_WIDTH to the width of the model.",
            )
        vectors = np.array([item.embedding for item in items])
        with np.errstate(over="ignore"):  # an infinite length is refused below
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ModelMisbehaved("The embedding endpoint answered with a vector that has no direction.")
        unit: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
        return unit


def _requests(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut the texts to what is read of them, and the list to what one request may hold."""
    part: list[str] = []
    size = 0
    for text in texts:
        head = encodable(text[:TEXT_BYTES]).encode()[:TEXT_BYTES]
        if len(part) == REQUEST_TEXTS or (part and size + len(head) > REQUEST_BYTES):
            yield part
            part, size = [], 0
        # An empty text would be refused; it still needs a vector.
        part.append(head.decode(errors="ignore") or " ")
        size += len(head)
    if part:
        yield part
