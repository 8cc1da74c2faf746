"""Models that fail at one text, or at all: who suffers, for how long, and how it ends."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable

import endpoint as fake
import httpx
import pytest
import workplace
from workplace import all_done, client, found, number, remote, rows, say, until, working

from recollect.embed.openai import OpenAIEmbedder
from recollect.store import Store
from recollect.work.worker import Kind

Behaviour = Callable[[fake.Json, asyncio.StreamWriter], Awaitable[None]]


async def not_numbers(request: fake.Json, writer: asyncio.StreamWriter) -> None:
    answer = fake.answer(request)
    for item in answer["data"]:
        item["embedding"][0] = math.nan
    writer.write(fake.raw(json.dumps(answer).encode()))
    await writer.drain()


async def too_wide(request: fake.Json, writer: asyncio.StreamWriter) -> None:
    writer.write(fake.raw(json.dumps(fake.answer(request, width=9)).encode()))
    await writer.drain()


FAILURES: dict[str, Behaviour] = {
    "refuses": fake.says({"error": {"message": "no"}}, 400),
    "breaks": fake.says({}, 500),
    "hangs": fake.hangs,
    "drops the connection": fake.drops,
    "trickles": fake.trickles,
    "sends no JSON": fake.says(b"<html>"),
    "sends other widths": too_wide,
    "sends no numbers": not_numbers,
}


def poisoned(failure: Behaviour) -> Behaviour:
    """Return the behaviour of an endpoint that fails whenever a text is `poison`."""

    async def behave(request: fake.Json, writer: asyncio.StreamWriter) -> None:
        await (failure if "poison" in request["input"] else fake.good)(request, writer)

    return behave


def hasty(kind: Kind) -> Kind:
    return kind._replace(pause_seconds=0.01, attempts=3)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for an endpoint no longer than a test can, and look often."""
    defaults = OpenAIEmbedder.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "timeout", 0.5)
    monkeypatch.setattr("recollect.work.worker.POLL_SECONDS", 0.05)


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_poisoned_message(store: Store, endpoint: fake.Endpoint, failure: str) -> None:
    """A text that the endpoint fails at is given up after its attempts, visibly; no other message suffers."""
    endpoint.behave = poisoned(FAILURES[failure])
    async with working(store, remote(endpoint.url), change=hasty) as app, client(app) as api:
        for place in range(30):
            await say(api, f"s{place % 3}", ["poison" if place == 7 else f"fine {place}"])
        await until(lambda: _all_failed_or_done(store))
        assert await number(store, "SELECT count(*) FROM message_embeddings") == 29
        (job,) = (await api.get("jobs", params={"state": "failed"})).json()
        assert (job["kind"], job["state"], job["items"], job["attempts"]) == ("embed", "failed", 1, 3)
        assert "Model" in job["error"]
        assert await say(api, "s1", ["another one"], wait=30) == 200
        assert await found(api, "s1", "another one", limit=1) == ["another one"]


async def test_a_poisoned_message_among_others_of_one_add(store: Store, endpoint: fake.Endpoint) -> None:
    """Messages that were added together with one that the endpoint fails at are embedded all the same."""
    endpoint.behave = poisoned(FAILURES["breaks"])
    async with working(store, remote(endpoint.url), change=hasty) as app, client(app) as api:
        await say(api, "s", ["poison" if place == 3 else f"fine {place}" for place in range(10)])
        await until(lambda: _all_failed_or_done(store))
        assert await number(store, "SELECT count(*) FROM message_embeddings") == 9
        assert len((await api.get("jobs", params={"state": "failed"})).json()) == 1


async def _all_failed_or_done(store: Store) -> bool:
    return await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NULL") == 0


async def test_a_failed_job_is_run_again(store: Store, endpoint: fake.Endpoint) -> None:
    """Once the cause is gone, POST /jobs/{id}/retry runs a failed job with all its attempts before it."""
    endpoint.behave = poisoned(FAILURES["breaks"])
    async with working(store, remote(endpoint.url), change=hasty) as app, client(app) as api:
        await say(api, "s", ["poison"])
        await until(lambda: _all_failed_or_done(store))
        (job,) = (await api.get("jobs", params={"state": "failed"})).json()
        assert (await api.post(f"jobs/{job['id']}/retry")).status_code == 200
        await until(lambda: _all_failed_or_done(store))
        (again,) = (await api.get("jobs", params={"state": "failed"})).json()
        assert (again["id"], again["attempts"]) == (job["id"], 3)
        endpoint.behave = fake.good
        assert (await api.post(f"jobs/{job['id']}/retry")).status_code == 200
        await until(lambda: all_done(store))
        assert await workplace.vectors_per_message(store) == {1}
        assert (await api.post(f"jobs/{job['id']}/retry")).status_code == 404


@pytest.mark.parametrize("failure", [*FAILURES, "asks to be left alone"])
async def test_an_endpoint_that_is_away(store: Store, endpoint: fake.Endpoint, failure: str) -> None:
    """While the endpoint fails at everything, messages are added and read; when it is back all is embedded."""
    endpoint.behave = FAILURES.get(failure) or fake.says({}, 429, retry_after="0.2")
    async with working(store, remote(endpoint.url), change=hasty) as app, client(app) as api:
        for place in range(20):
            assert await say(api, f"s{place}", [f"text {place}", ""]) == 200
        await until(lambda: _asked(endpoint, 8))
        memory = await api.get("sessions/s3/memory")
        assert [message["content"] for message in memory.json()["messages"]] == ["text 3", ""]
        assert await say(api, "s3", ["late"], wait=0.1) == 202
        assert await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NOT NULL") == 0
        assert await number(store, "SELECT max(attempts) FROM jobs") <= 1
        endpoint.behave = fake.good
        await until(lambda: all_done(store))
        assert await workplace.vectors_per_message(store) == {1}


async def _asked(endpoint: fake.Endpoint, times: int) -> bool:
    return len(endpoint.requests) >= times


async def test_the_model_goes_away_while_the_one_at_fault_is_looked_for(store: Store, endpoint: fake.Endpoint) -> None:
    """When the endpoint vanishes in the middle of running jobs one by one, those left are put off and not blamed."""
    singles = 0

    async def behave(request: fake.Json, writer: asyncio.StreamWriter) -> None:
        nonlocal singles
        together = len(request["input"]) > 1
        singles += not together
        await (FAILURES["breaks"] if together or singles > 5 else fake.good)(request, writer)

    endpoint.behave = FAILURES["breaks"]
    async with working(store, remote(endpoint.url), change=hasty) as app, client(app) as api:
        for place in range(20):
            await say(api, "s", [f"text {place}"])
        endpoint.behave = behave
        await until(lambda: _more(singles_of=lambda: singles, than=6))
        assert await number(store, "SELECT count(*) FROM message_embeddings") <= 5
        assert await number(store, "SELECT max(attempts) FROM jobs") <= 1
        endpoint.behave = fake.good
        await until(lambda: all_done(store))
    assert await workplace.vectors_per_message(store) == {1}


async def _more(singles_of: Callable[[], int], than: int) -> bool:
    return singles_of() > than


async def test_a_slow_text_does_not_delay_another_session(store: Store, endpoint: fake.Endpoint) -> None:
    """While the endpoint takes its time over one session's message, another session's is embedded."""
    slow = asyncio.Event()

    async def behave(request: fake.Json, writer: asyncio.StreamWriter) -> None:
        if "slow" in request["input"]:
            await slow.wait()
        await fake.good(request, writer)

    endpoint.behave = behave
    patient = remote(endpoint.url)
    async with working(store, patient, lanes=2) as app, client(app) as api:
        assert app.services is not None
        assert app.services.models.active is not None
        app.services.models.active.embedder._timeout = 60  # type: ignore[attr-defined]
        await say(api, "one", ["slow"])
        await until(lambda: _asked(endpoint, 1))
        assert await say(api, "another", ["quick"], wait=30) == 200
        assert await found(api, "another", "quick") == ["quick"]
        assert not slow.is_set()
        slow.set()
        await until(lambda: all_done(store))


async def test_the_same_message_twice_in_a_row(
    store: Store, endpoint: fake.Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that is added again before it was embedded is embedded once, as it reads now, without a stumble."""
    uuid = "6b0b9d1c-0d5e-4d3c-9f5c-2b1c1d1e1f10"
    async with workplace.idle(store, remote(endpoint.url)) as app, client(app) as api:
        for content in ("first", "second", "third"):
            body = {"messages": [{"uuid": uuid, "role": "user", "content": content}]}
            assert (await api.post("sessions/s/memory", json=body)).status_code == 200
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        await until(lambda: all_done(store))
        assert await workplace.vectors_per_message(store) == {1}
        asked = [text for request in endpoint.requests for text in request["input"]]
        assert asked == ["third"]
        assert await found(api, "s", "third") == ["third"]
    assert [record.message for record in caplog.records if record.levelname != "INFO"] == []


async def test_errors_hold_no_message(store: Store, endpoint: fake.Endpoint) -> None:
    """What is kept of an error and shown to operators does not quote the text that was embedded."""
    endpoint.behave = poisoned(fake.says({"error": {"message": "cannot embed"}}, 400))
    async with working(store, remote(endpoint.url), change=hasty) as app, client(app) as api:
        await say(api, "s", ["poison", "private words"])
        await until(lambda: _all_failed_or_done(store))
    errors = [row[0] for row in await rows(store, "SELECT error FROM jobs")]
    assert errors == ["ModelUnavailable: The embedding endpoint answered 400: cannot embed"]


async def test_what_wait_answers(store: Store, endpoint: fake.Endpoint) -> None:
    """`wait`: 200 when embedded, 202 when time runs out or the job failed, 400 for nonsense, nothing stored then."""
    endpoint.behave = poisoned(FAILURES["breaks"])
    async with working(store, remote(endpoint.url), change=hasty) as app, client(app) as api:
        assert await say(api, "s", ["fine"], wait=30) == 200
        assert await found(api, "s", "fine") == ["fine"]
        assert await say(api, "s", [], wait=30) == 200
        assert await say(api, "s", [""], wait=30) == 200
        assert await say(api, "s", ["poison"], wait=0.05) == 202
        await until(lambda: _all_failed_or_done(store))
        assert await say(api, "s", ["poison"], wait=2) == 202
        before = await number(store, "SELECT count(*) FROM messages")
        for nonsense in ("soon", "-1", "nan", "inf", "61", "1e99"):
            answer = await api.post(f"sessions/s/memory?wait={nonsense}", json={"messages": [{"content": "x"}]})
            assert (answer.status_code, "wait" in answer.text) == (400, True)
        assert await number(store, "SELECT count(*) FROM messages") == before


async def test_without_a_worker_wait_comes_back(api: httpx.AsyncClient) -> None:
    """Nobody embeds: a caller who waits is told in time that the messages are stored."""
    assert await say(api, "s", ["hello"], wait=0.1) == 202
    assert await say(api, "s", ["hello"]) == 200
