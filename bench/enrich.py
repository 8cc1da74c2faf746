"""What adding messages costs while a language model annotates them, well, slowly or not at all.

Usage: python bench/enrich.py [ROUNDS] [ADDS]. In each round, one after the other, a server without a language model and
servers whose model is fast, slow (5 s an answer), answers 429, drops connections, or sends 100 MB, each on a fresh
database; on each of them ADDS requests of two messages, 10 a second, to 10 sessions. Prints the latency of these
requests, and the median over the rounds of its ratio to that of the server without a model in the same round.
The model is a process that answers by rule. Vectors are off: their making is measured by `work.py`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
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


async def latencies(address: str, adds: int) -> list[float]:
    """Add messages at a steady pace; return the seconds each request took."""
    taken = []
    async with httpx.AsyncClient(base_url=f"{address}/api/v1/", timeout=60) as api:
        begun = time.perf_counter()
        for place in range(adds):
            await asyncio.sleep(max(0.0, begun + place / ADDS_PER_SECOND - time.perf_counter()))
            said = [f"Nora said {place} that she was in Munich yesterday", f"and {place} that it was good"]
            body = {"messages": [{"role": "user", "content": content} for content in said]}
            started = time.perf_counter()
            answer = await api.post(f"sessions/s{place % SESSIONS}/memory", json=body)
            taken.append(time.perf_counter() - started)
            answer.raise_for_status()
    return taken[SESSIONS:]  # the first to each session makes it


async def measured(endpoint: language_model.Endpoint, model: str, adds: int) -> tuple[float, float, int]:
    """Return p50 and p95 in ms with one model, and how often it was asked."""
    settings = {"RECOLLECT_EMBEDDING_PROVIDER": "none", "RECOLLECT_PURGE_EVERY": "0"}
    behaviour = MODELS[model]
    if behaviour is not None:
        endpoint.always(behaviour)
        settings |= {"RECOLLECT_LLM_BASE_URL": endpoint.url, "RECOLLECT_LLM_MODEL": "made-up"}
    before = len(endpoint.asked())
    async with serving(**settings) as server:
        taken = await latencies(server.address, adds)
    cuts = statistics.quantiles(taken, n=20)
    return cuts[9] * 1000, cuts[18] * 1000, len(endpoint.asked()) - before


async def main(rounds: int, adds: int) -> None:
    """Measure all models in turns."""
    found: dict[str, list[tuple[float, float, int]]] = {model: [] for model in MODELS}
    with language_model.started() as address:
        endpoint = language_model.Endpoint(address, "bench")
        for number in range(rounds):
            order = list(MODELS)[number % len(MODELS) :] + list(MODELS)[: number % len(MODELS)]
            for model in order:
                found[model].append(await measured(endpoint, model, adds))
                print(f"round {number + 1}, {model}: p50 {found[model][-1][0]:.2f} ms", file=sys.stderr)
        endpoint.close()
    print(f"{'model':8} {'p50 ms':>8} {'p95 ms':>8} {'p50 ratio':>10} {'p95 ratio':>10} {'calls':>7}")
    for model, each in found.items():
        p50, p95 = (statistics.median(one[place] for one in each) for place in (0, 1))
        ratios = [
            statistics.median(one[place] / base[place] for one, base in zip(each, found["none"], strict=True))
            for place in (0, 1)
        ]
        print(f"{model:8} {p50:8.2f} {p95:8.2f} {ratios[0]:10.2f} {ratios[1]:10.2f} {sum(one[2] for one in each):7}")


if __name__ == "__main__":
    asyncio.run(main(*(int(given) for given in (sys.argv[1:] + ["3", "100"][len(sys.argv[1:]) :]))))
