"""The worker: take, run, finish, retry.

Each kind of job has lanes of its own, so that a slow model delays nobody else's jobs. A job that raises is tried again
with growing pauses and in the end kept with its error; jobs taken together are then run one by one, so that only the
one at fault suffers. When a model or the database is away, nobody is at fault and the lane waits: a model that fails
at a job and then answers the kind's probe is not away.
A job whose lease ran out is taken alone the next time, so that one which kills or blocks its workers fails alone, too.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID, uuid4

from recollect.errors import DatabaseUnavailable, Error, ModelMisbehaved, ModelUnavailable, OutOfSpace
from recollect.store import Store, jobs
from recollect.store.jobs import Job

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""The net under the wake-up calls: for jobs of other processes, and those put off until now."""

MAX_PAUSE_SECONDS = 300.0

SHARE_OF_LEASE = 0.9
"""How much of its lease a lane works on: it must have stopped when somebody else may start."""


class Kind(NamedTuple):
    """How the jobs of one kind are run: together up to `most` jobs or `items` items, each within the lease."""

    name: str
    run: Callable[[list[Job]], Awaitable[None]]
    most: int = 64
    items: int = 256
    lease_seconds: float = 60.0
    attempts: int = 5
    pause_seconds: float = 1.0
    """Before the second attempt; doubled before each next one, up to five minutes."""
    probe: Callable[[], Awaitable[object]] | None = None
    """Asks the kind's model for next to nothing. Raises ModelUnavailable when it is away."""
    gather_seconds: float = 0.0
    """Time given to further jobs to come, while there are few: a question about many messages costs little more."""


class Worker:
    """Runs jobs of the given kinds, `lanes` at a time of each."""

    def __init__(self, store: Store, kinds: list[Kind], *, lanes: int = 1) -> None:
        self._store = store
        # A lane leases under an id of its own: when another one takes a job over, it has no say in it any more.
        self._lanes = {uuid4(): kind for kind in kinds for _ in range(lanes)}
        self._due = {kind.name: asyncio.Event() for kind in kinds}
        self._away = dict.fromkeys(self._due, 0)  # how often in a row the kind's model did not answer

    def wake(self, kind: str | None = None) -> None:
        """Look for due jobs of this kind, or of all, right now."""
        for name, event in self._due.items():
            if kind is None or name == kind:
                event.set()

    async def run(self) -> None:
        """Work until cancelled; then give back what was taken."""
        try:
            async with asyncio.TaskGroup() as running:
                for lane, kind in self._lanes.items():
                    running.create_task(self._run(lane, kind))
        finally:
            with suppress(Error):  # else the leases run out by themselves
                await asyncio.shield(jobs.release(self._store, list(self._lanes)))

    async def _run(self, lane: UUID, kind: Kind) -> None:
        due = self._due[kind.name]
        while True:
            due.clear()
            pause: float | None = POLL_SECONDS
            taken: list[Job] = []
            try:
                async with asyncio.timeout(kind.lease_seconds * SHARE_OF_LEASE):
                    taken = await jobs.claim(
                        self._store, kind.name, lane, most=kind.most, items=kind.items, lease=kind.lease_seconds
                    )
                    pause = await self._work(kind, lane, taken) if taken else None
            except Error as error:
                log.warning("jobs wait", extra={"kind": kind.name, "reason": error.message})
            except TimeoutError:
                log.warning("lease ran out", extra={"kind": kind.name, "jobs": len(taken)})
            except Exception:  # a lane must outlive what nobody thought of; the leases run out
                log.exception("jobs wait", extra={"kind": kind.name})
            if pause is not None:
                await asyncio.sleep(pause)
            elif not taken:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await due.wait()
            if not _are_many(kind, taken):
                await asyncio.sleep(kind.gather_seconds)

    async def _work(self, kind: Kind, lane: UUID, taken: list[Job]) -> float | None:
        """Run jobs together; return how many seconds to leave the model alone, if it is away."""
        if taken[0].attempts > kind.attempts:  # taken alone, see above
            await self._fail(lane, taken[0], "its lease ran out again and again: its workers died or hung")
            return None
        try:
            await kind.run(taken)
        except (DatabaseUnavailable, OutOfSpace):
            raise
        except ModelUnavailable as error:
            if await _answers(kind, error):
                return await self._blame(kind, lane, taken, error)
            return await self._put_off(kind, lane, taken, error)
        except Exception as error:  # noqa: BLE001 -- whatever a job raises is kept as that job's error
            return await self._blame(kind, lane, taken, error)
        self._away[kind.name] = 0
        await jobs.finish(self._store, taken, lane)
        return None

    async def _blame(self, kind: Kind, lane: UUID, taken: list[Job], error: Exception) -> float | None:
        """Find the job at fault among several by running each alone; put off or fail a single one."""
        if len(taken) > 1:
            for place, job in enumerate(taken, start=1):
                pause = await self._work(kind, lane, [job])
                if pause is not None:
                    await self._postpone(lane, taken[place:], pause, str(error))
                    return pause
            return None
        job = taken[0]
        text = f"{type(error).__name__}: {error}"
        if job.attempts >= kind.attempts:
            await self._fail(lane, job, text, error)
        else:
            log.warning("job put off", extra=_named(job, text))
            seconds = _pause(kind.pause_seconds, job.attempts)
            text += _answer_in(error)
            await jobs.postpone(self._store, job, lane, seconds=seconds, error=text, forgiven=False)
        return None

    async def _fail(self, lane: UUID, job: Job, text: str, error: Exception | None = None) -> None:
        log.error("job failed", extra=_named(job, text), exc_info=None if isinstance(error, Error) else error)
        await jobs.fail(self._store, job, lane, text + _answer_in(error))

    async def _put_off(self, kind: Kind, lane: UUID, taken: list[Job], error: ModelUnavailable) -> float:
        self._away[kind.name] += 1
        seconds = error.retry_after or _pause(kind.pause_seconds, self._away[kind.name])
        log.warning("model away", extra={"kind": kind.name, "reason": error.message, "seconds": round(seconds, 1)})
        await self._postpone(lane, taken, seconds, error.message)
        return seconds

    async def _postpone(self, lane: UUID, taken: list[Job], seconds: float, text: str) -> None:
        for job in taken:
            await jobs.postpone(self._store, job, lane, seconds=seconds, error=text, forgiven=True)


def _are_many(kind: Kind, jobs: list[Job]) -> bool:
    return len(jobs) >= kind.most or sum(len(job.items) for job in jobs) > kind.items // 2


async def _answers(kind: Kind, error: ModelUnavailable) -> bool:
    """Tell whether a model that just failed at jobs answers others."""
    if kind.probe is None:
        return isinstance(error, ModelMisbehaved)
    if error.retry_after is not None:
        return False
    try:
        await kind.probe()
    except ModelUnavailable:
        return False
    return True


def _answer_in(error: Exception | None) -> str:
    """Return what a model said, for the job's row: no log holds it."""
    return f" It said: {error.answer}" if isinstance(error, ModelMisbehaved) and error.answer else ""


def _named(job: Job, error: str) -> dict[str, object]:
    return {"kind": job.kind, "job": str(job.id), "attempt": job.attempts, "error": error}


def _pause(first: float, attempt: int) -> float:
    return min(first * 2.0 ** min(attempt - 1, 30), MAX_PAUSE_SECONDS) * random.uniform(0.5, 1.5)  # noqa: S311 -- jitter is no secret
