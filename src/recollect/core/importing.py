"""Importing: lines are read, checked and stored in batches; what cannot be stored is told with its reason."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from recollect import portable
from recollect.core import tokens
from recollect.core.enrichment import jobs_of_message, jobs_of_summary
from recollect.errors import BadRequest, DatabaseUnavailable
from recollect.settings import Settings
from recollect.store import Store, imports, jobs

LINES_AT_ONCE = 2000
BYTES_AT_ONCE = 4 * 1024 * 1024
LONGEST_LINE = 64 * 1024 * 1024
LONGEST_REASON = 1000

LANES = 2
"""Connections that messages are copied over at once."""


class Rejected(NamedTuple):
    """A line that was not stored. Of one that is too long, `text` is the beginning."""

    line: int
    reason: str
    text: bytes


class Counts:
    """What became of the lines of one kind."""

    added = 0
    present = 0
    rejected = 0


class Read(NamedTuple):
    """A line that can be stored, and the session it is or belongs to; none for a user."""

    number: int
    text: bytes
    line: portable.Line
    session: str


class Batch:
    """Some lines in a row: read, or rejected at once; and the bytes they took in the file."""

    def __init__(self) -> None:
        self.read: dict[type[portable.Line], list[Read]] = defaultdict(list)
        self.rejected: list[Rejected] = []
        self.lines = 0
        self.bytes = 0

    def add(self, number: int, text: bytes, size: int) -> None:
        """Read one line."""
        self.lines += 1
        self.bytes += size
        if size > LONGEST_LINE:
            self.rejected.append(Rejected(number, f"the line is longer than {LONGEST_LINE} bytes", text[:1000]))
        elif text.strip():
            try:
                line = portable.read(text)
            except BadRequest as error:
                self.rejected.append(Rejected(number, error.message[:LONGEST_REASON], text))
                return
            if isinstance(line, portable.Message) and line.token_count is None:
                line.token_count = tokens.count(line.role, line.content)
            session = "" if isinstance(line, portable.User) else line.session_id
            self.read[type(line)].append(Read(number, text, line, session))


def batches(file: BinaryIO) -> Iterator[Batch]:
    """Read a file to its end, keeping no more than one batch or one longest line in memory."""
    batch = Batch()
    number = 0
    while text := file.readline(LONGEST_LINE + 1):
        number += 1
        size = len(text)
        while size > LONGEST_LINE and not text.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE)
            size += len(rest)
            text = text[:1000] + rest[-1:]
            if not rest:
                break
        batch.add(number, text.rstrip(b"\r\n"), size)
        if batch.lines >= LINES_AT_ONCE or batch.bytes >= BYTES_AT_ONCE:
            yield batch
            batch = Batch()
    if batch.lines:
        yield batch


class Import:
    """One run. May be broken off anywhere and run again: what is there already stays as it is."""

    def __init__(self, store: Store, project: str, settings: Settings, reject: Callable[[Rejected], None]) -> None:
        self.unreadable = 0
        self.counts: dict[str, Counts] = {name: Counts() for name in ("users", "sessions", "messages", "summaries")}
        self._store = store
        self._into = imports.Into(project, jobs_of_message(settings), jobs_of_summary(settings), settings.language)
        self._reject = reject
        self._others: set[str] = set()
        """Names of sessions that turned out to be another user's: nothing of the file goes into them."""

    async def run(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        """Import a file of lines; call `progress` with the bytes that are dealt with.

        Raises DatabaseUnavailable, OutOfSpace; what was stored until then stays.
        """
        reading = batches(file)
        batch = await asyncio.to_thread(next, reading, None)
        while batch is not None:
            following = asyncio.create_task(asyncio.to_thread(next, reading, None))
            await self._store_batch(batch)
            progress(batch.bytes)
            batch = await following

    async def _store_batch(self, batch: Batch) -> None:
        rejected = batch.rejected
        self.unreadable += len(rejected)
        for kind, name in (
            (portable.User, "users"),
            (portable.Session, "sessions"),
            (portable.Message, "messages"),
            (portable.Summary, "summaries"),
        ):
            rejected += await self._store_lines(name, batch.read[kind])
        with contextlib.suppress(DatabaseUnavailable):  # workers look by themselves now and then
            await jobs.announce(self._store)
        for line in sorted(rejected):
            self._reject(line)

    async def _store_lines(self, name: str, lines: list[Read]) -> list[Rejected]:
        own, rejected = lines, []
        if name != "sessions" and self._others:
            own = [read for read in lines if read.session not in self._others]
            foreign = [read for read in lines if read.session in self._others]
            rejected = [Rejected(read.number, imports.OTHER_USER, read.text) for read in foreign]
        lanes = _lanes(own) if name == "messages" else [own]
        outcomes = await asyncio.gather(
            *(imports.put(self._store, self._into, [read.line for read in lane]) for lane in lanes)
        )
        for lane, outcome in zip(lanes, outcomes, strict=True):
            for place, reason in outcome.refused.items():
                rejected.append(Rejected(lane[place].number, reason, lane[place].text))
                if name == "sessions" and reason == imports.OTHER_USER:
                    self._others.add(lane[place].session)
        counts, added = self.counts[name], sum(outcome.added for outcome in outcomes)
        counts.added += added
        counts.rejected += len(rejected)
        counts.present += len(lines) - added - len(rejected)
        return rejected


def _lanes(lines: list[Read]) -> list[list[Read]]:
    """Deal lines out so that those of one session stay together, in their order."""
    lanes: list[list[Read]] = [[] for _ in range(LANES)]
    for read in lines:
        lanes[hash(read.session) % LANES].append(read)
    return lanes
