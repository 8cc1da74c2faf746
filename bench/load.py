"""How close the server is to PostgreSQL itself.

Usage: python bench/load.py [--seconds 5] [--rounds 3] [--connections 1 16 32 64] [--operations add get ...]

pgbench, which runs the very same statements on the same database, and the live server take turns. Printed are, for
each operation and number of connections, medians of the rounds: requests per second, their share of pgbench's
transactions per second, processor time per request of the server and of PostgreSQL, transactions and WAL flushes per
request, and p50, p95, p99. A last column says when the clients, not the server, were the bottleneck: wrk where it is
installed, else as many processes of traffic.py as there are processors. Everything, with the machine's description,
lands in bench/results/load.json, and a plot of it in bench/results/load.png.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import matplotlib.pyplot as plt
import psutil
from serving import Server, serving
from traffic import ADD as ADD_BODY
from traffic import TEXT

from recollect.core.enrichment import jobs_of_message
from recollect.settings import load
from recollect.store.keys import bucket_of
from recollect.store.statements import STATEMENTS

SESSIONS = 2000
MESSAGES = 20
WIDTH = 384
RESULTS = Path(__file__).parent / "results"
WRK = shutil.which("wrk")
HEAD = (
    f"{'':8}{'conn':>5}{'req/s':>9}{'share':>8}{'app us':>8}{'pg us':>8}{'commits':>8}{'flush':>7}"
    f"{'p50':>7}{'p95':>7}{'p99':>7}"
)
# What writes comes last: autovacuum follows it.
OPERATIONS = ("get", "list", "search", "patch", "add", "mixed")

BUCKET = "(:n % 4096)::smallint"
KEY = "('00000000-0000-7' || lpad(to_hex(:n % 4096), 3, '0') || '-8000-' || lpad(to_hex(:n), 12, '0'))::uuid"
SESSIONS_SEED = f"""
INSERT INTO sessions (bucket, key, project_id, id, session_id, name_bucket, created_at, updated_at, last_seq)
SELECT {BUCKET.replace(":n", "n")}, {KEY.replace(":n", "n")}, 'default', nextval('session_ids'), 'bench-' || n,
    ($1::smallint[])[n], now(), now(), {MESSAGES}
FROM generate_series(1, {SESSIONS}) AS n
"""
MESSAGES_SEED = f"""
INSERT INTO messages (bucket, session_key, seq, project_id, uuid, token_count, language, created_at, updated_at, role,
                      content)
SELECT bucket, key, seq, project_id, gen_random_uuid(), 70, 'english', now(), now(), 'user', $1
FROM sessions, generate_series(1, {MESSAGES}) AS seq
"""
VECTORS_SEED = f"""
INSERT INTO message_embeddings (bucket, session_key, seq, model, project_id, embedding)
SELECT bucket, session_key, seq, 1, project_id, (
    SELECT array_agg((random() - 0.5) / 5) FROM generate_series(1, {WIDTH}) WHERE seq > 0)::real[]::halfvec
FROM messages
"""
NOTHING = "'{}'::text"
FOUR = "ARRAY[{0}, {0}, {0}, {0}]"
ADD = {
    "1": BUCKET,
    "2": KEY,
    "3": "'default'",
    "4": "NULL::text",
    "5": "now()",
    "6": FOUR.format("gen_random_uuid()"),
    "7": "ARRAY['user', 'assistant', 'user', 'assistant']",
    "8": FOUR.format(f"'{TEXT}'"),
    "9": FOUR.format("NULL") + "::text[]",
    "10": FOUR.format("70"),
    "11": FOUR.format("NULL") + "::text[]",
    "12": f"ARRAY{list(jobs_of_message(load({}, None)))}",
    "13": "'english'",
}
VECTOR = f"array_fill(0.05, ARRAY[{WIDTH}])::real[]::halfvec"
SCRIPTS: dict[str, tuple[str, dict[str, str]]] = {
    "add": ("messages.add", ADD),
    "get": ("messages.memory", {"1": BUCKET, "2": KEY, "3": "0", "4": "12", "5": NOTHING}),
    "patch": ("sessions.patch", {"1": BUCKET, "2": KEY, "3": "jsonb_build_object('turn', :n)", "4": "now()"}),
    "list": ("sessions.list", {"1": "'default'", "2": ":n", "3": "20"}),
    "search": ("search.nearest", {"1": BUCKET, "2": KEY, "3": "1::smallint", "4": VECTOR, "5": "10"}),
}


async def seed(database: asyncpg.Connection) -> None:
    """Write sessions whose places pgbench can work out from a number, with messages and vectors."""
    buckets = [bucket_of("default", f"bench-{number}") for number in range(1, SESSIONS + 1)]
    await database.execute(SESSIONS_SEED, buckets)
    await database.execute(
        "INSERT INTO session_names SELECT name_bucket, project_id, session_id, bucket, key FROM sessions"
    )
    await database.execute(MESSAGES_SEED, TEXT)
    await database.execute(VECTORS_SEED)


def script(operation: str) -> str:
    """Return a pgbench script that runs the server's own statement on a random session."""
    name, values = SCRIPTS[operation]
    text = re.sub(r"--[^\n]*", "", STATEMENTS[name])
    text = re.sub(r"\$(\d+)", lambda match: f"({values[match[1]]})", text)
    text = re.sub(r"(?<!:):n\b", ":n::integer", text)
    return f"\\set n random(1, {SESSIONS})\n{text};\n"


class Reading(NamedTuple):
    """What was used up so far: seconds of processor time, and counts."""

    server: float
    postgres: float
    flushes: int
    transactions: int


class Meter:
    """Reads what the server and PostgreSQL have used up."""

    def __init__(self, server: Server, database: asyncpg.Connection) -> None:
        self.server, self.database = server, database

    async def read(self) -> Reading:
        await asyncio.sleep(1.1)
        async with httpx.AsyncClient(base_url=self.server.address, timeout=60) as client:
            # A backend reports its counts after the first statement that is a second younger than its last report.
            await asyncio.gather(*(client.get("/api/v1/sessions/bench-1") for _ in range(64)))
        postmaster = psutil.Process(self.server.postmaster)
        spent = _seconds(postmaster, children=True) + sum(_seconds(child) for child in postmaster.children())
        await self.database.execute("SELECT pg_stat_clear_snapshot()")
        flushes, transactions = await self.database.fetchrow(
            "SELECT (SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal'),"
            " (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())"
        )
        return Reading(_seconds(psutil.Process(self.server.pid)), spent, flushes, transactions)


def _seconds(process: psutil.Process, *, children: bool = False) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + (times.children_user + times.children_system if children else 0.0)


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def by_pgbench(
    server: Server, meter: Meter, operation: str, connections: int, seconds: float
) -> dict[str, float]:
    """Let pgbench run an operation's statement."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = []
        for part, weight in (("add", 2), ("get", 8)) if operation == "mixed" else ((operation, 1),):
            path = Path(folder) / f"{part}.sql"
            path.write_text(script(part))
            scripts += ["-f", f"{path}@{weight}"]
        argv = [
            str(server.programs / "pgbench"), "-n", "-M", "prepared", "-c", str(connections), "-j", "1",
            "-T", f"{seconds:.0f}", *scripts, server.dsn,
        ]  # fmt: skip
        environ = os.environ | {"PGOPTIONS": "-c search_path=recollect,public -c plan_cache_mode=force_generic_plan"}
        before = await meter.read()
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
        )
        output, problems = await process.communicate()
    after = await meter.read()
    found = re.search(rb"tps = ([\d.]+)", output)
    if found is None:
        raise SystemExit(problems.decode()[-2000:])
    done = float(found[1]) * seconds
    return {"rate": float(found[1]), "postgres_us": (after.postgres - before.postgres) / done * 1e6}


async def by_server(server: Server, meter: Meter, operation: str, connections: int, seconds: float) -> dict[str, float]:
    """Let clients ask the server for an operation."""
    environ = os.environ | {"OPERATION": operation, "SESSIONS": str(SESSIONS), "ADD_BODY": ADD_BODY}
    if WRK:
        script = str(Path(__file__).with_name("traffic.lua"))
        argv = [WRK, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s", script, server.address]
        clients = 1
    else:
        clients = min(os.cpu_count() or 1, connections)
        traffic = str(Path(__file__).with_name("traffic.py"))
        rest = [operation, connections, seconds, SESSIONS, clients]
        argv = [sys.executable, traffic, str(server.port), *map(str, rest)]
    before, spent = await meter.read(), _seconds_of_children()
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, env=environ)
    output, _ = await process.communicate()
    after = await meter.read()
    answer = json.loads(output.splitlines()[-1])
    done = answer["requests"]
    return {
        "rate": done / answer["seconds"],
        "errors": answer["errors"],
        "server_us": (after.server - before.server) / done * 1e6,
        "postgres_us": (after.postgres - before.postgres) / done * 1e6,
        "flushes": (after.flushes - before.flushes) / done,
        "transactions": (after.transactions - before.transactions) / done,
        "clients": (_seconds_of_children() - spent) / answer["seconds"] / clients,
        **{name: answer[name] for name in ("p50", "p95", "p99")},
    }


async def warm_up(server: Server) -> None:
    """Ask for each session once, so that the server knows where it lies, as it does in the steady state."""
    async with httpx.AsyncClient(base_url=server.address, timeout=60) as client:
        for number in range(1, SESSIONS + 1):
            await client.get(f"/api/v1/sessions/bench-{number}")


async def compare(server: Server, meter: Meter, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure every operation at every number of connections, pgbench and the server in turns."""
    rows = []
    print(HEAD)
    for operation in options.operations:
        for connections in options.connections:
            rounds = []
            for _ in range(options.rounds):
                base = await by_pgbench(server, meter, operation, connections, options.seconds)
                row = await by_server(server, meter, operation, connections, options.seconds)
                share = {
                    "pgbench": base["rate"],
                    "pgbench_us": base["postgres_us"],
                    "share": row["rate"] / base["rate"],
                }
                rounds.append(row | share)
            median = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
            rows.append({"operation": operation, "connections": connections, **median})
            print(
                f"{operation:8}{connections:5}{median['rate']:9.0f}{median['share']:8.0%}{median['server_us']:8.0f}"
                f"{median['postgres_us']:8.0f}{median['transactions']:8.2f}{median['flushes']:7.2f}"
                f"{median['p50']:7.1f}{median['p95']:7.1f}{median['p99']:7.1f}"
                f"{'  clients busy' if median['clients'] > 0.9 else ''}{'  errors' if median['errors'] else ''}",
                flush=True,
            )
    return rows


def machine() -> dict[str, object]:
    """Describe the machine."""
    return {
        "processors": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(),
        "python": platform.python_version(),
        "clients": "wrk" if WRK else "traffic.py",
        "load_average": os.getloadavg(),
    }


def plot(rows: list[dict[str, Any]]) -> None:
    """Draw throughput and latency over connections."""
    figure, (rates, latencies) = plt.subplots(2, 1, sharex=True, figsize=(7, 9))
    for operation in dict.fromkeys(row["operation"] for row in rows):
        own = [row for row in rows if row["operation"] == operation]
        connections = [row["connections"] for row in own]
        (line,) = rates.plot(connections, [row["rate"] for row in own], marker="o", label=operation)
        rates.plot(connections, [row["pgbench"] for row in own], linestyle=":", color=line.get_color())
        latencies.plot(connections, [row["p50"] for row in own], marker="o", color=line.get_color())
        latencies.plot(connections, [row["p99"] for row in own], linestyle="--", color=line.get_color())
    rates.set(ylabel="requests per second (dotted: pgbench)", yscale="log")
    latencies.set(ylabel="ms, p50 (dashed: p99)", xlabel="connections", yscale="log")
    rates.legend()
    figure.tight_layout()
    figure.savefig(RESULTS / "load.png", dpi=110)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 16, 32, 64])
    parser.add_argument("--operations", nargs="*", default=OPERATIONS, choices=OPERATIONS)
    options = parser.parse_args()
    async with serving("--no-worker", RECOLLECT_PURGE_EVERY="0", RECOLLECT_DATABASE_POOL_SIZE="16") as server:
        database = await asyncpg.connect(server.dsn)
        await database.execute("SET search_path = recollect, public")
        await seed(database)
        await database.execute("VACUUM ANALYZE")
        await warm_up(server)
        rows = await compare(server, Meter(server, database), options)
        await database.close()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "load.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    plot(rows)


if __name__ == "__main__":
    asyncio.run(main())
