"""Entities and intents: by rules, by a model, by both; what stays, what goes, and what it costs."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from annotating import (
    add,
    annotating,
    done,
    failed,
    knowing,
    leaving_out,
    listed,
    named_as,
    names,
    noted,
    ruling,
    server,
    until_asked,
)
from language_model import Endpoint
from workplace import rows, until

from recollect.core import tokens
from recollect.core.annotations import ENTITIES, MOST, clean_intent
from recollect.store import Store

YESTERDAY = {
    "Name": "yesterday",
    "Label": "DATE",
    "Matches": [{"Start": 12, "End": 21, "Text": "yesterday"}],
    "By": "rules",
    "From": "2024-02-29T00:00:00Z",
    "To": "2024-03-01T00:00:00Z",
}
"""In "Nora came by yesterday", said on 1 March 2024."""


def message(content: str, **others: object) -> dict[str, Any]:
    return {"role": "user", "content": content, "created_at": "2024-03-01T12:00:00Z"} | others


async def test_with_a_model(store: Store, endpoint: Endpoint) -> None:
    """A model's names and rules' dates stand side by side with an intent; nothing else about a message changes."""
    endpoint.rule(knowing)
    own = {"mood": "good", "system": {"mine": 1, "entities": "what else"}}
    async with server(store, annotating(endpoint)) as (_, api):
        await add(api, "s", message("Nora came by yesterday", metadata=own, token_count=5), "hm", " \n")
        before = await listed(api, "s")
        await done(store)
        first, hm, blank = await listed(api, "s")
    system = {"mine": 1, "intent": "Saying 22"}
    nora = {"Name": "Nora", "Label": "PERSON", "Matches": [{"Start": 0, "End": 4, "Text": "Nora"}]}
    yesterday = YESTERDAY | {"Matches": [{"Start": 13, "End": 22, "Text": "yesterday"}]}
    assert first["metadata"] == {"mood": "good", "system": system | {"entities": [nora, yesterday]}}
    assert hm["metadata"] == {"system": {"entities": [], "intent": "None"}}
    assert blank["metadata"] == {"system": {"entities": []}}
    for old, new in zip(before, (first, hm, blank), strict=True):
        assert {key: old[key] for key in old if key not in {"metadata", "updated_at"}} == {
            key: new[key] for key in new if key not in {"metadata", "updated_at"}
        }
        assert new["updated_at"] > old["updated_at"]


async def test_by_rules_alone(store: Store) -> None:
    """Without a model only messages in which rules find something are written, and no intent is noted."""
    async with server(store, ruling()) as (_, api):
        assert (await api.post("user", json={"user_id": "u", "first_name": "Nora"})).status_code == 201
        assert (await api.post("sessions", json={"session_id": "s", "user_id": "u"})).status_code == 201
        await add(
            api,
            "s",
            message("Ask Nora or Emil today"),
            "Nothing in it",
            {"role": "a", "content": "ok", "metadata": {"name": "Emil"}},
        )
        before = await listed(api, "s")
        await done(store)
        first, *others = await listed(api, "s")
    assert names(first["metadata"]["system"]) == ["(Nora)", "(Emil)", "(today)"]
    assert set(first["metadata"]["system"]) == {"entities"}
    assert others == before[1:]


@pytest.mark.parametrize("given", [[], [{"Name": "x", "Label": "ORG", "Matches": []}], [1]])
async def test_rules_keep_what_is_better(store: Store, given: list[Any]) -> None:
    """Entities that came with a message, as from an import, are not replaced by those of rules."""
    async with server(store, ruling()) as (_, api):
        await add(api, "s", message("today", metadata={"system": {"entities": given}}), "see you tomorrow")
        await done(store)
        kept, made = await noted(api, "s")
    assert kept == {"entities": given}
    assert names(made) == ["(tomorrow)"]


async def test_many_in_one_call(store: Store, endpoint: Endpoint) -> None:
    """Messages added together are asked about together, those of other sessions apart, and each gets its own."""
    endpoint.rule(knowing)
    async with server(store, annotating(endpoint)) as (_, api):
        await add(api, "s", *(f"Nora has {place} apples" for place in range(64)))
        await add(api, "t", "Siemens")
        await done(store)
        found = await noted(api, "s")
        assert names((await noted(api, "t"))[0]) == ["Siemens"]
    assert [system["intent"] for system in found] == [f"Saying {len(f'Nora has {n} apples')}" for n in range(64)]
    asked = [request["prompt"] for request in endpoint.asked()]
    assert len(asked) == 2 * (64 // MOST) + 2
    assert not any("Siemens" in prompt and "Nora" in prompt for prompt in asked)


async def test_long_messages(store: Store, endpoint: Endpoint) -> None:
    """A message that does not fit into the model's context is looked through in parts; no question is too long."""
    endpoint.rule(knowing)
    content = "Nora " + "said many words " * 2000 + "in Munich"
    async with server(store, annotating(endpoint, llm_context_tokens=2048)) as (_, api):
        await add(api, "s", content, "Siemens", *["fifty words of it " * 15] * 20)
        await done(store)
        found = await noted(api, "s")
    assert (names(found[0]), names(found[1])) == (["Nora", "Munich"], ["Siemens"])
    sizes = [tokens.count_text(request["prompt"]) for request in endpoint.asked()]
    assert max(sizes) + tokens.count_text(ENTITIES.prompt) + 512 <= 2048
    assert sum(sizes) > 2 * 6000 / 2


async def test_names_that_are_not_there(store: Store, endpoint: Endpoint) -> None:
    """A name that a model makes up is left out, and so is one that it takes from another message."""
    endpoint.always(
        {
            "json": {
                "messages": [
                    {"number": n, "entities": [{"name": "Nora", "label": "PERSON"}], "intent": ""} for n in (1, 2)
                ]
            }
        }
    )
    async with server(store, annotating(endpoint)) as (_, api):
        await add(api, "s", "it was Nora", "no, it was Norah")
        await done(store)
        found = await noted(api, "s")
    assert [names(system) for system in found] == [["Nora"], []]
    assert "intent" not in found[0]


async def test_a_message_that_is_left_out(store: Store, endpoint: Endpoint) -> None:
    """About a message that the answer leaves out the model is asked once more, alone."""
    one = {"entities": [{"name": "Nora", "label": "PERSON"}], "intent": "x"}
    endpoint.script(
        [
            {"json": {"messages": [one | {"number": 1}, one | {"number": 7}]}},
            {"json": {"messages": [one | {"number": 1}]}},
        ]
    )
    async with server(store, annotating(endpoint, intents=False)) as (_, api):
        await add(api, "s", "Nora here", "Nora there")
        await done(store)
        assert [names(system) for system in await noted(api, "s")] == [["Nora"], ["Nora"]]
    first, second = [json.loads(request["prompt"]) for request in endpoint.asked()]
    assert [message["text"] for message in first] == ["Nora here", "Nora there"]
    assert second == [{"number": 1, "text": "Nora there"}]


async def test_a_message_that_is_always_left_out(store: Store, endpoint: Endpoint) -> None:
    """A job whose message no answer holds fails in the end; all others are annotated, and it keeps what rules found."""
    endpoint.rule(leaving_out)
    async with server(store, annotating(endpoint, intents=False)) as (_, api):
        for place in range(6):
            await add(api, f"s{place % 2}", f"fine {place} today", *(["poison today"] if place == 3 else []))
        await done(store)
        (job,) = (await api.get("jobs?state=failed")).json()
        assert (job["kind"], job["items"], job["attempts"]) == ("entities", 2, 3)
        assert "leaves out 1 of 1" in job["error"]
        found = {m["content"]: m["metadata"]["system"] for s in ("s0", "s1") for m in await listed(api, s)}
    assert all(names(system) == ["(today)"] for system in found.values())
    (looked,) = await rows(store, "SELECT array_agg(content) FROM messages WHERE NOT has_entities")
    assert looked[0] == ["poison today"]


BAD: dict[str, dict[str, Any]] = {
    "breaks": {"status": 500},
    "drops the connection": {"do": "drop"},
    "says nothing": {"text": ""},
    "sends no JSON": {"text": "Sure! Here you are: ["},
    "is cut off": {"text": '{"messages": [{"number": 1, "ent', "finish": "length"},
    "refuses": {"refusal": "I cannot help with that."},
    "sends another shape": {"json": {"messages": {"1": []}}},
    "sends numbers for names": {"json": {"messages": [{"number": 1, "entities": [1], "intent": 5}]}},
    "asks to be left alone": {"status": 429, "headers": {"retry-after": "1"}},
    "is a web page": {"raw": "<html>"},
}


@pytest.mark.parametrize("behaviour", BAD)
async def test_a_model_that_misbehaves(store: Store, endpoint: Endpoint, behaviour: str) -> None:
    """While a model misbehaves messages have what rules find, no job is lost, and then all is made good by itself."""
    endpoint.always(BAD[behaviour])
    async with server(store, annotating(endpoint)) as (_, api):
        await add(api, "s", "Nora came today")

        async def is_noted() -> bool:
            return (await noted(api, "s"))[0] is not None

        await until(is_noted)
        assert [names(system) for system in await noted(api, "s")] == [["(today)"]]
        endpoint.rule(knowing)
        endpoint.always({})
        await done(store)
        for job in (await api.get("jobs?state=failed")).json():
            assert (await api.post(f"jobs/{job['id']}/retry")).status_code == 200
        await done(store)
        (system,) = await noted(api, "s")
    assert (names(system), system["intent"]) == (["Nora", "(today)"], "Saying 15")
    assert await failed(store) == 0


async def test_deletion_meanwhile(store: Store, endpoint: Endpoint) -> None:
    """What is deleted while a model thinks about it stays deleted, and what is added then is annotated."""
    endpoint.rule(knowing)
    endpoint.always({"delay": 0.5})
    async with server(store, annotating(endpoint)) as (_, api):
        await add(api, "s", "Nora was here")
        await until_asked(endpoint, 2)
        assert (await api.delete("sessions/s/memory")).status_code == 200
        await done(store)
        assert (await rows(store, "SELECT metadata FROM messages"))[0][0] is None
        await add(api, "s", "Siemens is here")
        await done(store)
        assert [names(system) for system in await noted(api, "s")] == [["Siemens"]]


async def test_rewriting_meanwhile(store: Store, endpoint: Endpoint) -> None:
    """A message that is rewritten while a model thinks about it gets the annotations of its new text alone."""
    endpoint.rule(knowing)
    endpoint.always({"delay": 0.5})
    known = str(uuid.uuid4())
    async with server(store, annotating(endpoint)) as (_, api):
        await add(api, "s", message("Nora was here today", uuid=known))
        await until_asked(endpoint, 2)
        await add(api, "s", message("At Siemens", uuid=known))
        await done(store)
        (system,) = await noted(api, "s")
    assert (names(system), system["intent"]) == (["Siemens"], "Saying 10")


async def test_rewriting_afterwards(store: Store, endpoint: Endpoint) -> None:
    """Annotations go with the text they are about, and are made anew; the same text again costs nothing."""
    endpoint.rule(knowing)
    known = str(uuid.uuid4())
    async with server(store, annotating(endpoint)) as (_, api):
        await add(api, "s", message("Nora", uuid=known, metadata={"system": {"mine": 1}}))
        await done(store)
        asked = len(endpoint.asked())
        await add(api, "s", message("Nora", uuid=known))
        await done(store)
        assert len(endpoint.asked()) == asked
        endpoint.always({"status": 500})
        await add(api, "s", message("At Siemens", uuid=known))
        assert await noted(api, "s") == [{"mine": 1}]
        endpoint.always({})
        await done(store)
        assert await noted(api, "s") == [
            {"mine": 1, "intent": "Saying 10", "entities": [named_as("Siemens", "ORG", 3)]},
        ]


async def test_summaries_have_entities(store: Store, endpoint: Endpoint) -> None:
    """What a summary names is noted on it, and nothing on one that names nothing."""
    endpoint.rule(knowing)
    async with server(store, annotating(endpoint)) as (_, api):
        await add(api, "s", "one", "two")
        await done(store)
        await rows(
            store,
            "INSERT INTO summaries (bucket, session_key, seq, project_id, uuid, recent_message_uuid, content,"
            " created_at) SELECT bucket, session_key, seq, project_id, new_key(bucket), uuid,"
            " CASE seq WHEN 1 THEN 'Nora is in Munich.' ELSE 'Nobody is anywhere today.' END, now() FROM messages",
        )
        await rows(
            store,
            "INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)"
            " SELECT bucket, new_key(bucket), project_id, 'summary_entities', session_key, array_agg(uuid), now(),"
            " now() FROM summaries GROUP BY bucket, session_key, project_id",
        )
        await done(store)
    first, second = [row[0] for row in await rows(store, "SELECT metadata FROM summaries ORDER BY seq")]
    assert json.loads(bytes(first)) == {
        "system": {"entities": [named_as("Nora", "PERSON", 0), named_as("Munich", "GPE", 11)]}
    }
    assert second is None


@pytest.mark.parametrize(
    ("answer", "intent"),
    [
        ("Intent: Booking a flight", "Booking a flight"),
        ("INTENT - Booking a flight", "Booking a flight"),
        ('**intent:** "Booking"', '"Booking"'),
        ("intent", "intent"),
        ("Intent to book", "Intent to book"),
        ("Intentions: good", "Intentions: good"),
        ("Intent: none.", "None"),
        ("None", "None"),
        ("Intent:", ""),
        (" \0 ", ""),
        ("x\0y \ud800", "xy \ufffd"),
    ],
)
def test_intents_are_cleaned(answer: str, intent: str) -> None:
    """The label before an intent goes, in any case and with any punctuation; "None" says that there is none."""
    assert clean_intent(answer) == intent
