"""A PostgreSQL of our own: started, watched, restarted and stopped with us."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from recollect.errors import Error, OutOfSpace, StartupError

from . import account as accounts
from . import binaries, cluster, folder
from .lock import FolderLock, open_private, try_lock
from .process import Process, start

log = logging.getLogger(__name__)

TICK = 0.05
"""Seconds between two looks at PostgreSQL."""
REPORT = 10.0
"""Seconds between two words about a start that takes its time."""
FAST = 60.0
"""Seconds for a fast shutdown before an immediate one."""
STABLE = 30.0
"""Seconds PostgreSQL must have run for a crash to be answered without delay; also the longest delay."""
ROOM = 32 << 20
"""Free bytes below which PostgreSQL can't go on: two segments of its write-ahead log."""
LONGEST_LOG = 8 << 20
"""Bytes of postgres.log before it is set aside as postgres.log.1."""


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
        self._settings = {**cluster.SETTINGS, **settings}
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._phase, self._since = "stopped", time.monotonic()
        self._room = ROOM

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
        async with AsyncExitStack() as stack:
            account = accounts.choose(self.data_dir / "postgres")
            self.data_dir = folder.prepare(self.data_dir, account)
            self._lock = await stack.enter_async_context(FolderLock(self.data_dir))
            self._programs = binaries.find(self.data_dir, account, self._major, self._explicit)
            cluster.require_major(self.data_dir, self._programs.major)
            sockets = folder.socket_folder(self.data_dir, account)
            self._settings |= {"unix_socket_directories": '"{}"'.format(str(sockets).replace('"', '""'))}
            self.dsn = f"postgresql://{cluster.ROLE}@/{cluster.DATABASE}?host={quote(str(sockets))}&port=5432"
            self._lock.set_dsn(self.dsn)
            stack.push_async_callback(self._stop)
            await self._start()
            watch = asyncio.create_task(self._watch())
            stack.push_async_callback(self._end, watch)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _enter(self, phase: str) -> None:
        self._phase, self._since = phase, time.monotonic()
        if phase == "ready":
            self._ready.set()
        else:
            self._ready.clear()

    async def _start(self) -> None:
        """Start PostgreSQL and return once it accepts connections; raise if it ends instead."""
        self._trim_log()
        place = self.data_dir / "postgres"
        descriptor = open_private(self.data_dir / "postgres.log", os.O_WRONLY | os.O_APPEND)
        with os.fdopen(descriptor, "ab") as output:
            guard = await self._after_the_last()
            try:
                if cluster.version(place) is None:
                    self._enter("creating the database")
                    await cluster.create(self.data_dir, self._programs, output, guard)
                stale = _first_line(place / "postmaster.pid")
                self._process = start(
                    [self._programs.path("postgres"), "-D", place, *self._arguments()],
                    account=self._programs.account,
                    output=output,
                    guard=guard,
                    environment={"PG_GRANDPARENT_PID": stale} if stale and not _is_postmaster(stale, place) else {},
                )
            finally:
                os.close(guard)  # from now on the lock is held by PostgreSQL alone
        await self._accepting(self._process, "recovering after a crash" if stale else "starting")

    async def _accepting(self, process: Process, phase: str) -> None:
        self._enter(phase)
        reported = self._since
        while _status(self.data_dir / "postgres", process.pid) != "ready":
            if (status := process.poll()) is not None:
                raise self._failure(status)
            if time.monotonic() - reported > REPORT:
                reported = time.monotonic()
                log.info("PostgreSQL is %s", self.state)
            await asyncio.sleep(TICK)
        log.info("PostgreSQL %d is ready (process %d)", self._programs.major, process.pid)
        self._enter("ready")

    def _arguments(self) -> list[str]:
        return [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]

    async def _after_the_last(self) -> int:
        """Wait until no process of an earlier PostgreSQL is left; return the file they all hold, locked.

        After a kill of its supervisor PostgreSQL takes a moment to stop, after its own its children do.
        """
        descriptor = open_private(self.data_dir / "postgres.lock")
        if sys.platform == "win32":
            return descriptor
        reported = time.monotonic()
        try:
            while not try_lock(descriptor):
                if self._phase != "waiting for the previous PostgreSQL to end":
                    self._enter("waiting for the previous PostgreSQL to end")
                if time.monotonic() - reported > REPORT:
                    reported = time.monotonic()
                    log.warning("%s: process %s", self.state, _first_line(self.data_dir / "postgres/postmaster.pid"))
                await asyncio.sleep(TICK)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _failure(self, status: int) -> Error:
        if not self._has_room():
            return OutOfSpace(f"PostgreSQL stopped: the disk of {self.data_dir} is full.")
        path = self.data_dir / "postgres.log"
        last = path.read_text(errors="replace").splitlines()[-3:]
        return StartupError(
            f"PostgreSQL did not start (status {status}): {' / '.join(last)}", hint=f"The whole story is in {path}."
        )

    def _has_room(self) -> bool:
        return shutil.disk_usage(self.data_dir).free >= self._room

    async def _watch(self) -> None:
        """Restart PostgreSQL whenever it ends by itself."""
        delay = 0.0
        while True:
            assert self._process is not None
            status = await self._ended(self._process)
            lasted = time.monotonic() - self._since
            delay = 0.0 if lasted > STABLE else min(STABLE, delay * 2 or 0.5)
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
                delay = min(STABLE, delay * 2 or 0.5)
                self._enter("restarting")
            else:
                return

    async def _until_room(self) -> None:
        if self._has_room():
            return
        self._enter("out of disk space")
        log.error("the disk of %s is full; PostgreSQL is restarted once space is freed", self.data_dir)
        while not self._has_room():  # noqa: ASYNC110 -- nothing tells of freed space
            await asyncio.sleep(1)
        self._enter("restarting")

    async def _ended(self, process: Process) -> int:
        ticks = 0
        while (status := process.poll()) is None:
            await asyncio.sleep(TICK)
            ticks += 1
            if ticks % 20 == 0:
                self._trim_log()
        return status

    def _trim_log(self) -> None:
        """Set a long log aside; PostgreSQL goes on appending to the emptied file."""
        path = self.data_dir / "postgres.log"
        with suppress(FileNotFoundError):
            if path.stat().st_size > LONGEST_LOG:
                shutil.copyfile(path, path.with_name("postgres.log.1"))
                os.truncate(path, 0)

    async def _end(self, watch: asyncio.Task[None]) -> None:
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
        self._enter("stopped")


def _first_line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").partition("\n")[0].strip()
    except FileNotFoundError:
        return ""


def _status(place: Path, pid: int) -> str:
    """Return what our postmaster says of itself in postmaster.pid: starting, ready, stopping; nothing yet."""
    with suppress(FileNotFoundError):
        lines = (place / "postmaster.pid").read_text(errors="replace").splitlines()
        if len(lines) >= 8 and lines[0].strip() == str(pid):  # noqa: PLR2004 -- the status is line 8
            return lines[7].strip()
    return ""


def _is_postmaster(pid: str, place: Path) -> bool:
    """Tell whether a process works in the cluster, as a postmaster started by someone else does."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == place.resolve()
    return False
