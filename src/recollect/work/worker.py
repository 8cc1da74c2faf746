"""The worker: take, run, finish, retry.

Each kind of job has lanes of its own, so that a slow model delays nobody else's jobs. A job that raises is tried again
with growing pauses and in the end kept with its error; jobs taken together are then run one by one, so that only the
one at fault suffers. When a model or the database is away, nobody is at fault and the lane waits.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple
from uuid import uuid4

from recollect.errors import DatabaseUnavailable, Error, ModelMisbehaved, ModelUnavailable, OutOfSpace
from recollect.store import Store, jobs
from recollect.store.jobs import Job

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""The net under the wake-up calls: for jobs of other processes, and those put off until now."""

MAX_PAUSE_SECONDS = 300.0


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


class Worker:
    """Runs jobs of the given kinds, `lanes` at a time of each."""

    def __init__(self, store: Store, kinds: list[Kind], *, lanes: int = 1) -> None:
        self.id = uuid4()
        self._store = store
        self._kinds = kinds
        self._lanes = lanes
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
            async with asyncio.TaskGroup() as lanes:
                for kind in self._kinds:
                    for _ in range(self._lanes):
                        lanes.create_task(self._lane(kind))
        finally:
            with suppress(Error):  # else the leases run out by themselves
                await asyncio.shield(jobs.release(self._store, self.id))

    async def _lane(self, kind: Kind) -> None:
        due = self._due[kind.name]
        while True:
            due.clear()
            try:
                taken = await jobs.claim(
                    self._store, kind.name, self.id, most=kind.most, items=kind.items, lease=kind.lease_seconds
                )
                pause = await self._work(kind, taken) if taken else None
            except Error as error:
                taken, pause = [], POLL_SECONDS
                log.warning("jobs wait", extra={"kind": kind.name, "reason": error.message})
            except Exception:  # a lane must outlive what nobody thought of; the leases run out
                taken, pause = [], POLL_SECONDS
                log.exception("jobs wait", extra={"kind": kind.name})
            if pause is not None:
                await asyncio.sleep(pause)
            elif not taken:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await due.wait()

    async def _work(self, kind: Kind, taken: list[Job]) -> float | None:
        """Run jobs together; return how many seconds to leave the model alone, if it asked for that."""
        try:
            await kind.run(taken)
        except (DatabaseUnavailable, OutOfSpace):
            raise
        except ModelUnavailable as error:
            if not isinstance(error, ModelMisbehaved):
                return await self._put_off(kind, taken, error)
            await self._blame(kind, taken, error)
        except Exception as error:  # noqa: BLE001 -- whatever a job raises is kept as that job's error
            await self._blame(kind, taken, error)
        else:
            self._away[kind.name] = 0
            await jobs.finish(self._store, taken, self.id)
        return None

    async def _blame(self, kind: Kind, taken: list[Job], error: Exception) -> None:
        """Find the job at fault among several by running each alone; put off or fail a single one."""
        if len(taken) > 1:
            for job in taken:
                await self._work(kind, [job])
            return
        job = taken[0]
        text = f"{type(error).__name__}: {error}"
        extra = {"kind": kind.name, "job": str(job.id), "attempt": job.attempts, "error": text}
        if job.attempts >= kind.attempts:
            log.error("job failed", extra=extra, exc_info=None if isinstance(error, Error) else error)
            await jobs.fail(self._store, job, self.id, text)
        else:
            log.warning("job put off", extra=extra)
            seconds = _pause(kind.pause_seconds, job.attempts)
            await jobs.postpone(self._store, job, self.id, seconds=seconds, error=text, forgiven=False)

    async def _put_off(self, kind: Kind, taken: list[Job], error: ModelUnavailable) -> float:
        self._away[kind.name] += 1
        seconds = error.retry_after or _pause(kind.pause_seconds, self._away[kind.name])
        log.warning("model away", extra={"kind": kind.name, "reason": error.message, "seconds": round(seconds, 1)})
        for job in taken:
            await jobs.postpone(self._store, job, self.id, seconds=seconds, error=error.message, forgiven=True)
        return seconds


def _pause(first: float, attempt: int) -> float:
    return min(first * 2.0 ** min(attempt - 1, 30), MAX_PAUSE_SECONDS) * random.uniform(0.5, 1.5)  # noqa: S311 -- jitter is no secret
