"""One client for all threads and event loops of a program."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from recollect import Memory, Message, ZepClient

THREADS = 8
CALLS = 10


async def say(client: ZepClient, session_id: str, count: int) -> None:
    await asyncio.gather(
        *(
            client.memory.aadd_memory(session_id, Memory(messages=[Message(role="Ana", content=str(number))]))
            for number in range(count)
        )
    )


def contents(client: ZepClient, session_id: str) -> list[int]:
    return sorted(int(message.content) for message in client.message.get_session_messages(session_id))


def test_threads_share_a_client(client: ZepClient, name: str) -> None:
    """Eight threads add messages through one client, and each arrives once."""

    def add(number: int) -> None:
        client.memory.add_memory(name, Memory(messages=[Message(role="Ana", content=str(number))]))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(add, range(THREADS * CALLS)))
    assert contents(client, name) == list(range(THREADS * CALLS))


def test_event_loops_one_after_the_other_share_a_client(client: ZepClient, name: str) -> None:
    """A client outlives the event loop it was first used in, and leaves nothing open in it."""
    for _ in range(3):
        asyncio.run(say(client, name, CALLS))
        gc.collect()  # an open connection would warn, which is an error here
    uvloop.run(say(client, name, CALLS))
    gc.collect()
    assert contents(client, name) == sorted(4 * list(range(CALLS)))


def test_event_loops_at_the_same_time_share_a_client(client: ZepClient, name: str) -> None:
    """Event loops in threads of their own use one client at the same time."""
    together = threading.Barrier(THREADS)

    def run(_: int) -> None:
        together.wait(60)
        asyncio.run(say(client, name, CALLS))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(run, range(THREADS)))
    assert contents(client, name) == sorted(THREADS * list(range(CALLS)))


async def test_both_halves_work_in_one_place(client: ZepClient, name: str) -> None:
    """Blocking calls may stand between asynchronous ones."""
    await say(client, name, 3)
    assert contents(client, name) == [0, 1, 2]


FORKS = """
import os, sys
from recollect import Session, ZepClient
client = ZepClient(sys.argv[1])
for name in ("parent", "child"):
    client.memory.add_session(Session(session_id=sys.argv[2] + name))
child = os.fork()
name = sys.argv[2] + ("parent" if child else "child")
for _ in range(200):
    assert client.memory.get_session(name).session_id == name
if child:
    assert os.waitpid(child, 0)[1] == 0
client.close()
"""


def test_processes_that_fork_do_not_share_connections(address: str, name: str) -> None:
    """A child that goes on using its parent's client gets its own answers, as the parent does."""
    argv = [sys.executable, "-W", "error", "-c", FORKS, address, name]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_closed_client_says_so(address: str) -> None:
    """Leaving the context closes the client for good, in either style, used or not."""
    async with ZepClient(address) as client:
        await client.acheck()
        client.check()
    with pytest.raises(RuntimeError, match="this client was closed"):
        await client.acheck()
    with pytest.raises(RuntimeError, match="this client was closed"):
        client.check()
    with ZepClient(address) as client:
        pass
    with pytest.raises(RuntimeError, match="this client was closed"):
        client.check()
