from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from language_model import Endpoint
from serving import started
from talk import memory, messages, say, until


def knowing(prompt: str) -> object:
    """Answer as a model that knows two names, and leaves out what is poison."""
    import json  # noqa: PLC0415 -- runs elsewhere

    if "[{" not in prompt:
        return "a summary of Nora"
    names = {"Nora": "PERSON", "Siemens": "ORG"}
    given, _ = json.JSONDecoder().raw_decode(prompt[prompt.index("[{") :])
    return {
        "messages": [
            {
                "number": message["number"],
                "entities": [{"name": name, "label": names[name]} for name in names if name in message["text"]],
                "intent": f"Intent: Saying {message['text']}" if " " in message["text"] else "None",
            }
            for message in given
            if "poison" not in message["text"]
        ]
    }


@pytest.fixture
def model(endpoint_address: str) -> Iterator[Endpoint]:
    """The endpoint of a language model that knows some names."""
    endpoint = Endpoint(endpoint_address, uuid4().hex)
    endpoint.rule(knowing)
    yield endpoint
    endpoint.close()


@pytest.fixture
def environ(model: Endpoint, database_url: str) -> dict[str, str]:
    """A server with that model, which summarises as soon as it can."""
    return {
        "RECOLLECT_DATABASE_URL": database_url,
        "RECOLLECT_PORT": "0",
        "RECOLLECT_LLM_BASE_URL": model.url,
        "RECOLLECT_LLM_MODEL": "made-up",
        "RECOLLECT_MESSAGE_WINDOW": "2",
    }


async def at_rest(api: httpx.AsyncClient) -> None:
    """Wait until nothing waits to be done."""

    async def idle() -> bool:
        return not [job for job in (await api.get("jobs")).json() if job["state"] != "failed"]

    await until(idle)


async def systems(api: httpx.AsyncClient, session_id: str) -> list[Any]:
    return [(message.get("metadata") or {}).get("system") for message in await messages(api, session_id)]


async def test_101_filters_reach_entities(environ: dict[str, str], tmp_path: Path) -> None:
    """A filter on the label of an entity finds the messages in which the server found one."""
    async with started(tmp_path, **environ) as api:
        await say(api, "one", "Nora rings", "Siemens answers", "nobody cares")
        await at_rest(api)
        where = {"where": {"jsonpath": '$.system.entities[*] ? (@.Label == "ORG")'}}
        answer = await api.post("sessions/one/search", json={"metadata": where})
    assert [result["message"]["content"] for result in answer.json()] == ["Siemens answers"]


async def test_137_entities_and_intents(environ: dict[str, str], tmp_path: Path) -> None:
    """Entities have the documented keys, one element per name, an empty list for none; an intent is a text."""
    async with started(tmp_path, **environ) as api:
        await say(api, "one", "Nora, Nora of Siemens!", "hm")
        await at_rest(api)
        assert await systems(api, "one") == [
            {
                "entities": [
                    {
                        "Name": "Nora",
                        "Label": "PERSON",
                        "Matches": [{"Start": 0, "End": 4, "Text": "Nora"}, {"Start": 6, "End": 10, "Text": "Nora"}],
                    },
                    {"Name": "Siemens", "Label": "ORG", "Matches": [{"Start": 14, "End": 21, "Text": "Siemens"}]},
                ],
                "intent": "Saying Nora, Nora of Siemens!",
            },
            {"entities": [], "intent": "None"},
        ]


SWITCHES = {
    "RECOLLECT_ENTITIES": "entities",
    "ZEP_EXTRACTORS_MESSAGES_ENTITIES_ENABLED": "entities",
    "RECOLLECT_INTENTS": "intent",
    "ZEP_EXTRACTORS_MESSAGES_INTENT_ENABLED": "intent",
    "RECOLLECT_SUMMARIES": "summary",
    "ZEP_EXTRACTORS_MESSAGES_SUMMARIZER_ENABLED": "summary",
    "RECOLLECT_WORKERS": "",
}


@pytest.mark.parametrize("switch", SWITCHES)
async def test_139_one_kind_switched_off(environ: dict[str, str], tmp_path: Path, switch: str) -> None:
    """What is switched off, by our name of the setting or by Zep's, is not made; all else is."""
    value = "false" if SWITCHES[switch] else "1"  # the last one switches nothing off
    async with started(tmp_path, **environ, **{switch: value}) as api:
        await say(api, "one", "Nora is here", "Nora is there", "Nora is gone")
        await at_rest(api)
        made = {key for system in await systems(api, "one") for key in system}
        summary = (await memory(api, "one"))["summary"]
    made |= {"summary"} if summary["content"] else set()
    assert made == {"entities", "intent", "summary"} - {SWITCHES[switch]}
    assert ("metadata" in summary) == ({"entities", "summary"} <= made)


async def test_138_a_failing_annotation_is_kept_aside(environ: dict[str, str], tmp_path: Path) -> None:
    """A message that the model never answers about has a failed job in the end; all others are annotated meanwhile."""
    async with started(tmp_path, **environ, RECOLLECT_SUMMARIES="false") as api:
        await say(api, "bad", "poison is here")
        await say(api, "good", *(f"message {n}" for n in range(20)))

        async def annotated() -> bool:
            return all(system and len(system) == 2 for system in await systems(api, "good"))

        await until(annotated)

        async def failed() -> bool:
            return len((await api.get("jobs", params={"state": "failed"})).json()) == 2

        await until(failed)
        jobs = (await api.get("jobs")).json()
        assert sorted(job["kind"] for job in jobs) == ["entities", "intents"]
        assert all(job["attempts"] > 1 and "leaves out" in job["error"] for job in jobs)


async def test_140_a_restart_loses_no_annotation(environ: dict[str, str], model: Endpoint, tmp_path: Path) -> None:
    """A server stopped while a model thinks has everything annotated after the next start."""
    model.always({"do": "hang"})
    async with started(tmp_path, **environ) as api:
        for session_id in ("one", "two", "three"):
            await say(api, session_id, *(f"Nora {n}" for n in range(40)))

        async def asked() -> bool:
            return bool(model.asked())

        await until(asked)
    model.always({})
    async with started(tmp_path, **environ) as api:
        await at_rest(api)
        for session_id in ("one", "two", "three"):
            found = await systems(api, session_id)
            assert [system["entities"][0]["Name"] for system in found] == ["Nora"] * 40
            assert [system["intent"] for system in found] == [f"Saying Nora {n}" for n in range(40)]
            assert (await memory(api, session_id))["summary"]["content"] == "a summary of Nora"
        assert not (await api.get("jobs")).json()
