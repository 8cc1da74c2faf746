"""The server of a data folder on this machine: started by its first client, ended with its last."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import httpx

from recollect import data_folder
from recollect.client.wire import API, CLOSED, Wire
from recollect.errors import StartupError
from recollect.holders import door
from recollect.settings import load
from recollect.unix_socket import LONGEST

SERVE = (sys.executable, "-P", "-m", "recollect.cli", "serve")
PRIVATE = 0o700
TICK = 0.1
"""Seconds between two looks at a server that starts or stops."""
LOG_SIZE = 8 << 20
"""Bytes of a log that is put aside at the next start."""
ENDING = 60.0
"""Seconds that a server which gave up its start takes to end."""
STOPPING = 120.0
"""Seconds that leaving waits for the end: more than a server takes for requests under way and for its PostgreSQL."""


class Started(NamedTuple):
    """A server that this process has started."""

    process: subprocess.Popen[bytes]
    begin: int
    """Where in the log file it begins."""


class LocalServer:
    """A hold on the server of a data folder; once it is there, `wire` leads to it.

    `start_timeout` is in seconds. Raises SettingsError, and StartupError for a user without a home.
    """

    def __init__(self, data_dir: str | os.PathLike[str] | None, start_timeout: float, wire: Wire) -> None:
        given = None if data_dir is None else os.fspath(data_dir)
        self.folder = load(overrides={"data_dir": given}).data_dir or data_folder.default_data_dir()
        self.uds: str | None = None
        """The socket to connect to; None for a server that listens on a port."""
        self.is_joined = False
        self._start_timeout = start_timeout
        self._wire = wire
        self._line: socket.socket | None = None
        self._closed = False
        self._lock = threading.Lock()

    def join(self) -> None:
        """Return once the server is ready, started if there is none. Raises StartupError, RuntimeError once left."""
        with self._lock:
            if self._closed:
                raise RuntimeError(CLOSED)
            if self.is_joined:
                return
            try:
                address = self._reach()
            except BaseException as error:
                self._let_go()
                if isinstance(error, OSError):
                    raise StartupError(f"The server of {self.folder} cannot be reached: {error}") from error
                raise
            self._wire.base_url = address + API
            self._wire.absent = f"Read {self._log}; a new client starts the server again."
            self.is_joined = True

    def leave(self) -> None:
        """Let go of the server; if nobody else holds it, return once it has stopped."""
        self._closed = True  # a join that is under way gives up
        with self._lock:
            self.is_joined = False
            if self._line is not None:
                try:
                    self._line.settimeout(STOPPING)
                    self._line.shutdown(socket.SHUT_WR)
                    self._line.recv(1)
                except OSError:
                    pass  # it has ended already, or will without us
                finally:
                    self._let_go()

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _reach(self) -> str:
        """Return the address of the server, which is ready."""
        if not hasattr(socket, "AF_UNIX"):
            raise StartupError("This system's Python has no Unix sockets.", hint="Run `recollect serve`.")
        self.folder = data_folder.make(self.folder, passable=os.geteuid() == 0)
        own = _socket_path(self.folder)
        deadline = time.monotonic() + self._start_timeout
        while True:
            started = self._take_hold(own, deadline)
            place = f"unix:{own}" if self._line is not None else self._place_of_another(own)
            if place:
                self.uds = place.removeprefix("unix:") if place.startswith("unix:") else None
                address = place if self.uds is None else "http://localhost"
                if self._is_ready(address, started, deadline):
                    return address
                self._let_go()
            self._tick(deadline, "it starts or stops")

    def _take_hold(self, path: Path, deadline: float) -> Started | None:
        """Hold the server that runs for clients; if none runs at all, start one."""
        self._line = _hold(path)
        if self._line is None and data_folder.owner(self.folder) is None and not _answers(path):
            return self._start(path, deadline)
        return None

    def _place_of_another(self, path: Path) -> str:
        """Return where a server listens that runs on the folder for its own sake."""
        owner = data_folder.owner(self.folder)
        return owner.address if owner and owner.address and owner.address != f"unix:{path}" else ""

    def _start(self, path: Path, deadline: float) -> Started | None:
        """Start the server and hold it; return None if somebody else just does."""
        turn = data_folder.open_private(self.folder / "start.lock")
        try:
            if not data_folder.try_lock(turn):
                return None
            started = _launch(self.folder, path, self._log)
            while (line := _hold(path)) is None:
                if started.process.poll() is not None:
                    raise self._why(started)
                self._tick(deadline, "it does not listen yet")
            self._line = line
            return started
        finally:
            os.close(turn)

    def _is_ready(self, address: str, started: Started | None, deadline: float) -> bool:
        """Return True once the server is ready, False if it ended; raise StartupError if it was started for us."""
        transport = httpx.HTTPTransport(uds=self.uds, verify=False)
        with httpx.Client(transport=transport, timeout=5) as client:
            while True:
                ready, reason = _readiness(client, address, self.uds)
                if ready:
                    return True
                if _ended(self._line) if self._line is not None else ready is None:
                    if started is None:
                        return False
                    raise self._why(started)
                self._tick(deadline, reason)

    def _tick(self, deadline: float, reason: str) -> None:
        if self._closed:
            raise RuntimeError(CLOSED)
        if time.monotonic() > deadline:
            raise StartupError(
                f"The server of {self.folder} is not ready after {self._start_timeout:g} seconds: {reason}.",
                hint=f"Give it longer with start_timeout=, or read {self._log}.",
            )
        time.sleep(TICK)

    def _why(self, started: Started) -> StartupError:
        """Return why a server ended that was to start, by what it logged last."""
        started.process.wait(ENDING)
        with self._log.open("rb") as log:
            log.seek(started.begin)
            said = log.read().decode(errors="replace").strip().splitlines()
        for number, line in enumerate(said):
            if line.startswith("recollect: "):
                return StartupError(line.removeprefix("recollect: "), hint=" ".join(said[number + 1 :]))
        return StartupError(
            f"The server of {self.folder} ended while it started: {said[-1] if said else 'it said nothing'}",
            hint=f"Read {self._log}.",
        )


def _socket_path(folder: Path) -> Path:
    """Return where the server of a folder listens for its clients: in it, or in a place with a shorter path."""
    path = folder / "client.socket"
    if len(os.fsencode(door(path))) <= LONGEST:
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    place = Path("/tmp") / f"recollect-{os.geteuid()}-{digest}"  # noqa: S108 -- ownership and mode are verified
    place.mkdir(mode=PRIVATE, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != PRIVATE:
        raise StartupError(
            f"{place}, for the server's socket, is not a folder that this user alone can enter.",
            hint="Remove it, or choose a data folder with a shorter path.",
        )
    return place / path.name


def _hold(path: Path) -> socket.socket | None:
    """Return a connection that holds the server, None if there is none to be held."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    try:
        line.connect(str(door(path)))
        if line.recv(1):
            return line
    except OSError:
        pass  # there is none, or it stops
    line.close()
    return None


def _ended(line: socket.socket) -> bool:
    line.settimeout(0)
    try:
        return not line.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _readiness(client: httpx.Client, address: str, uds: str | None) -> tuple[bool | None, str]:
    """Return whether a server is ready, None if it does not answer, and why not."""
    if uds is not None and not _answers(Path(uds)):  # httpcore would leave a socket to the garbage collector
        return None, "it does not answer"
    try:
        answer = client.get(f"{address}/readyz")
    except httpx.TransportError as error:
        return None, str(error)
    return answer.is_success, answer.text.strip()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.settimeout(10)
        return visitor.connect_ex(str(path)) == 0


def _launch(folder: Path, path: Path, log: Path) -> Started:
    """Start a server that outlives this process if others hold it."""
    if log.exists() and log.stat().st_size > LOG_SIZE:
        log.replace(log.with_name("server.log.1"))
    output = data_folder.open_private(log, os.O_WRONLY | os.O_APPEND)
    try:
        begin = os.fstat(output).st_size
        process = subprocess.Popen(  # noqa: S603 -- a list, our own program
            [*SERVE, "--until-unused", "--socket", path, "--data-dir", folder],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the program, which then leaves
        )
    finally:
        os.close(output)
    threading.Thread(target=process.wait, daemon=True).start()  # whenever it ends, it is not to stay a zombie
    return Started(process, begin)
