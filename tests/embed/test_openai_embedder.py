from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

import endpoint as fake
import numpy as np
import pytest

from recollect.embed import EmbeddingModel
from recollect.embed.openai import REQUEST_BYTES, REQUEST_TEXTS, TEXT_BYTES, OpenAIEmbedder
from recollect.errors import ModelMisbehaved, ModelUnavailable, SettingsError

KEY = "sk-made-up-0123456789"


@pytest.fixture
async def endpoint() -> AsyncIterator[fake.Endpoint]:
    async with fake.endpoint() as running:
        yield running


@pytest.fixture
async def embedder(endpoint: fake.Endpoint) -> AsyncIterator[OpenAIEmbedder]:
    made = OpenAIEmbedder(base_url=endpoint.url, api_key=KEY, model="some-model", width=fake.WIDTH, timeout=10)
    yield made
    await made.aclose()


async def test_vectors(embedder: OpenAIEmbedder) -> None:
    """Vectors come in the order of the texts, float32 and of unit length, whatever order and length were sent."""
    texts = ["one", "two two", "three three three"]
    vectors = await embedder.embed(texts)
    expected = np.array([fake.vector(text) for text in texts])
    assert vectors.dtype == np.float32
    assert vectors == pytest.approx(expected / np.linalg.norm(expected, axis=1, keepdims=True), abs=1e-6)
    assert embedder.model == EmbeddingModel("openai", "some-model", fake.WIDTH)


async def test_no_texts(embedder: OpenAIEmbedder, endpoint: fake.Endpoint) -> None:
    """Nothing to embed asks nothing."""
    assert (await embedder.embed([])).shape == (0, fake.WIDTH)
    assert endpoint.requests == []


async def test_request(embedder: OpenAIEmbedder, endpoint: fake.Endpoint) -> None:
    """The request names the model and the texts, carries the key as a bearer, and no parameter some refuse."""
    await embedder.embed(["hi"])
    assert endpoint.requests == [{"model": "some-model", "input": ["hi"], "encoding_format": "float"}]
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_dimensions(endpoint: fake.Endpoint) -> None:
    """The width is asked for where the model can choose it."""
    embedder = OpenAIEmbedder(base_url=endpoint.url, api_key=KEY, model="text-embedding-3-small", width=fake.WIDTH)
    await embedder.embed(["hi"])
    await embedder.aclose()
    assert endpoint.requests[0]["dimensions"] == fake.WIDTH


async def test_no_key(endpoint: fake.Endpoint) -> None:
    """A local endpoint needs no key."""
    embedder = OpenAIEmbedder(base_url=endpoint.url, api_key=None, model="some-model", width=fake.WIDTH)
    assert (await embedder.embed(["hi"])).shape == (1, fake.WIDTH)
    await embedder.aclose()


@pytest.mark.parametrize("key", ["sk-\nsecond-line", "sk-\u00e9"])
def test_key_that_no_header_carries(key: str) -> None:
    """A key that cannot be sent is refused at once, without being quoted."""
    with pytest.raises(SettingsError) as caught:
        OpenAIEmbedder(base_url="http://127.0.0.1:9/v1", api_key=key, model="some-model", width=8)
    assert key not in str(caught.value)


async def test_splits(endpoint: fake.Endpoint) -> None:
    """Many texts go in several requests, a few of them at once, and come back in order."""
    embedder = OpenAIEmbedder(base_url=endpoint.url, api_key=KEY, model="m", width=fake.WIDTH, concurrency=2)
    texts = [f"text {number}" for number in range(5 * REQUEST_TEXTS + 1)]
    many = await embedder.embed(texts)
    assert [len(request["input"]) for request in endpoint.requests] == [REQUEST_TEXTS] * 5 + [1]
    assert endpoint.most_busy <= 2
    assert many[-1] == pytest.approx((await embedder.embed(texts[-1:]))[0])
    await embedder.aclose()


async def test_odd_texts(embedder: OpenAIEmbedder, endpoint: fake.Endpoint) -> None:
    """Empty, long and broken texts get vectors: nothing is sent that an endpoint would refuse all texts for."""
    vectors = await embedder.embed(["", "\x00", "\ud800", "\ud83d\ude00", "字" * 1_000_000])
    sent = endpoint.requests[0]["input"]
    assert sent[:4] == [" ", "\x00", "\ufffd", "😀"]
    assert set(sent[4]) == {"字"}
    assert TEXT_BYTES - 3 < len(sent[4].encode()) <= TEXT_BYTES
    assert vectors.shape == (5, fake.WIDTH)


async def test_request_size(embedder: OpenAIEmbedder, endpoint: fake.Endpoint) -> None:
    """A request holds no more bytes than an endpoint takes tokens."""
    await embedder.embed(["x" * 1_000_000] * (2 * REQUEST_TEXTS))
    sizes = [sum(map(len, request["input"])) for request in endpoint.requests]
    assert max(sizes) <= REQUEST_BYTES
    assert sum(sizes) == 2 * REQUEST_TEXTS * TEXT_BYTES


def without(field: str) -> Any:
    return fake.alters(lambda items: [{name: item[name] for name in item if name != field} for item in items])


def replacing(values: list[Any]) -> Any:
    return fake.alters(lambda items: [items[0] | {"embedding": values}, *items[1:]])


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(replacing([1.0] * 9), id="one wider"),
        pytest.param(fake.alters(lambda items: [item | {"embedding": [1.0] * 9} for item in items]), id="all wider"),
        pytest.param(replacing([]), id="empty vector"),
        pytest.param(replacing([float("nan")] * 8), id="NaN"),
        pytest.param(replacing([float("inf")] * 8), id="infinite"),
        pytest.param(replacing([1e300] * 8), id="length overflows"),
        pytest.param(replacing([0.0] * 8), id="no direction"),
        pytest.param(replacing([None] * 8), id="nulls"),
        pytest.param(replacing(["1"] * 8), id="strings"),
        pytest.param(fake.alters(lambda items: items[1:]), id="one missing"),
        pytest.param(fake.alters(lambda items: [*items, items[0]]), id="one twice"),
        pytest.param(fake.alters(lambda items: [item | {"index": 0} for item in items]), id="same index"),
        pytest.param(fake.alters(lambda items: [item | {"index": item["index"] + 1} for item in items]), id="from one"),
        pytest.param(without("index"), id="no index"),
        pytest.param(without("embedding"), id="no vector"),
        pytest.param(fake.says(b'{"data": [{"index": 0, "embed'), id="cut off"),
        pytest.param(fake.says(b"<html>Welcome</html>"), id="a web page"),
        pytest.param(fake.says(b"\xff\xfe\x00"), id="not UTF-8"),
        pytest.param(fake.says(b""), id="nothing"),
        pytest.param(fake.says(b"null"), id="null"),
        pytest.param(fake.says(b'{"x":' + b"[" * 100_000), id="deeply nested"),
        pytest.param(fake.says({"error": {"message": "out of memory"}}), id="an error with status 200"),
        pytest.param(fake.floods, id="100 MB"),
    ],
)
async def test_misbehaved(embedder: OpenAIEmbedder, endpoint: fake.Endpoint, behave: Any) -> None:
    """An answer that is not one vector of the right width per text is named as such, and nothing of it is used."""
    endpoint.behave = behave
    with pytest.raises(ModelMisbehaved):
        await embedder.embed(["one", "two"])
    endpoint.behave = fake.good
    assert (await embedder.embed(["one"])).shape == (1, fake.WIDTH)


async def test_wrong_width_says_which(embedder: OpenAIEmbedder, endpoint: fake.Endpoint) -> None:
    """The error names both widths and the setting."""
    endpoint.behave = fake.alters(lambda items: [item | {"embedding": [1.0] * 9} for item in items])
    with pytest.raises(ModelMisbehaved, match="9 numbers, not 8") as caught:
        await embedder.embed(["one"])
    assert "RECOLLECT_EMBEDDING_WIDTH" in caught.value.hint


@pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 429, 500, 503])
async def test_refused(embedder: OpenAIEmbedder, endpoint: fake.Endpoint, status: int) -> None:
    """A status other than success is an error that says the status and the endpoint's reason; one request is made."""
    endpoint.behave = fake.says({"error": {"message": "because of that"}}, status, location="/elsewhere")
    with pytest.raises(ModelUnavailable, match=f"{status}: because of that") as caught:
        await embedder.embed(["one"])
    assert not isinstance(caught.value, ModelMisbehaved)
    assert caught.value.retry_after is None
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7), ("0.5", 0.5), ("-3", 0), ("1e300", 86_400), ("nan", None), ("soon", None), ("", None)],
)
async def test_retry_after(
    embedder: OpenAIEmbedder, endpoint: fake.Endpoint, status: int, header: str, expected: float | None
) -> None:
    """How long the endpoint wants to be left alone is handed on, if it makes sense."""
    endpoint.behave = fake.says({}, status, retry_after=header)
    with pytest.raises(ModelUnavailable) as caught:
        await embedder.embed(["one"])
    assert caught.value.retry_after == expected


async def test_retry_after_date(embedder: OpenAIEmbedder, endpoint: fake.Endpoint) -> None:
    """The wait may be given as a date."""
    endpoint.behave = fake.says({}, 503, retry_after=formatdate(time.time() + 3_600, usegmt=True))
    with pytest.raises(ModelUnavailable) as caught:
        await embedder.embed(["one"])
    assert caught.value.retry_after is not None
    assert 3_500 < caught.value.retry_after <= 3_600


@pytest.mark.parametrize("behave", [fake.hangs, fake.trickles])
async def test_time_limit(endpoint: fake.Endpoint, behave: Any) -> None:
    """The limit holds for the answer as a whole: a silent endpoint ends at it, and one that trickles too."""
    endpoint.behave = behave
    embedder = OpenAIEmbedder(base_url=endpoint.url, api_key=KEY, model="m", width=fake.WIDTH, timeout=0.3)
    with pytest.raises(ModelUnavailable, match=r"0\.3 seconds"):
        await asyncio.wait_for(embedder.embed(["one"]), 30)
    await embedder.aclose()


async def test_dropped_connection(embedder: OpenAIEmbedder, endpoint: fake.Endpoint) -> None:
    """A connection that breaks in the middle of the answer is an endpoint that does not answer."""
    endpoint.behave = fake.drops
    with pytest.raises(ModelUnavailable, match="did not answer"):
        await embedder.embed(["one"])


async def test_nobody_there() -> None:
    """So is an address where nobody listens."""
    async with fake.endpoint() as gone:
        url = gone.url
    embedder = OpenAIEmbedder(base_url=url, api_key=None, model="m", width=fake.WIDTH)
    with pytest.raises(ModelUnavailable, match="ConnectError"):
        await embedder.embed(["one"])
    await embedder.aclose()


async def test_one_failure_ends_all(endpoint: fake.Endpoint) -> None:
    """When one of several requests fails, the others are given up and the error is that one's."""

    async def behave(request: fake.Json, writer: asyncio.StreamWriter) -> None:
        await (fake.says({}, 500) if "last" in request["input"] else fake.hangs)(request, writer)

    endpoint.behave = behave
    embedder = OpenAIEmbedder(base_url=endpoint.url, api_key=KEY, model="m", width=fake.WIDTH, timeout=60)
    with pytest.raises(ModelUnavailable, match="500"):
        await asyncio.wait_for(embedder.embed(["text"] * (2 * REQUEST_TEXTS) + ["last"]), 30)
    await embedder.aclose()


@pytest.mark.parametrize("status", [302, 401, 500])
async def test_key_is_not_told(
    embedder: OpenAIEmbedder, endpoint: fake.Endpoint, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """An endpoint that repeats the key finds it in no error, traceback or log line of ours."""
    caplog.set_level(logging.DEBUG)
    endpoint.behave = fake.says({"error": {"message": f"Incorrect API key provided: {KEY}"}}, status)
    with pytest.raises(ModelUnavailable, match=r"provided: \*\*\*") as caught:
        await embedder.embed(["one"])
    assert KEY not in str(caught.getrepr(style="long", chain=True))
    logging.getLogger(__name__).error("failed", exc_info=caught.value)
    assert KEY not in caplog.text
