"""Summaries made by a worker that asks an endpoint of its own process; what it answers tells what it was told."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from language_model import KEY, Endpoint
from workplace import client, idle, language_model, number, process, rows, running, say, until, worker_of, working

from recollect.core import tokens
from recollect.http.app import App
from recollect.settings import Settings
from recollect.store import Store, sessions, summaries
from recollect.store.directory import Place
from recollect.store.summaries import NewSummary, Point, Scope
from recollect.work.worker import Kind


def covered(prompt: str) -> str:
    """Answer "#first-#last" if the marks of the last summary and of the lines follow each other, else what is wrong."""
    import re  # noqa: PLC0415 -- runs elsewhere

    old, _, new = prompt[prompt.rfind("<summary>") :].partition("<lines>")
    before = re.findall(r"#(\d+)-#(\d+)", old)
    marks = [int(mark) for mark in re.findall(r"#(\d+)", new)]
    first, last = map(int, before[0]) if before else (marks[0], marks[0] - 1)
    if marks and marks != list(range(last + 1, marks[-1] + 1)):
        return f"{marks} do not follow {before}"
    return f"#{first}-#{marks[-1] if marks else last}"


def alone(endpoint: Endpoint, **others: object) -> Settings:
    """Return settings that make summaries and nothing else."""
    return endpoint.settings(embedding_provider="none", entities=False, intents=False, **others)


def hasty(kind: Kind) -> Kind:
    return kind._replace(attempts=3, pause_seconds=0.01)


@contextlib.asynccontextmanager
async def server(store: Store, settings: Settings) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    async with working(store, settings, lanes=2, change=hasty) as app, client(app) as api:
        yield app, api


def marked(first: int, last: int) -> list[str]:
    return [f"m #{mark}" for mark in range(first, last + 1)]


async def add(api: httpx.AsyncClient, session: str, contents: list[str]) -> None:
    assert await say(api, session, contents) == 200


async def waiting(store: Store) -> int:
    return await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NULL")


async def done(store: Store) -> None:
    async def nothing_waits() -> bool:
        return await waiting(store) == 0

    await until(nothing_waits)


async def listed(api: httpx.AsyncClient, session: str, **query: object) -> list[str]:
    answer = await api.get(f"sessions/{session}/summaries", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [summary["content"] for summary in answer.json()]


async def memory(api: httpx.AsyncClient, session: str) -> Any:
    return (await api.get(f"sessions/{session}/memory")).json()


async def until_asked(endpoint: Endpoint, times: int = 1) -> None:
    async def asked() -> bool:
        return len(endpoint.asked()) >= times

    await until(asked)


async def test_thirty_at_once(store: Store, endpoint: Endpoint) -> None:
    """Of thirty messages added at once 24 are in the summary, and six in the window: none is anywhere else."""
    async with server(store, alone(endpoint)) as (_, api):
        await add(api, "s", marked(1, 30))
        await done(store)
        read = await memory(api, "s")
    assert read["summary"]["content"].split() == [f"#{mark}" for mark in range(1, 25)]
    assert [message["content"] for message in read["messages"]] == marked(25, 30)
    assert read["summary"]["token_count"] == tokens.count_text(read["summary"]["content"])
    assert len(endpoint.asked()) == 1


async def test_thousands_at_once(store: Store, endpoint: Endpoint) -> None:
    """Five thousand messages are summarised 200 at a time, each summary carrying on the one before it."""
    endpoint.rule(covered)
    async with server(store, alone(endpoint)) as (_, api):
        await add(api, "s", marked(1, 5000))
        await done(store)
        history = await listed(api, "s")
        read = await memory(api, "s")
    assert history == [f"#1-#{last}" for last in [*range(200, 4801, 200), 4994]]
    assert [message["content"] for message in read["messages"]] == marked(4995, 5000)
    assert endpoint.most_busy() == 1


async def test_little_by_little(store: Store, endpoint: Endpoint) -> None:
    """Added one by one, every sixth message from the twelfth on makes a summary; no question is asked in vain."""
    endpoint.rule(covered)
    async with server(store, alone(endpoint)) as (_, api):
        for mark in range(1, 31):
            await add(api, "s", marked(mark, mark))
            await done(store)
        assert await listed(api, "s") == ["#1-#6", "#1-#12", "#1-#18", "#1-#24"]
    assert len(endpoint.asked()) == 4


async def test_a_job_that_lags_behind(store: Store, endpoint: Endpoint) -> None:
    """Forty messages that came while nobody worked are summarised by one question, whatever jobs they left."""
    async with idle(store, alone(endpoint)) as app, client(app) as api:
        for mark in range(1, 41):
            await add(api, "s", marked(mark, mark))
        assert await waiting(store) == 40
        async with language_model(store, app.settings) as llm, running(worker_of(app, llm).run()):
            await done(store)
        assert (await memory(api, "s"))["summary"]["content"].split()[-1] == "#34"
    assert len(endpoint.asked()) == 1


async def test_a_long_message(store: Store, endpoint: Endpoint) -> None:
    """A message longer than the model's context is told in parts, one after the other; no word of it is left out."""
    endpoint.rule(covered)
    settings = alone(endpoint, llm_context_tokens=2048, message_window=2)
    text = " ".join(f"#{mark}" for mark in range(1, 2001))
    async with server(store, settings) as (_, api):
        await add(api, "s", [text, "m #2001", "m #2002"])
        await done(store)
        assert await listed(api, "s") == ["#1-#2001"]
    prompts = [request["prompt"] for request in endpoint.asked()]
    assert len(prompts) > 10
    assert max(map(tokens.count_text, prompts)) <= 2048 - 1024


async def test_two_workers(store: Store, endpoint: Endpoint) -> None:
    """Two workers with two lanes each, on sessions that keep growing, cover every message exactly once."""
    endpoint.rule(covered)
    endpoint.always({"delay": 0.05})
    settings = alone(endpoint)
    async with server(store, settings) as (_, api), server(store, settings):

        async def grow(session: str) -> None:
            for mark in range(1, 61):
                await add(api, session, marked(mark, mark))

        await asyncio.gather(*(grow(f"s{place}") for place in range(4)))
        await done(store)
        for place in range(4):
            history = await listed(api, f"s{place}")
            ends = [int(text.removeprefix("#1-#")) for text in history]
            assert ends == sorted(set(ends))
            assert 60 - ends[-1] < 12
            assert (await memory(api, f"s{place}"))["messages"][0]["content"] == f"m #{ends[-1] + 1}"
    assert endpoint.most_busy() <= 4  # no session was summarised twice at once


async def test_of_two_who_summarise_the_second_loses(store: Store, endpoint: Endpoint) -> None:
    """Of many that store summaries from the same point at the same time one does, also if theirs end elsewhere."""
    async with idle(store, alone(endpoint)) as app, client(app) as api:
        await add(api, "s", marked(1, 20))
    place = Place(*(await rows(store, "SELECT bucket, key FROM sessions"))[0])
    uuids = [row["uuid"] for row in await rows(store, "SELECT uuid FROM messages ORDER BY seq")]
    stored = await asyncio.gather(
        *(
            summaries.put(store, place, Point(0, 0, ""), NewSummary(seq, uuids[seq - 1], "text", 1), ())
            for seq in range(1, 17)
        )
    )
    assert sum(stored) == 1
    assert await number(store, "SELECT count(*) FROM summaries") == 1


@pytest.mark.parametrize("revived", [False, True])
async def test_a_session_deleted_meanwhile(store: Store, endpoint: Endpoint, *, revived: bool) -> None:
    """A summary that comes back after its session was deleted is not stored, even if the session has come back, too."""
    endpoint.script([{"delay": 1}])
    async with server(store, alone(endpoint)) as (_, api):
        await add(api, "s", marked(1, 12))
        await until_asked(endpoint)
        assert (await api.delete("sessions/s/memory")).status_code == 200
        if revived:
            await add(api, "s", marked(101, 112))
        await sessions.purge(store)
        await done(store)
        assert await listed(api, "s") == ([" ".join(f"#{mark}" for mark in range(101, 107))] if revived else [])
    assert await number(store, "SELECT count(*) FROM summaries") == revived


async def test_a_session_that_came_back(store: Store, endpoint: Endpoint) -> None:
    """After a revival nothing of the old messages is in a summary, nor are the old summaries listed."""
    async with server(store, alone(endpoint)) as (_, api):
        await add(api, "s", marked(1, 12))
        await done(store)
        await api.delete("sessions/s/memory")
        assert await listed(api, "s") == []
        await add(api, "s", marked(101, 111))
        await done(store)
        assert (await memory(api, "s"))["summary"]["content"] == ""
        await add(api, "s", marked(112, 112))
        await done(store)
        assert (await memory(api, "s"))["summary"]["content"] == "#101 #102 #103 #104 #105 #106"
        assert len(await listed(api, "s")) == 1


HOMELESS = """
SELECT (SELECT count(*) FROM summaries AS y WHERE NOT EXISTS (
        SELECT FROM sessions AS s WHERE s.bucket = y.bucket AND s.key = y.session_key AND y.seq > s.cleared_seq))
    + (SELECT count(*) FROM summary_embeddings AS e WHERE NOT EXISTS (
        SELECT FROM summaries AS y WHERE y.bucket = e.bucket AND y.session_key = e.session_key AND y.seq = e.seq))
    + (SELECT count(*) FROM sessions AS s WHERE s.summarised_seq > s.cleared_seq AND s.summarised_seq <> (
        SELECT max(seq) FROM summaries AS y WHERE y.bucket = s.bucket AND y.session_key = s.key))
"""


@pytest.mark.parametrize("seed", range(2))
async def test_everything_at_once(store: Store, endpoint: Endpoint, seed: int) -> None:
    """Adding, deleting, purging and reviving at random while others summarise leaves no summary of what is gone."""
    settings = endpoint.settings(entities=False, intents=False, message_window=3)
    async with working(store, settings, lanes=2, change=hasty) as app, client(app) as api:

        async def stir(draw: random.Random) -> None:
            for _ in range(40):
                session, step = f"s{draw.randrange(4)}", draw.random()
                if step < 0.75:
                    await add(api, session, marked(1, draw.randrange(1, 4)))
                elif step < 0.92:
                    assert (await api.delete(f"sessions/{session}/memory")).status_code in {200, 404}
                else:
                    await sessions.purge(store)

        await asyncio.gather(*(stir(random.Random(f"{seed}.{part}")) for part in range(5)))
        await sessions.purge(store)
        await done(store)
        assert (await api.get("jobs")).json() == []
        unsummarised = await rows(store, UNSUMMARISED)
    assert await number(store, HOMELESS) == 0
    assert all(row[0] < 3 for row in unsummarised)
    assert await number(store, "SELECT count(*) FROM summaries") > 0


UNSUMMARISED = """
SELECT count(m.seq) FROM sessions AS s JOIN messages AS m ON m.bucket = s.bucket AND m.session_key = s.key
    AND m.seq > greatest(s.summarised_seq, s.cleared_seq)
WHERE s.deleted_at IS NULL GROUP BY s.bucket, s.key
"""


@pytest.mark.parametrize(
    ("answer", "shown"),
    [({"text": "   "}, ""), ({"text": "blah " * 10_000}, "blah blah"), ({"refusal": "I won't."}, "I won't")],
    ids=["empty", "endless", "refusal"],
)
async def test_a_model_that_misbehaves(store: Store, endpoint: Endpoint, answer: dict[str, Any], shown: str) -> None:
    """An answer that is no summary fails the job, which shows it; the job runs well once the model does."""
    endpoint.always(answer)
    async with server(store, alone(endpoint)) as (_, api):
        await add(api, "s", marked(1, 12))
        await done(store)
        (job,) = (await api.get("jobs", params={"state": "failed"})).json()
        assert (job["kind"], job["attempts"]) == ("summarise", 3)
        assert job["error"].startswith("ModelMisbehaved")
        assert shown in job["error"]
        assert await listed(api, "s") == []
        assert len((await memory(api, "s"))["messages"]) == 12
        endpoint.always({})
        await api.post(f"jobs/{job['id']}/retry")
        await done(store)
        assert await listed(api, "s") == ["#1 #2 #3 #4 #5 #6"]
        assert (await api.get("jobs")).json() == []


async def test_one_bad_session_holds_up_no_other(store: Store, endpoint: Endpoint) -> None:
    """A session that the model fails at is failed alone; those taken with it get their summaries."""

    def stumbles(prompt: str) -> str:
        return "" if "poison" in prompt else "fine"

    endpoint.rule(stumbles)
    async with server(store, alone(endpoint)) as (_, api):
        for place in range(6):
            await add(api, f"s{place}", ["poison"] * 12 if place == 2 else marked(1, 12))
        await done(store)
        assert [len(await listed(api, f"s{place}")) for place in range(6)] == [1, 1, 0, 1, 1, 1]
        assert len((await api.get("jobs", params={"state": "failed"})).json()) == 1


async def test_a_model_that_is_away(store: Store, endpoint: Endpoint) -> None:
    """While the model is away jobs wait without using up attempts, and go on by themselves when it is back."""
    endpoint.always({"status": 500})
    async with server(store, alone(endpoint)) as (_, api):
        await add(api, "s", marked(1, 12))
        await until_asked(endpoint, 4)
        (job,) = (await api.get("jobs")).json()
        assert (job["state"] in {"due", "leased"}, job["attempts"] <= 1) == (True, True)
        endpoint.always({})
        await done(store)
        assert len(await listed(api, "s")) == 1


async def test_a_worker_is_killed(store: Store, endpoint: Endpoint) -> None:
    """A worker killed in the middle of a long backlog loses nothing: the next one goes on at the last summary."""
    endpoint.rule(covered)
    endpoint.script([{}, {}, {"do": "hang"}])
    settings = alone(endpoint)
    environ = {
        "RECOLLECT_DATABASE_URL": store.database.dsn,
        "RECOLLECT_EMBEDDING_PROVIDER": "none",
        "RECOLLECT_LLM_BASE_URL": endpoint.url,
        "RECOLLECT_LLM_API_KEY": KEY,
        "RECOLLECT_LLM_MODEL": "made-up",
        "RECOLLECT_ENTITIES": "false",
        "RECOLLECT_INTENTS": "false",
    }
    async with idle(store, settings) as app, client(app) as api:
        await add(api, "s", marked(1, 1000))
        async with process("-m", "recollect.cli", "work", **environ) as worker:
            await until_asked(endpoint, 3)
            worker.send_signal(signal.SIGKILL)
        assert await listed(api, "s") == ["#1-#200", "#1-#400"]
        await rows(store, "UPDATE jobs SET run_at = now() WHERE leased_by IS NOT NULL")
        async with process("-m", "recollect.cli", "work", **environ):
            await done(store)
        assert await listed(api, "s") == [f"#1-#{last}" for last in (200, 400, 600, 800, 994)]


async def test_a_restart_meanwhile(store: Store, endpoint: Endpoint) -> None:
    """A worker that is told to stop gives its job back, and the next one takes it at once."""
    endpoint.script([{"do": "hang"}])
    async with server(store, alone(endpoint)) as (_, api):
        await add(api, "s", marked(1, 12))
        await until_asked(endpoint)
    async with server(store, alone(endpoint)) as (_, api):
        await done(store)
        assert len(await listed(api, "s")) == 1


async def test_an_own_prompt(store: Store, endpoint: Endpoint) -> None:
    """A template of the operator's own is what the model is asked; what was said cannot fill its slots."""
    settings = alone(
        endpoint, message_window=2, summary_prompt="Old: {{.PrevSummary}}\nNew: {{.MessagesJoined}}\nMine."
    )
    endpoint.always({"text": " So far {{.MessagesJoined}} \n"})
    async with server(store, settings) as (_, api):
        await add(api, "s", ["one {{.PrevSummary}}", "two"])
        await done(store)
        await add(api, "s", ["three"])
        await done(store)
        assert await listed(api, "s") == ["So far {{.MessagesJoined}}"] * 2
    assert [request["prompt"] for request in endpoint.asked()] == [
        "Old: \nNew: user: one {{.PrevSummary}}\nMine.",
        "Old: So far {{.MessagesJoined}}\nNew: user: two\nMine.",
    ]


async def test_blank_messages(store: Store, endpoint: Endpoint) -> None:
    """Blank messages do not postpone a summary and are not told to the model."""
    async with server(store, alone(endpoint)) as (_, api):
        await add(api, "s", [*marked(1, 5), "", " \n ", *marked(6, 12)])
        await done(store)
        assert await listed(api, "s") == ["#1 #2 #3 #4 #5 #6"]
        assert [message["content"] for message in (await memory(api, "s"))["messages"]] == marked(7, 12)
    assert "user: \n" not in endpoint.asked()[0]["prompt"]


async def test_summaries_page_by_page(store: Store, endpoint: Endpoint) -> None:
    """Summaries are listed oldest first, so many at a time, after the one with a given uuid."""
    async with server(store, alone(endpoint, message_window=1)) as (_, api):
        for mark in range(1, 6):
            await add(api, "s", marked(mark, mark))
            await done(store)
        first = (await api.get("sessions/s/summaries", params={"limit": 2})).json()
        assert [summary["content"] for summary in first] == ["#1", "#1 #2"]
        assert set(first[0]) == {"uuid", "created_at", "content", "recent_message_uuid", "token_count"}
        rest = await listed(api, "s", cursor=first[-1]["uuid"])
        assert [len(text.split()) for text in rest] == [3, 4, 5]
        assert await listed(api, "s", cursor="00000000-0000-7000-8000-000000000000") == []
        assert (await api.get("sessions/s/summaries", params={"cursor": "one"})).status_code == 400
        assert await listed(api, "unknown") == []


async def test_what_is_missing(store: Store, endpoint: Endpoint) -> None:
    """What was added before there was a model is enqueued, once, for all sessions or some, and summarised then."""
    without = alone(endpoint, summaries=False)
    async with idle(store, without) as app, client(app) as api:
        await api.post("user", json={"user_id": "ann"})
        await api.post("sessions", json={"session_id": "of ann", "user_id": "ann"})
        for session, last in (("of ann", 30), ("long", 12), ("short", 11)):
            await add(api, session, marked(1, last))
    everything, of_ann = Scope("default"), Scope("default", user_id="ann")
    found = await summaries.missing(store, everything, window=12)
    assert (found.sessions, found.messages) == (2, 42)
    of_both = "SELECT sum(token_count) FROM messages JOIN sessions AS s ON s.key = session_key WHERE session_id <> $1"
    assert found.tokens == await number(store, of_both, "short")
    assert await summaries.missing(store, Scope("default", session_id="short"), window=12) == (0, 0, 0)
    assert (await summaries.missing(store, of_ann, window=12)).messages == 30
    assert await summaries.enqueue_missing(store, Scope("default", session_id="unknown"), window=12) == 0
    assert await summaries.enqueue_missing(store, of_ann, window=12) == 1
    assert await summaries.enqueue_missing(store, everything, window=12) == 1
    assert await summaries.enqueue_missing(store, everything, window=12) == 0
    async with server(store, alone(endpoint)) as (_, api):
        await done(store)
        assert [len(await listed(api, session)) for session in ("of ann", "long", "short")] == [1, 1, 0]
    assert await summaries.missing(store, everything, window=12) == (0, 0, 0)
