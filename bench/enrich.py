"""What adding messages costs while a language model annotates them, well, slowly or not at all.

Usage: python bench/enrich.py [ROUNDS] [ADDS]. Runs a server without a language model and servers whose model is fast,
slow (5 s an answer), answers 429, drops connections, or sends 100 MB, each on a database of its own. In each round they
take turns, in another order each time: ADDS requests of two messages, 10 a second, to 10 sessions. Prints the latency
of these requests, and the median over the rounds of its ratio to that of the server without a model in the same round.
The model is a process that answers by rule. Vectors are off: their making is measured by `work.py`.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from serving import serving

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # where the endpoint lives

import language_model

ADDS_PER_SECOND = 10
SESSIONS = 10
MODELS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "fast": {},
    "slow": {"delay": 5},
    "429": {"status": 429, "headers": {"retry-after": "1"}},
    "drops": {"do": "drop"},
    "100 MB": {"do": "flood"},
}


async def latencies(api: httpx.AsyncClient, adds: int) -> list[float]:
    """Add messages at a steady pace; return the milliseconds each request took."""
    taken = []
    begun = time.perf_counter()
    for place in range(adds):
        await asyncio.sleep(max(0.0, begun + place / ADDS_PER_SECOND - time.perf_counter()))
        said = [f"Nora said {place} that she was in Munich yesterday", f"and {place} that it was good"]
        body = {"messages": [{"role": "user", "content": content} for content in said]}
        started = time.perf_counter()
        answer = await api.post(f"sessions/s{place % SESSIONS}/memory", json=body)
        taken.append((time.perf_counter() - started) * 1000)
        answer.raise_for_status()
    return taken


async def started(stack: AsyncExitStack, endpoint: language_model.Endpoint, model: str) -> httpx.AsyncClient:
    """Run a server with one model; return its client, its sessions made."""
    settings = {"RECOLLECT_EMBEDDING_PROVIDER": "none", "RECOLLECT_PURGE_EVERY": "0"}
    behaviour = MODELS[model]
    if behaviour is not None:
        endpoint.always(behaviour)
        settings |= {"RECOLLECT_LLM_BASE_URL": endpoint.url, "RECOLLECT_LLM_MODEL": "made-up"}
    server = await stack.enter_async_context(serving(**settings))
    client = httpx.AsyncClient(base_url=f"{server.address}/api/v1/", timeout=60)
    api = await stack.enter_async_context(client)
    await latencies(api, SESSIONS)
    return api


async def main(rounds: int, adds: int) -> None:
    """Measure all models in turns."""
    found: dict[str, list[list[float]]] = {model: [] for model in MODELS}
    async with AsyncExitStack() as stack:
        address = stack.enter_context(language_model.started())
        endpoints = {model: language_model.Endpoint(address, str(place)) for place, model in enumerate(MODELS)}
        apis = {model: await started(stack, endpoints[model], model) for model in MODELS}
        for _ in range(rounds):
            for model in random.sample(list(MODELS), len(MODELS)):
                found[model].append(await latencies(apis[model], adds))
        calls = {model: len(endpoint.asked()) for model, endpoint in endpoints.items()}
    print(f"{'model':8} {'p50 ms':>8} {'p95 ms':>8} {'p50 ratio':>10} {'p95 ratio':>10} {'calls':>7}")
    for model, taken in found.items():
        all_taken = statistics.quantiles([each for block in taken for each in block], n=20)
        ratios = [
            statistics.median(_cut(one, at) / _cut(base, at) for one, base in zip(taken, found["none"], strict=True))
            for at in (9, 18)
        ]
        print(
            f"{model:8} {all_taken[9]:8.2f} {all_taken[18]:8.2f} {ratios[0]:10.2f} {ratios[1]:10.2f} {calls[model]:7}"
        )


def _cut(taken: list[float], at: int) -> float:
    return statistics.quantiles(taken, n=20)[at]


if __name__ == "__main__":
    asyncio.run(main(*(int(given) for given in (sys.argv[1:] + ["20", "20"][len(sys.argv[1:]) :]))))
