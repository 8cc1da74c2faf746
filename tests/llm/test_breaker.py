"""An endpoint that is away is left alone, and found again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from language_model import Endpoint

from recollect.errors import ModelMisbehaved, ModelUnavailable
from recollect.llm import Call, Prompt
from recollect.llm.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, WHILE_TRYING, Breaker
from recollect.llm.model import Model

PROMPT = Prompt("Be brief.", "Say #yes.")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker, error: ModelUnavailable | None = None) -> ModelUnavailable:
    """Try to pass, and fail; return what was raised."""
    with pytest.raises(ModelUnavailable) as caught, breaker.passing():
        raise error or ModelUnavailable("away")
    return caught.value


def test_opens_after_failures_in_a_row() -> None:
    """Failures in a row open it, failures with successes between them do not; open, it says how long to wait."""
    breaker = Breaker(clock := Clock())
    for _ in range(3):
        for _ in range(FAILURES - 1):
            assert fail(breaker).message == "away"
        with breaker.passing():
            pass
    for _ in range(FAILURES):
        assert fail(breaker).message == "away"
    refused = fail(breaker)
    assert "left alone" in refused.message
    assert refused.retry_after == FIRST_PAUSE
    clock.now += FIRST_PAUSE / 2
    assert fail(breaker).retry_after == max(FIRST_PAUSE / 2, WHILE_TRYING)


def test_lets_one_try() -> None:
    """After the pause one passes, and nobody beside it; its success opens the way to all."""
    breaker = Breaker(clock := Clock())
    for _ in range(FAILURES):
        fail(breaker)
    clock.now += FIRST_PAUSE
    with breaker.passing():
        assert "left alone" in fail(breaker).message
    for _ in range(FAILURES - 1):
        assert fail(breaker).message == "away"
    with breaker.passing():
        pass


def test_pauses_grow() -> None:
    """Each try that fails doubles the pause, up to the longest."""
    breaker = Breaker(clock := Clock())
    for _ in range(FAILURES):
        fail(breaker)
    pauses = []
    for _ in range(10):
        pauses.append(fail(breaker).retry_after)
        clock.now += pauses[-1] or 0
        assert fail(breaker).message == "away"
    assert pauses == [min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(10)]


def test_a_try_that_is_given_up() -> None:
    """A try that is cancelled neither counts nor bars the next one."""
    breaker = Breaker(clock := Clock())
    for _ in range(FAILURES):
        fail(breaker)
    clock.now += FIRST_PAUSE
    with pytest.raises(asyncio.CancelledError), breaker.passing():
        raise asyncio.CancelledError
    with breaker.passing():
        pass


@given(st.floats(0.1, 86_400), st.floats(0, 0.999))
def test_respects_retry_after(seconds: float, share: float) -> None:
    """An endpoint that says how long it wants to be left alone is, from its first failure on, and no longer."""
    breaker = Breaker(clock := Clock())
    fail(breaker, ModelUnavailable("busy", retry_after=seconds))
    clock.now += seconds * share
    assert "left alone" in fail(breaker).message
    clock.now = 1000.0 + seconds
    with breaker.passing():
        pass


Opened = Callable[..., AbstractAsyncContextManager[Model]]


async def ask(model: Model) -> str:
    """Ask for a text."""
    return await model.complete("summarise", PROMPT, max_tokens=50)


async def test_leaves_the_endpoint_alone(endpoint: Endpoint, opened: Opened, calls: list[Call]) -> None:
    """An endpoint that is away is not asked any more; when it is back, it is found without anybody's doing."""
    endpoint.always({"status": 500})
    async with opened() as model:
        for _ in range(FAILURES + 3):
            with pytest.raises(ModelUnavailable) as caught:
                await ask(model)
        assert caught.value.retry_after is not None
        assert len(endpoint.asked()) == len(calls) == FAILURES
        endpoint.always({})
        async with asyncio.timeout(60):
            while True:
                try:
                    assert await ask(model) == "#yes"
                    break
                except ModelUnavailable as error:
                    await asyncio.sleep(error.retry_after or 0)


async def test_does_as_it_is_told(endpoint: Endpoint, opened: Opened) -> None:
    """With 429 and Retry-After nobody asks again until then, whoever else has something to ask."""
    endpoint.script([{"status": 429, "headers": {"retry-after": "3600"}}])
    async with opened() as model:
        waits = []
        for _ in range(4):
            with pytest.raises(ModelUnavailable) as caught:
                await ask(model)
            waits.append(caught.value.retry_after or 0)
    assert len(endpoint.asked()) == 1
    assert min(waits) > 3500


async def test_bad_answers_do_not_count(endpoint: Endpoint, opened: Opened) -> None:
    """A model that answers, though nothing of use, is not away."""
    endpoint.always({"refusal": "no"})
    async with opened() as model:
        for _ in range(2 * FAILURES):
            with pytest.raises(ModelMisbehaved, match="refused"):
                await ask(model)
    assert len(endpoint.asked()) == 2 * FAILURES


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_few_at_once(endpoint: Endpoint, opened: Opened, concurrency: int) -> None:
    """No more questions are under way than the setting says, however many are asked; all are answered."""
    endpoint.always({"delay": 0.05})
    async with opened(llm_concurrency=concurrency) as model:
        assert set(await asyncio.gather(*(ask(model) for _ in range(12)))) == {"#yes"}
    assert endpoint.most_busy() == concurrency


async def test_cancelled_questions_make_room(endpoint: Endpoint, opened: Opened, calls: list[Call]) -> None:
    """A question that is given up leaves its place to the next one, and is noted as one that brought nothing."""
    endpoint.script([{"do": "hang"}])
    async with opened(llm_concurrency=1) as model:
        asking = asyncio.create_task(ask(model))
        async with asyncio.timeout(30):
            while not endpoint.asked():  # noqa: ASYNC110 -- it is another process that knows
                await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await ask(model) == "#yes"
    assert [call.failures for call in calls] == [1, 0]
