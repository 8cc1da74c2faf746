"""Kill -9 the server, or its PostgreSQL, again and again under write load, and count what is there afterwards.

    python bench/crash.py --kills 200 --victim server
    python bench/crash.py --kills 200 --victim postgres

Every writer sends batches of messages with uuids of its own and repeats a batch until it is acknowledged. In the end
each acknowledged message must be there exactly once, and the messages of a batch one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import httpx

BATCH = 3
WRITERS = 8
ACKS_BETWEEN_KILLS = 25
PATIENCE = 60.0
"""Seconds after which a server that does not answer is given up."""
PAUSE = {"server": 0.0, "postgres": 1.0}
"""Seconds of peace before a kill: a PostgreSQL that ends right after its start is restarted ever more slowly."""

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("RECOLLECT_", "ZEP_"))}
NOTHING: Mapping[str, str] = MappingProxyType({})


class Server:
    """`recollect serve` as a process of its own, on one data folder and one port for all its lives."""

    def __init__(self, folder: Path, environ: Mapping[str, str] = NOTHING) -> None:
        self.data_dir = folder / "data"
        self._log = folder / "server.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]  # the same for all its lives, so that clients find it again
        self.address = f"http://127.0.0.1:{self._port}"
        self._environ = CLEAN | {"RECOLLECT_WORKERS": "0"} | environ
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and return when it is ready."""
        command = [sys.executable, "-m", "recollect.cli", "serve"]
        options = ["--port", str(self._port), "--data-dir", str(self.data_dir)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 -- outlives this loop
                [*command, *options], env=self._environ, stderr=log, cwd=self._log.parent
            )
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
            while not await self._ready(client):
                if self.process.poll() is not None:
                    raise RuntimeError(f"the server ended: {self._log.read_text()[-2000:]}")
                await asyncio.sleep(0.05)

    async def _ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.address}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def ended(self) -> int:
        """Wait for its end and return the exit status."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, PATIENCE)

    def stop(self) -> None:
        """Ask it to end in good order."""
        assert self.process is not None
        self.process.terminate()

    async def kill(self) -> None:
        """End it as a power cut would, and start it again."""
        assert self.process is not None
        self.process.kill()
        await self.ended()
        await self.start()

    async def kill_postgres(self) -> None:
        """End its PostgreSQL likewise; the server starts that again by itself."""
        pid = int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)


@dataclass
class Load:
    """What the writers sent and got acknowledged."""

    acked: list[tuple[str, list[str]]] = field(default_factory=list)
    """(session, uuids of a batch), in the order of acknowledgement."""
    acks: asyncio.Condition = field(default_factory=asyncio.Condition)
    refused: Counter[int] = field(default_factory=Counter)
    """Answers other than 200, by status."""
    broken: int = 0
    """Requests that got no answer."""

    async def more(self, number: int) -> None:
        """Wait until so many more batches are acknowledged."""
        goal = len(self.acked) + number
        async with asyncio.timeout(PATIENCE), self.acks:
            await self.acks.wait_for(lambda: len(self.acked) >= goal)

    async def write(self, address: str, name: str, stop: asyncio.Event) -> None:
        """Send batch after batch, to a session of its own and to one that all share, until told to stop."""
        number = 0
        async with httpx.AsyncClient(base_url=f"{address}/api/v1/", timeout=PATIENCE) as client:
            while not stop.is_set():
                session = name if number % 2 else "shared"
                uuids = [str(uuid4()) for _ in range(BATCH)]
                contents = [f"{name} {number} {place}" for place in range(BATCH)]
                messages = [{"uuid": u, "role": "user", "content": c} for u, c in zip(uuids, contents, strict=True)]
                await self._insist(client, f"sessions/{session}/memory", messages)
                number += 1
                async with self.acks:
                    self.acked.append((session, uuids))
                    self.acks.notify_all()

    async def _insist(self, client: httpx.AsyncClient, path: str, messages: list[dict[str, str]]) -> None:
        while True:
            try:
                answer = await client.post(path, json={"messages": messages})
            except httpx.TransportError:
                self.broken += 1
            else:
                if answer.status_code == 200:
                    return
                self.refused[answer.status_code] += 1
            await asyncio.sleep(0.05)


@dataclass
class Figures:
    """What came out."""

    kills: int = 0
    acked: int = 0
    stored: int = 0
    lost: int = 0
    duplicated: int = 0
    disordered: int = 0
    unasked: int = 0
    """Messages that nobody sent."""
    refused: dict[int, int] = field(default_factory=dict)
    broken: int = 0
    slowest_restart: float = 0.0
    """Seconds from a kill to the next acknowledgement."""


@contextlib.asynccontextmanager
async def under_load(server: Server) -> AsyncIterator[Load]:
    """Keep writers busy; at the end each finishes the batch it is at."""
    load, stop = Load(), asyncio.Event()
    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(load.write(server.address, f"writer{number}", stop))
        yield load
        stop.set()


async def compare(server: Server, load: Load) -> Figures:
    """Read back everything that is stored and hold it against what was acknowledged."""
    stored: dict[str, list[str]] = {}
    async with httpx.AsyncClient(base_url=f"{server.address}/api/v1/", timeout=PATIENCE) as client:
        for session in (await client.get("sessions")).raise_for_status().json():
            page = (await client.get(f"sessions/{session['session_id']}/messages")).raise_for_status().json()
            stored[session["session_id"]] = [message["uuid"] for message in page["messages"]]
    places = {(session, uuid): place for session, uuids in stored.items() for place, uuid in enumerate(uuids)}
    sent = Counter((session, uuid) for session, uuids in load.acked for uuid in uuids)
    found = Counter((session, uuid) for session, uuids in stored.items() for uuid in uuids)
    disordered = 0
    for session, uuids in load.acked:
        first = places.get((session, uuids[0]), -BATCH)
        disordered += [places.get((session, uuid), -BATCH) for uuid in uuids] != [first, first + 1, first + 2]
    return Figures(
        acked=sent.total(),
        stored=found.total(),
        lost=(sent - found).total(),
        duplicated=sum(number - 1 for number in found.values()),
        disordered=disordered,
        unasked=len(found.keys() - sent.keys()),
        refused=dict(load.refused),
        broken=load.broken,
    )


async def crash(server: Server, victim: str, kills: int, seed: int = 0) -> Figures:
    """Kill the victim so many times under load; return what was lost."""
    dice = random.Random(seed)
    slowest = 0.0
    await server.start()
    async with under_load(server) as load:
        for _ in range(kills):
            await load.more(ACKS_BETWEEN_KILLS)
            await asyncio.sleep(dice.random() * 0.2 + PAUSE[victim])
            started = time.monotonic()
            await (server.kill() if victim == "server" else server.kill_postgres())
            await load.more(WRITERS + 1)  # more than could have been under way
            slowest = max(slowest, time.monotonic() - started)
    figures = await compare(server, load)
    figures.kills, figures.slowest_restart = kills, round(slowest, 2)
    return figures


@contextlib.contextmanager
def server_in(environ: Mapping[str, str] = NOTHING) -> Iterator[Server]:
    """Make a server on a folder of its own, which PostgreSQL's user can enter when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="recollect-crash-"))
    folder.chmod(0o711)
    server = Server(folder, environ)
    try:
        yield server
    finally:
        if server.process is not None:
            server.process.terminate()
            server.process.wait(PATIENCE)
        shutil.rmtree(folder)


def main() -> None:
    """Read the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--victim", choices=["server", "postgres"], default="server")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with server_in() as server:
        figures = asyncio.run(crash(server, options.victim, options.kills, options.seed))
    for name, value in asdict(figures).items():
        print(f"{name.replace('_', ' '):>16}  {value}")
    if figures.lost or figures.duplicated or figures.disordered or figures.unasked or figures.acked != figures.stored:
        sys.exit(1)


if __name__ == "__main__":
    main()
