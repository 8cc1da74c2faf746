from __future__ import annotations

import asyncio
import email.utils
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx
import msgspec
import numpy as np
import openai
from numpy.typing import NDArray

from recollect.embed import EmbeddingModel
from recollect.embed.text import encodable
from recollect.errors import ModelMisbehaved, ModelUnavailable, SettingsError

REQUEST_TEXTS = 32
"""What the strictest of the known servers takes by default (Text Embeddings Inference; OpenAI takes 2,048)."""
REQUEST_BYTES = 250_000
"""A token is at least one byte, and OpenAI takes 300,000 tokens a request."""
TEXT_BYTES = 8_000
"""What is read of a text: OpenAI refuses a request for one text above 8,192 tokens."""
LONGEST_WAIT = 86_400.0
"""Seconds; an endpoint that asks for more is asked again after a day."""
ANSWER_BYTES = 16_000_000
"""Several times what 32 vectors of 4,096 numbers take, written as JSON."""

HINTS = {
    401: "Check RECOLLECT_EMBEDDING_API_KEY.",
    403: "Check RECOLLECT_EMBEDDING_API_KEY.",
    404: "Check RECOLLECT_EMBEDDING_BASE_URL and RECOLLECT_EMBEDDING_MODEL.",
}


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class _Bounded(httpx.AsyncByteStream):
    """An answer that must come to an end."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > ANSWER_BYTES:
                raise ModelMisbehaved(f"The embedding endpoint answered with more than {ANSWER_BYTES} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx.Response) -> None:
    assert isinstance(response.stream, httpx.AsyncByteStream)
    response.stream = _Bounded(response.stream)


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
        key = (api_key or "").strip()
        if not (key.isascii() and key.isprintable()):
            raise SettingsError("embedding_api_key holds characters that no HTTP header can carry.")
        self.model = EmbeddingModel("openai", model, width)
        self._key = key
        self._timeout = timeout
        self._places = asyncio.Semaphore(concurrency)
        # Other models refuse the parameter, or have one width only.
        self._dimensions = width if model.startswith("text-embedding-3") else openai.omit
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=key or "none",
            max_retries=0,
            timeout=None,
            http_client=httpx.AsyncClient(event_hooks={"response": [_bound]}),  # type: ignore[arg-type]
            default_headers={"Accept-Encoding": "identity"},
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
        # None of the library's errors is chained: they quote what was sent and what came back.
        try:
            async with self._places, asyncio.timeout(self._timeout):
                response = await self._client.embeddings.with_raw_response.create(
                    model=self.model.name, input=texts, encoding_format="float", dimensions=self._dimensions
                )
        except TimeoutError:
            raise ModelUnavailable(f"The embedding endpoint took more than {self._timeout:g} seconds.") from None
        except openai.APIConnectionError as error:
            reason = type(error.__cause__).__name__
            raise ModelUnavailable(f"The embedding endpoint did not answer ({reason}).") from None
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        return self._vectors(response.http_response.content, len(texts))

    def _refusal(self, error: openai.APIStatusError) -> ModelUnavailable:
        said = error.body.get("message") if isinstance(error.body, dict) else error.body
        words = " ".join(str(said or "").split())
        if self._key:
            words = words.replace(self._key, "***")
        return ModelUnavailable(
            f"The embedding endpoint answered {error.status_code}: {words[:200]}",
            retry_after=_retry_after(error.response.headers.get("retry-after", "")),
            hint=HINTS.get(error.status_code),
        )

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


def _retry_after(value: str) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None
