"""A server with a language model, as its operator sees it: whom it connects to, what it shows, how it recovers."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from language_model import KEY, Endpoint
from live import ENVIRON, RECOLLECT, reachable_folder

WATCH = """
import asyncio, os, sys
sys.modules["uvloop"] = asyncio  # its connections are made out of Python's sight
seen, allowed = os.environ["RECOLLECT_TEST_SEEN"], os.environ["RECOLLECT_TEST_ALLOWED"].split()

def watch(event, arguments):
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}:
        where = arguments[1] if event != "socket.getaddrinfo" else arguments[:2]
        name = where if isinstance(where, str) else f"{where[0]}:{where[1]}" if where else "where it is connected to"
        with open(seen, "a") as file:
            file.write(f"{name}\\n")
        if not any(name.startswith(beginning) for beginning in allowed):
            raise PermissionError(f"the test lets nobody connect to {name}")

sys.addaudithook(watch)
"""
"""What the server's Python runs first: it writes down whom it connects to, and bars the way to others."""


class Served(NamedTuple):
    """A server that runs, and where it writes."""

    api: httpx.Client
    endpoint: Endpoint
    data_dir: Path
    log: Path
    seen: Path


@pytest.fixture(scope="module")
def served(endpoint_address: str) -> Iterator[Served]:
    """Run a server on the embedded PostgreSQL, with the local embedding model and a language model."""
    endpoint = Endpoint(endpoint_address, "serving")
    with reachable_folder() as folder:
        (folder / "python").mkdir()
        (folder / "python" / "sitecustomize.py").write_text(WATCH)
        log, seen = folder / "log", folder / "seen"
        host = endpoint_address.removeprefix("http://")
        environ = {
            "RECOLLECT_LLM_BASE_URL": endpoint.url,
            "RECOLLECT_LLM_API_KEY": KEY,
            "RECOLLECT_LLM_MODEL": "made-up",
            "RECOLLECT_MESSAGE_WINDOW": "4",
            "PYTHONPATH": str(folder / "python"),
            "RECOLLECT_TEST_SEEN": str(seen),
            "RECOLLECT_TEST_ALLOWED": f"/ {host}",
        }
        with log.open("w") as stream:
            argv = [RECOLLECT, "serve", "--port", "0", "--data-dir", folder / "data"]
            process = subprocess.Popen(argv, cwd=folder, env=ENVIRON | environ, stderr=stream)
        try:
            address = until(lambda: re.search(r'"event": ?"ready".*"address": ?"([^"]+)"', log.read_text()))[1]
            with httpx.Client(base_url=address, timeout=60) as api:
                yield Served(api, endpoint, folder / "data", log, seen)
        finally:
            process.terminate()
            process.wait(60)
            endpoint.close()


def until(condition: Callable[[], Any], seconds: float = 100) -> Any:
    """Wait for a condition to come true, and return what it gives."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def say(served: Served, session: str, numbers: range) -> None:
    """Add messages."""
    said = [{"role": "user", "content": f"I said #{number} on 3 May."} for number in numbers]
    answer = served.api.post(f"/api/v1/sessions/{session}/memory", json={"messages": said})
    assert answer.status_code == 200, answer.text


def settled(served: Served) -> bool:
    """Tell whether no job is left, failed ones included."""
    return served.api.get("/api/v1/jobs").json() == []


def summarised(served: Served, session: str) -> set[str]:
    """Return what the newest summary of a session holds."""
    summary = served.api.get(f"/api/v1/sessions/{session}/memory").json().get("summary") or {}
    return set(re.findall(r"#\d+", summary.get("content", "")))


def test_nobody_else_is_connected_to(served: Served) -> None:
    """A server that adds, embeds, summarises, annotates and searches connects to its database and the model only."""
    say(served, "talk", range(10))
    until(lambda: settled(served))
    found = served.api.post("/api/v1/sessions/talk/search", json={"text": "what was said in May"})
    assert len(found.json()) > 0
    assert served.api.get("/metrics").status_code == 200
    assert len(summarised(served, "talk")) >= 6
    connected = {re.sub(r"^/.*/\.s\.PGSQL\..*$", "the database", line) for line in served.seen.read_text().splitlines()}
    assert connected == {"the database", served.endpoint.address.removeprefix("http://").rpartition("/")[0]}


def numbers(metrics: str, name: str) -> Counter[str]:
    """Return what the metrics tell of each task."""
    found = re.findall(rf'^{name}\{{.*task="(\w+)"\}} ([\d.e+]+)$', metrics, re.MULTILINE)
    return Counter({task: int(float(number)) for task, number in found})


def test_what_is_shown(served: Served) -> None:
    """What the model was asked and has used stands in the metrics and in the list of jobs, and its key nowhere."""
    served.endpoint.always({})
    until(lambda: settled(served))
    before, asked = served.api.get("/metrics").text, len(served.endpoint.asked())
    say(served, "shown", range(10))
    until(lambda: settled(served))
    metrics = served.api.get("/metrics").text
    calls = numbers(metrics, "recollect_llm_calls_total") - numbers(before, "recollect_llm_calls_total")
    assert calls.keys() >= {"summarise", "entities", "intents"}
    assert calls.total() == len(served.endpoint.asked()) - asked
    used = numbers(metrics, "recollect_llm_tokens_total") - numbers(before, "recollect_llm_tokens_total")
    assert used["summarise"] > 0
    command = [RECOLLECT, "jobs", "--data-dir", served.data_dir]
    listed = subprocess.run(command, env=ENVIRON, capture_output=True, text=True, check=True)
    assert re.search(r"summarise.*made-up", listed.stdout)
    for text in (metrics, listed.stdout, listed.stderr, served.log.read_text()):
        assert KEY not in text


TROUBLE: list[dict[str, Any]] = [
    {"status": 500, "body": {"error": {"message": f"no use for {KEY}"}}},
    {"do": "drop"},
    {"do": "flood"},
    {"raw": "<html>Welcome</html>"},
    {"status": 429, "headers": {"retry-after": "1"}},
    {"text": "The user said", "finish": "length"},
    {"refusal": "I would rather not."},
]


@pytest.mark.parametrize("step", TROUBLE, ids=["500", "drop", "100 MB", "garbage", "429", "cut off", "refusal"])
def test_recovery(served: Served, step: dict[str, Any]) -> None:
    """Whatever the endpoint does meanwhile, adding goes on, no job is lost, and once it is well all is made up for."""
    session = f"trouble-{TROUBLE.index(step)}"
    served.endpoint.always(step)
    say(served, session, range(6))
    until(lambda: any(job["error"] for job in served.api.get("/api/v1/jobs").json()))
    say(served, session, range(6, 12))
    served.endpoint.always({})
    until(lambda: settled(served))
    assert summarised(served, session) >= {f"#{number}" for number in range(8)}
    (message, *_) = served.api.get(f"/api/v1/sessions/{session}/messages").json()["messages"]
    assert "entities" in message["metadata"]["system"]
    assert KEY not in served.log.read_text()


def test_what_a_model_said_is_kept_from_the_log(served: Served) -> None:
    """What a model said in vain is shown to who looks at the job, and to nobody who reads the log."""
    served.endpoint.always({"text": "The user said a s3cret", "finish": "length"})
    say(served, "quiet", range(10))
    until(lambda: "s3cret" in json.dumps(served.api.get("/api/v1/jobs").json()))
    served.endpoint.always({})
    until(lambda: settled(served))
    assert "cut off" in served.log.read_text()
    assert "s3cret" not in served.log.read_text()
