"""How fast an import is, beside adding messages one by one, and beside bare COPY.

Usage: python bench/bulk.py [--messages 50000] [--rounds 3] [--seconds 3]

One server runs all the while, without workers. In each round take turns: adds of one message each, one after the other
over one connection; `recollect import`, as a process with its start, of a file of sessions with 20 messages each; the
same file once more; an export of all there is; and COPY, over one connection, of as many rows into a table of the shape
of `messages`, with all its indexes. Messages have 330 bytes. Printed are messages per second, medians of the rounds,
and the ratios of each round's; everything lands in bench/results/bulk.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import struct
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from load import RESULTS, machine
from serving import Server, serving

from recollect.store.copying import COLUMNS
from recollect.store.keys import bucket_of, new_key

WORDS = 2000
LENGTH = 330
PER_SESSION = 20
AT_ONCE = 5000


def vocabulary(dice: random.Random) -> list[str]:
    """Make up words; what is said often is short."""
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "ar", "en", "ing")]
    return ["".join(dice.choices(syllables, k=dice.randint(1, 4))) for _ in range(WORDS)]


class Texts:
    """Messages of made-up words, drawn as words of a language are: few of them often."""

    def __init__(self) -> None:
        self._dice = random.Random(1)
        self._words = vocabulary(self._dice)
        self._weights = [1 / (place + 3) for place in range(WORDS)]

    def one(self) -> str:
        return " ".join(self._dice.choices(self._words, self._weights, k=LENGTH // 3))[:LENGTH]


async def one_by_one(server: Server, texts: list[str], seconds: float) -> float:
    """Add messages over one connection, each after the answer to the one before; return how many in a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    started = time.perf_counter()
    count = 0
    while (took := time.perf_counter() - started) < seconds:
        body = json.dumps({"messages": [{"role": "user", "content": texts[count % len(texts)]}]}).encode()
        head = (
            f"POST /api/v1/sessions/single-{count % 50}/memory HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}"
        )
        writer.write(f"{head}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer.decode())
        await reader.readexactly(int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        count += 1
    writer.close()
    return count / took


def write_file(file: Path, texts: list[str]) -> None:
    """Write sessions of PER_SESSION messages each, with new ids."""
    moment = datetime.now(UTC).isoformat()
    with file.open("w", encoding="utf-8") as out:
        for place, text in enumerate(texts):
            if place % PER_SESSION == 0:
                session = str(uuid4())
                out.write(json.dumps({"type": "session", "session_id": session}) + "\n")
            line = {"type": "message", "session_id": session, "uuid": str(uuid4()), "created_at": moment}
            out.write(json.dumps(line | {"role": "user", "content": text, "token_count": 70}) + "\n")


async def by_command(server: Server, *arguments: str) -> float:
    """Run a command of ours; return the seconds it took."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "recollect.cli", *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"RECOLLECT_DATABASE_URL": server.dsn},
    )
    if await process.wait():
        raise SystemExit(f"recollect {arguments[0]} ended with {process.returncode}")
    return time.perf_counter() - started


async def prepare(database: asyncpg.Connection) -> int:
    """Make the table for bare COPY; return what `english` is in binary form."""
    await database.execute("SET search_path = recollect, public")
    await database.execute("CREATE TABLE bare (LIKE messages INCLUDING ALL)")
    await database.set_type_codec(
        "regconfig", schema="pg_catalog", encoder=struct.Struct(">I").pack, decoder=bytes, format="binary"
    )
    return await database.fetchval("SELECT 'english'::regconfig::oid")


def rows(texts: list[str], language: int) -> list[tuple[Any, ...]]:
    """Return rows of `messages`, as an import would make them."""
    moment, made = datetime.now(UTC), []
    for place, text in enumerate(texts):
        if place % PER_SESSION == 0:
            bucket = bucket_of("default", str(uuid4()))
            session: UUID = new_key(bucket)
        seq = place % PER_SESSION + 1
        made.append((bucket, session, seq, "default", uuid4(), 70, language, moment, moment, "user", text, None))
    return made


async def by_copy(database: asyncpg.Connection, copied: list[tuple[Any, ...]]) -> float:
    """Copy rows; return how many in a second."""
    started = time.perf_counter()
    for start in range(0, len(copied), AT_ONCE):
        part = copied[start : start + AT_ONCE]
        await database.copy_records_to_table("bare", schema_name="recollect", columns=COLUMNS, records=part)
    return len(copied) / (time.perf_counter() - started)


async def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, float]]:
    """Run all rounds."""
    source, rounds = Texts(), []
    texts = [source.one() for _ in range(options.messages)]
    async with serving("--no-worker", RECOLLECT_PURGE_EVERY="0") as server:
        database = await asyncpg.connect(server.dsn)
        language = await prepare(database)
        for number in range(options.rounds):
            figures = {"one by one": await one_by_one(server, texts, options.seconds)}
            write_file(folder / "in.jsonl", texts)
            figures["import"] = len(texts) / await by_command(server, "import", str(folder / "in.jsonl"))
            figures["bare COPY"] = await by_copy(database, rows(texts, language))
            figures["import again"] = len(texts) / await by_command(server, "import", str(folder / "in.jsonl"))
            took = await by_command(server, "export", str(folder / "out.jsonl"))
            figures["export"] = await database.fetchval("SELECT count(*) FROM messages") / took
            rounds.append(figures)
            print(
                f"round {number + 1}: " + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in figures.items()),
                flush=True,
            )
        await database.close()
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recollect-bulk-") as folder:
        rounds = asyncio.run(measure(options, Path(folder)))
    medians = {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}
    bases = ("one by one", "bare COPY")
    ratios = {base: statistics.median(figures["import"] / figures[base] for figures in rounds) for base in bases}
    print()
    for name, rate in medians.items():
        ratio = f"   import is {ratios[name]:.2f} times that" if name in ratios else ""
        print(f"{name:>24} {rate:>9,.0f} messages/s{ratio}")
    RESULTS.mkdir(exist_ok=True)
    result = {"machine": machine(), "rounds": rounds, "medians": medians, "ratios": ratios}
    (RESULTS / "bulk.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
