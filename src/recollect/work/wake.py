"""Waking workers in other processes, without ever putting a NOTIFY into a write."""

from __future__ import annotations

import asyncio
import logging

from recollect.errors import DatabaseUnavailable
from recollect.store import Store, jobs
from recollect.store.database import listen
from recollect.work.worker import Worker

log = logging.getLogger(__name__)

DEBOUNCE_SECONDS = 0.05


class Announcer:
    """Tells other processes that there are jobs, at most once per DEBOUNCE_SECONDS however many were added."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._added = asyncio.Event()

    def wake(self, kind: str | None = None) -> None:
        """Note that jobs were added."""
        del kind
        self._added.set()

    async def run(self) -> None:
        """Announce until cancelled. A database that is away needs no announcement: workers poll."""
        while True:
            await self._added.wait()
            self._added.clear()
            try:
                await jobs.announce(self._store)
            except DatabaseUnavailable as error:
                log.debug("not announced", extra={"reason": error.message})
            await asyncio.sleep(DEBOUNCE_SECONDS)


async def wake_on_announcement(dsn: str, worker: Worker) -> None:
    """Wake a worker whenever another process announces jobs, until cancelled; connect again when that breaks."""
    while True:
        try:
            await listen(dsn, "recollect_jobs", worker.wake)
        except DatabaseUnavailable as error:
            log.debug("not listening", extra={"reason": error.message})
        await asyncio.sleep(1)
