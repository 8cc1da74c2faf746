"""A PostgreSQL of our own: started, watched, restarted and stopped with us."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from recollect.data_folder import FolderLock, open_private, try_lock
from recollect.errors import Error, OutOfSpace, StartupError

from . import account as accounts
from . import binaries, cluster, endpoint, folder, postmaster
from .process import Process

log = logging.getLogger(__name__)

TICK = 0.05
"""Seconds between two looks at PostgreSQL."""
REPORT = 10.0
"""Seconds between two words about a start that takes its time."""
FAST = 60.0
"""Seconds for a fast shutdown before an immediate one."""
STABLE = 1.0
"""Seconds PostgreSQL must have been ready for a crash to be answered without delay."""
DELAYS = 0.5, 30.0
"""Seconds before a restart: the first, doubled each time it was for nothing, and the longest."""
WAITING = "waiting for the previous PostgreSQL to end"


class EmbeddedPostgres:
    """The PostgreSQL of one data folder, running while the context is open.

    Enter it in a thread that outlives it, such as the main one: PostgreSQL ends when that thread does.
    Entering returns when PostgreSQL accepts connections, however long its recovery takes; leaving, when it has stopped.
    Raises DataFolderBusy, WrongPostgres, OutOfSpace, or StartupError for all else that keeps it from starting.
    """

    def __init__(
        self, data_dir: Path, *, major: int = 18, binaries: Path | None = None, settings: Mapping[str, str] = {}
    ) -> None:
        self.data_dir = data_dir
        self.dsn = ""
        self._major = major
        self._explicit = binaries
        self._settings = settings
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._enter("stopped")
        self._room = cluster.ROOM

    @property
    def state(self) -> str:
        """What PostgreSQL is at, in one phrase: `ready`, or for instance `recovering after a crash (37 s)`."""
        lasting = int(time.monotonic() - self._since)
        return f"{self._phase} ({lasting} s)" if lasting and self._phase not in ("ready", "stopped") else self._phase

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    async def wait_ready(self) -> None:
        """Return when PostgreSQL accepts connections, without a limit of time."""
        await self._ready.wait()

    def set_address(self, address: str) -> None:
        """Write down where our HTTP server listens, for whoever finds the data folder busy."""
        self._lock.set_address(address)

    async def __aenter__(self) -> Self:
        try:
            async with AsyncExitStack() as stack:
                await self._open(stack)
                self._stack = stack.pop_all()
        except OSError as error:
            kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else StartupError
            raise kind(f"PostgreSQL could not be started on {self.data_dir}: {error}") from error
        return self

    async def _open(self, stack: AsyncExitStack) -> None:
        self._enter("starting")
        stack.callback(self._enter, "stopped")
        account = accounts.choose(self.data_dir / "postgres")
        self.data_dir = folder.prepare(self.data_dir, account)
        self._lock = await stack.enter_async_context(FolderLock(self.data_dir))
        self._programs = binaries.find(self.data_dir, account, self._major, self._explicit)
        made_by = cluster.version(self.data_dir)
        if made_by not in (None, self._programs.major):
            raise cluster.wrong_version(self.data_dir, made_by, self._programs.major)
        self._endpoint = endpoint.choose(self.data_dir, account)
        stack.callback(self._endpoint.close)
        self.dsn = self._endpoint.dsn
        self._lock.set_dsn(self.dsn)
        stack.push_async_callback(self._stop)
        if made_by is None:
            await self._create()
        await self._start()
        stack.push_async_callback(self._unwatch, asyncio.create_task(self._watch()))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _enter(self, phase: str) -> None:
        self._phase, self._since = phase, time.monotonic()
        self._report = self._since + REPORT
        if phase == "ready":
            self._ready.set()
        else:
            self._ready.clear()

    async def _create(self) -> None:
        guard = await self._after_the_last()
        self._enter("creating the database")
        log.info("creating a database in %s", self.data_dir)
        try:
            with postmaster.open_log(self.data_dir) as output:
                await cluster.create(self.data_dir, self._programs, output, guard)
        finally:
            os.close(guard)

    async def _start(self) -> None:
        """Start PostgreSQL and return once it accepts connections; raise if it ends instead."""
        postmaster.trim_log(self.data_dir)
        guard = await self._after_the_last()
        try:
            phase = "recovering after a crash" if postmaster.left_behind(self.data_dir) else "starting"
            self._endpoint.clear()
            settings = {**cluster.SETTINGS, **self._endpoint.settings, **self._settings}
            self._process = postmaster.launch(self.data_dir, self._programs, settings, guard)
        finally:
            os.close(guard)  # from now on PostgreSQL alone holds it
        self._enter(phase)
        while not postmaster.is_ready(self.data_dir, self._process.pid):
            if (status := self._process.poll()) is not None:
                raise cluster.why_ended(self.data_dir, "PostgreSQL", status, room=self._room)
            await self._tick()
        log.info("PostgreSQL %d is ready (process %d)", self._programs.major, self._process.pid)
        self._enter("ready")

    async def _after_the_last(self) -> int:
        """Wait until no process of an earlier PostgreSQL is left; return the file they all hold, locked.

        After a kill of its supervisor PostgreSQL takes a moment to stop, after its own its children do.
        """
        guard = open_private(self.data_dir / "postgres.lock")
        if sys.platform == "win32":  # no inheritance of locks; PostgreSQL finds its own earlier self there
            return guard
        try:
            while not try_lock(guard):
                if self._phase != WAITING:
                    self._enter(WAITING)
                await self._tick()
        except BaseException:
            os.close(guard)
            raise
        return guard

    async def _tick(self) -> None:
        """Let a moment pass, and from time to time say what it is that takes so long."""
        await asyncio.sleep(TICK)
        if time.monotonic() > self._report:
            self._report += REPORT
            log.info("PostgreSQL is %s", self.state)

    async def _watch(self) -> None:
        """Restart PostgreSQL whenever it ends by itself."""
        delay = 0.0
        while True:
            assert self._process is not None
            status = await self._ended(self._process)
            lasted = time.monotonic() - self._since
            delay = 0.0 if lasted > STABLE else _longer(delay)
            self._enter("restarting")
            log.error("PostgreSQL ended unexpectedly (status %d) and is restarted", status)
            await self._restart(delay)

    async def _restart(self, delay: float) -> None:
        while True:
            await self._until_room()
            await asyncio.sleep(delay)
            try:
                await self._start()
            except (Error, OSError) as error:
                log.error("PostgreSQL could not be restarted: %s", error)  # noqa: TRY400 -- the text says it all
                delay = _longer(delay)
                self._enter("restarting")
            else:
                return

    async def _until_room(self) -> None:
        if cluster.has_room(self.data_dir, self._room):
            return
        self._enter("out of disk space")
        log.error("the disk of %s is full; PostgreSQL is restarted once space is freed", self.data_dir)
        while not cluster.has_room(self.data_dir, self._room):  # noqa: ASYNC110 -- nothing tells of freed space
            await asyncio.sleep(1)
        self._enter("restarting")

    async def _ended(self, process: Process) -> int:
        ticks = 0
        while (status := process.poll()) is None:
            await asyncio.sleep(TICK)
            ticks += 1
            if ticks % 20 == 0:
                postmaster.trim_log(self.data_dir)
        return status

    async def _unwatch(self, watch: asyncio.Task[None]) -> None:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch

    async def _stop(self) -> None:
        """Stop PostgreSQL: fast, or immediately if that takes too long. Nothing committed is lost either way."""
        if self._process is not None and self._process.poll() is None:
            self._enter("stopping")
            self._process.stop()
            try:
                await asyncio.wait_for(cluster.finished(self._process), FAST)
            except TimeoutError:
                log.warning("PostgreSQL did not stop within %d s and is stopped at once", FAST)
                self._process.stop(now=True)
                await cluster.finished(self._process)


def _longer(delay: float) -> float:
    first, longest = DELAYS
    return min(longest, delay * 2 or first)
