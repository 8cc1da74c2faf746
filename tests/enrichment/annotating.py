"""What the tests of annotations share: a model that knows some names, and a server that asks it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
from language_model import Endpoint
from workplace import client, number, until, working

from recollect.http.app import App
from recollect.settings import Settings, load
from recollect.store import Store
from recollect.work.worker import Kind


def knowing(prompt: str) -> object:
    """Answer with the names that the model knows, whether they are there or not for "Atlantis", and with an intent."""
    import json  # noqa: PLC0415 -- runs elsewhere

    if "[{" not in prompt:  # the word that is asked for to see whether anybody is there
        return "yes"
    names = {"Nora": "PERSON", "Siemens": "ORG", "Munich": "GPE"}
    messages, _ = json.JSONDecoder().raw_decode(prompt[prompt.index("[{") :])
    return {
        "messages": [
            {
                "number": message["number"],
                "entities": [{"name": name, "label": names[name]} for name in names if name in message["text"]]
                + [{"name": "Atlantis", "label": "LOC"}],
                "intent": "Intent: None" if message["text"] == "hm" else f"INTENT - Saying {len(message['text'])}",
            }
            for message in messages
        ]
    }


def leaving_out(prompt: str) -> object:
    """Answer about every message but those with poison in them."""
    import json  # noqa: PLC0415 -- runs elsewhere

    if "[{" not in prompt:
        return "yes"
    messages, _ = json.JSONDecoder().raw_decode(prompt[prompt.index("[{") :])
    said = [message for message in messages if "poison" not in message["text"]]
    return {"messages": [{"number": m["number"], "entities": [], "intent": "x"} for m in said]}


def annotating(endpoint: Endpoint, **others: object) -> Settings:
    """Return settings that annotate with a model and do nothing else."""
    return endpoint.settings(embedding_provider="none", summaries=False, **others)


def ruling(**others: object) -> Settings:
    """Return settings that annotate without a model."""
    return load({}, None, {"purge_every": 0, "embedding_provider": "none"} | others)


def hasty(kind: Kind) -> Kind:
    return kind._replace(attempts=3, pause_seconds=0.01)


@contextlib.asynccontextmanager
async def server(store: Store, settings: Settings) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """Run the server with a worker that tries again soon."""
    async with working(store, settings, change=hasty) as app, client(app) as api:
        yield app, api


async def add(api: httpx.AsyncClient, session: str, *messages: str | dict[str, Any]) -> None:
    """Add messages; a text is one of a user."""
    bodies = [{"role": "user", "content": text} if isinstance(text, str) else text for text in messages]
    answer = await api.post(f"sessions/{session}/memory", json={"messages": bodies})
    assert answer.status_code == 200, answer.text


async def done(store: Store) -> None:
    """Wait until no job waits."""

    async def nothing_waits() -> bool:
        return await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NULL") == 0

    await until(nothing_waits)


async def failed(store: Store) -> int:
    return await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NOT NULL")


async def listed(api: httpx.AsyncClient, session: str) -> list[Any]:
    answer = await api.get(f"sessions/{session}/messages?limit=1000")
    assert answer.status_code == 200, answer.text
    messages: list[Any] = answer.json()["messages"]
    return messages


async def noted(api: httpx.AsyncClient, session: str) -> list[Any]:
    """Return what stands under `system` of each message; None where there is nothing."""
    return [(message.get("metadata") or {}).get("system") for message in await listed(api, session)]


def names(system: Any) -> list[str]:
    """Return the names among the entities, those by rules in brackets."""
    return [f"({entity['Name']})" if entity.get("By") else entity["Name"] for entity in system["entities"]]


async def until_asked(endpoint: Endpoint, times: int = 1) -> None:
    async def asked() -> bool:
        return len(endpoint.asked()) >= times

    await until(asked)


def named_as(name: str, label: str, start: int) -> dict[str, Any]:
    """Return an entity that a model found in one place."""
    return {"Name": name, "Label": label, "Matches": [{"Start": start, "End": start + len(name), "Text": name}]}
