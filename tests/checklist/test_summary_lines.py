from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from language_model import Endpoint
from live import ENVIRON, RECOLLECT
from serving import started
from talk import contents, memory, messages, say, until

TEMPLATE = "Old: {{.PrevSummary}} New: {{.MessagesJoined}}"


@pytest.fixture
def model(endpoint_address: str) -> Iterator[Endpoint]:
    """The endpoint of a language model, whose summaries hold the #words of what it was told."""
    endpoint = Endpoint(endpoint_address, uuid4().hex)
    yield endpoint
    endpoint.close()


@pytest_asyncio.fixture
async def server(model: Endpoint, database_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with that model, and with the embedding model inside."""
    environ = {
        "RECOLLECT_DATABASE_URL": database_url,
        "RECOLLECT_PORT": "0",
        "RECOLLECT_LLM_BASE_URL": model.url,
        "RECOLLECT_LLM_MODEL": "made-up",
        "RECOLLECT_EMBEDDING_PROVIDER": "local",
        "RECOLLECT_ENTITIES": "false",
        "RECOLLECT_INTENTS": "false",
    }
    async with started(tmp_path, **environ) as api:
        yield api


def said(first: int, last: int) -> list[str]:
    return [f"said #{number}" for number in range(first, last + 1)]


def told(last: int) -> str:
    return " ".join(f"#{number}" for number in range(1, last + 1))


async def at_rest(api: httpx.AsyncClient) -> None:
    """Wait until there is nothing to do."""

    async def idle() -> bool:
        return not (await api.get("jobs")).json()

    await until(idle)


async def test_133_134_a_summary_every_six_messages(server: httpx.AsyncClient) -> None:
    """Twelve messages make a summary up to the sixth, six more one up to the twelfth; memory is it and the last six."""
    await say(server, "one", *said(1, 12))
    await at_rest(server)
    read, stored = await memory(server, "one"), await messages(server, "one")
    assert (read["summary"]["content"], read["summary"]["recent_message_uuid"]) == (told(6), stored[5]["uuid"])
    assert [message["content"] for message in read["messages"]] == said(7, 12)
    await say(server, "one", *said(13, 18))
    await at_rest(server)
    read, stored = await memory(server, "one"), await messages(server, "one")
    assert (read["summary"]["content"], read["summary"]["recent_message_uuid"]) == (told(12), stored[11]["uuid"])
    assert [message["content"] for message in read["messages"]] == said(13, 18)
    assert await contents(server, "one") == said(1, 18)


async def test_135_no_summary_before_the_window_is_full(server: httpx.AsyncClient, model: Endpoint) -> None:
    """Eleven messages make no summary, and no question to the model about one."""
    await say(server, "one", *said(1, 11))
    await at_rest(server)
    read = await memory(server, "one")
    assert (read["summary"]["content"], len(read["messages"])) == ("", 11)
    assert not [request for request in model.asked() if "<summary>" in request["prompt"]]


@pytest.mark.parametrize("slot", ["{{.PrevSummary}}", "{{.MessagesJoined}}"])
@pytest.mark.parametrize("name", ["RECOLLECT_SUMMARY_PROMPT", "ZEP_CUSTOM_PROMPTS_SUMMARIZER_PROMPTS_OPENAI"])
def test_136_a_prompt_without_a_slot(tmp_path: Path, name: str, slot: str) -> None:
    """A server whose prompt leaves out one of the two slots does not start, and says which one."""
    argv = [RECOLLECT, "serve", "--port", "0"]
    environ = ENVIRON | {name: TEMPLATE.replace(slot, "")}
    refused = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "wrong summary prompt format" in refused.stderr
    assert slot in refused.stderr


async def found(api: httpx.AsyncClient, **body: Any) -> Any:
    answer = await api.post("sessions/one/search", json=body | {"search_scope": "summary"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_091_searching_summaries(server: httpx.AsyncClient) -> None:
    """In the scope `summary` a result has the summary, with the newest message it covers, and no message."""
    await say(server, "one", *said(1, 12))
    await at_rest(server)
    (result,) = await found(server, text=told(6))
    assert set(result) == {"message", "summary", "dist", "embedding"}
    assert (result["message"], result["embedding"]) == (None, None)
    assert result["summary"] == (await memory(server, "one"))["summary"]
    assert result["dist"] == pytest.approx(1, abs=0.002)
    (varied,) = await found(server, text=told(6), search_type="mmr")
    assert len(varied["embedding"]) == 384
    (unasked,) = await found(server, metadata={"start_date": "2020-01-01"})
    assert unasked["dist"] == 0
