"""Enrichment of what was there before: what is missing, what it costs, and that it is made once."""

from __future__ import annotations

import subprocess
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from annotating import add, annotating, done, failed, knowing, leaving_out, listed, names, noted, ruling, server
from language_model import KEY, Endpoint
from live import ENVIRON, RECOLLECT
from workplace import number, rows

from recollect import server as commands
from recollect.errors import ModelUnavailable, SettingsError
from recollect.settings import Settings
from recollect.store import Store
from recollect.store.scope import Scope

ALL = Scope("default")


async def estimated(store: Store, settings: Settings, scope: Scope = ALL) -> dict[str, tuple[int, int]]:
    """Return what is missing by kind: messages, and calls of a model."""
    found = await commands.estimate(settings, store.database.dsn, [], scope)
    return {estimate.kind: (estimate.messages, estimate.calls) for estimate in found}


async def enriched(store: Store, settings: Settings, scope: Scope = ALL, *kinds: Any) -> int:
    """Enrich; return how many jobs that took."""
    most = 0

    def report(_: int, total: int) -> None:
        nonlocal most
        most = max(most, total)

    assert await commands.enrich(settings, store.database.dsn, kinds, scope, report) == 0
    return most


async def test_a_model_comes_later(store: Store, endpoint: Endpoint) -> None:
    """What only rules have annotated a model that comes later annotates, once; then nothing is missing."""
    endpoint.rule(knowing)
    async with server(store, ruling()) as (_, api):
        await add(api, "s", *["Nora came today"] * 40, "nothing")
        await add(api, "t", "Siemens")
        await add(api, "u", {"role": "user", "content": "x", "metadata": {"system": {"entities": [], "intent": "old"}}})
        await done(store)
        settings = annotating(endpoint)
        assert await estimated(store, settings) == {"entities": (42, 3), "intents": (42, 3)}
        assert await enriched(store, settings) == 4
        assert names((await noted(api, "s"))[0]) == ["Nora", "(today)"]
        assert (await noted(api, "s"))[-1] == {"entities": [], "intent": "Saying 7"}
        assert names((await noted(api, "t"))[0]) == ["Siemens"]
        assert await noted(api, "u") == [{"entities": [], "intent": "old"}]
        asked = len(endpoint.asked())
        assert await estimated(store, settings) == {"entities": (0, 0), "intents": (0, 0)}
        assert await enriched(store, settings) == 0
    assert len(endpoint.asked()) == asked == 6


async def test_what_waits_is_not_enqueued_again(store: Store, endpoint: Endpoint) -> None:
    """A message that has a job, be it a failed one, is not missing; its job is done by the command."""
    endpoint.rule(leaving_out)
    settings = annotating(endpoint, intents=False)
    async with server(store, settings) as (_, api):
        await add(api, "s", "poison")
        await done(store)
        assert await failed(store) == 1
    assert await estimated(store, settings) == {"entities": (0, 0)}
    assert await commands.enrich(settings, store.database.dsn, [], ALL, lambda *_: None) == 1
    assert await number(store, "SELECT count(*) FROM jobs") == 1


async def test_scopes(store: Store, endpoint: Endpoint) -> None:
    """A session, a user's sessions, what is no older than a time, and single kinds can be enriched by themselves."""
    endpoint.rule(knowing)
    async with server(store, ruling(entities=False)) as (_, api):
        assert (await api.post("user", json={"user_id": "ann"})).status_code == 201
        assert (await api.post("sessions", json={"session_id": "hers", "user_id": "ann"})).status_code == 201
        for session in ("s", "hers"):
            await add(
                api, session, {"role": "user", "content": "Nora", "created_at": "2024-01-31T00:00:00Z"}, "Siemens"
            )
        settings = annotating(endpoint)
        for scope, missing in [
            (Scope("default", session_id="s"), 2),
            (Scope("default", session_id="unknown"), 0),
            (Scope("default", user_id="ann"), 2),
            (Scope("default", user_id="nobody"), 0),
            (Scope("default", since=_time("2024-02-01")), 2),
            (Scope("default", session_id="s", since=_time("2024-01-31")), 2),
            (Scope("other"), 0),
        ]:
            assert (scope, (await estimated(store, settings, scope))["entities"][0]) == (scope, missing)
        assert (
            await enriched(store, settings, Scope("default", session_id="s", since=_time("2024-02-01")), "intents") == 1
        )
        assert await noted(api, "hers") == [None, None]
        assert await noted(api, "s") == [None, {"intent": "Saying 7"}]
        await enriched(store, settings, Scope("default", user_id="ann"), "entities")
        assert [list(system) for system in await noted(api, "hers")] == [["entities"], ["entities"]]
        assert await noted(api, "s") == [None, {"intent": "Saying 7"}]


def _time(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


async def test_deleted_messages_are_not_missing(store: Store, endpoint: Endpoint) -> None:
    """Neither deleted messages nor those that a session held before it came back are enriched."""
    endpoint.rule(knowing)
    async with server(store, ruling(entities=False)) as (_, api):
        for session in ("gone", "back"):
            await add(api, session, "Nora")
            assert (await api.delete(f"sessions/{session}/memory")).status_code == 200
        await add(api, "back", "Siemens")
    assert await estimated(store, annotating(endpoint)) == {"entities": (1, 1), "intents": (1, 1)}


async def test_without_a_model(store: Store) -> None:
    """Without a model there is entities by rules to make up for, and nothing else; what was switched off says so."""
    async with server(store, ruling(entities=False)) as (_, api):
        await add(api, "s", "today", "nothing")
        assert await estimated(store, ruling()) == {"entities": (2, 0)}
        await enriched(store, ruling())
        assert [system and names(system) for system in await noted(api, "s")] == [["(today)"], None]
        assert len(await listed(api, "s")) == 2
    with pytest.raises(ModelUnavailable, match="no language model"):
        await enriched(store, ruling(), ALL, "intents")
    with pytest.raises(SettingsError, match="entities is off"):
        await enriched(store, ruling(entities=False), ALL, "entities")


async def test_a_rewritten_message_is_missing_again(store: Store, endpoint: Endpoint) -> None:
    """A message that says something else while nobody annotates is missing, though it had annotations before."""
    endpoint.rule(knowing)
    known = str(uuid.uuid4())
    settings = annotating(endpoint)
    async with server(store, settings) as (_, api):
        await add(api, "s", {"role": "user", "content": "Nora", "uuid": known})
        await done(store)
    async with server(store, ruling(entities=False)) as (_, api):
        await add(api, "s", {"role": "user", "content": "Siemens", "uuid": known})
        assert await noted(api, "s") == [{}]
        assert await estimated(store, settings) == {"entities": (1, 1), "intents": (1, 1)}
        await enriched(store, settings)
        assert names((await noted(api, "s"))[0]) == ["Siemens"]


async def test_the_command(store: Store, endpoint: Endpoint, tmp_path: Any) -> None:
    """`recollect enrich --dry-run` changes nothing and asks nobody; `recollect enrich` does it, and shows no key."""
    endpoint.rule(knowing)
    async with server(store, ruling()) as (_, api):
        await add(api, "s", *(f"Nora said {place}" for place in range(13)))
        await done(store)
    environ = ENVIRON | {
        "RECOLLECT_DATABASE_URL": store.database.dsn,
        "RECOLLECT_LLM_BASE_URL": endpoint.url,
        "RECOLLECT_LLM_API_KEY": KEY,
        "RECOLLECT_EMBEDDING_PROVIDER": "none",
        "COLUMNS": "100",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [RECOLLECT, "enrich", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100, check=False
        )

    dry = run("--dry-run")
    assert (dry.returncode, endpoint.asked()) == (0, [])
    assert [line.split()[1:6:2] for line in dry.stdout.splitlines() if line.startswith("│")] == [
        ["summarise", "13", "1"],
        ["entities", "13", "1"],
        ["intents", "13", "1"],
    ]
    assert await rows(store, "SELECT FROM jobs") == []
    made = run()
    assert (made.returncode, made.stdout.splitlines()[-1]) == (0, "Nothing waits any more.")
    assert KEY not in made.stdout + made.stderr
    assert {len(request["prompt"]) > 0 for request in endpoint.asked()} == {True}
    assert await number(store, "SELECT count(*) FROM messages WHERE has_entities AND has_intent") == 13
    assert await number(store, "SELECT count(*) FROM summaries") == 1
    assert run("--kind", "nonsense").returncode == 2
    assert run("--session", "s", "--user", "u").returncode == 2
