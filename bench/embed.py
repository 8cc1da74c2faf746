"""Texts per second of CPU time: LocalEmbedder against the bare onnxruntime session on the same sorted batches.

Usage: python bench/embed.py [TEXTS] [ROUNDS]. Rounds are interleaved, and each figure is the median of its rounds.
The bare session is given batches that are already tokenised, sorted and padded. The last lines are the time a query
takes, alone and while a long list is embedded.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import numpy as np

from recollect.embed.local import WINDOW, LocalEmbedder, batches

WORDS = [
    "the",
    "a",
    "garden",
    "train",
    "Lisbon",
    "bread",
    "meeting",
    "Tuesday",
    "peanuts",
    "remember",
    "sister",
    "moved",
]


def texts(count: int) -> list[str]:
    """Return made-up messages, as long as those of chats: many short ones and a few long."""
    rng = random.Random(7)
    return [" ".join(rng.choices(WORDS, k=min(250, int(rng.lognormvariate(3, 0.8)) + 1))) for _ in range(count)]


async def measure(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Return the CPU time and the wall time of the work, in seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    await work()
    return time.process_time() - cpu, time.perf_counter() - wall


async def compare(embedder: LocalEmbedder, messages: list[str], rounds: int) -> None:
    """Print throughput, ours and bare."""
    model = embedder._minilm  # noqa: SLF001 -- the bare session is what ours is measured against
    feeds = []
    for start in range(0, len(messages), WINDOW):
        tokens = [model.tokenize(text) for text in messages[start : start + WINDOW]]
        for places in batches([len(ids) for ids in tokens]):
            width = len(tokens[places[-1]])
            ids = np.array([tokens[place] + [0] * (width - len(tokens[place])) for place in places])
            mask = np.array([[1] * len(tokens[place]) + [0] * (width - len(tokens[place])) for place in places])
            feeds.append({"input_ids": ids, "attention_mask": mask})

    async def ours() -> None:
        for start in range(0, len(messages), WINDOW):
            await embedder.embed(messages[start : start + WINDOW])

    async def bare() -> None:
        for feed in feeds:
            model._session.run(None, feed)  # noqa: SLF001 -- as above

    figures: dict[str, list[tuple[float, float]]] = {"LocalEmbedder": [], "bare session": []}
    for _ in range(rounds):
        figures["LocalEmbedder"].append(await measure(ours))
        figures["bare session"].append(await measure(bare))
    for name, pairs in figures.items():
        cpu, wall = (len(messages) / statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"{name:14} {cpu:6.0f} texts per CPU-second, {wall:6.0f} per second of wall time")
    pairs = zip(*figures.values(), strict=True)
    shares = [bare_time[0] / our_time[0] for our_time, bare_time in pairs]
    print(f"share of the bare session's, by CPU time: {statistics.median(shares):.1%}")


async def queries(embedder: LocalEmbedder, messages: list[str], name: str) -> None:
    """Print how long one text takes."""
    times = []
    for text in messages:
        start = time.perf_counter()
        await embedder.embed([text])
        times.append(time.perf_counter() - start)
    times.sort()
    print(f"query {name}: p50 {times[len(times) // 2] * 1e3:.1f} ms, p99 {times[len(times) * 99 // 100] * 1e3:.1f} ms")


async def main(count: int = 512, rounds: int = 5) -> None:
    """Print all figures."""
    embedder = LocalEmbedder()
    messages = texts(count)
    await compare(embedder, messages, rounds)
    short = [" ".join(message.split()[:10]) for message in messages[:200]]
    await queries(embedder, short, "alone")
    backlog = asyncio.create_task(embedder.embed(messages * 100))
    await queries(embedder, short, "behind a list")
    backlog.cancel()
    await embedder.aclose()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
