"""The data folder: where it is by default, how it is made, and who holds it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from recollect.errors import DataFolderBusy, StartupError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds to try for the lock: longer than a glance at it by `owner` takes."""


def default_data_dir() -> Path:
    """Return the folder for this user's data; raise StartupError for a user without a home."""
    if sys.platform == "linux" and os.geteuid() == 0:
        return Path("/var/lib/recollect")
    try:
        home = Path.home()
    except RuntimeError as error:
        raise StartupError("This user has no home folder.", hint="Choose a data folder with --data-dir.") from error
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "recollect"
    if sys.platform == "win32":
        return home / "AppData" / "Local" / "recollect"
    return home / ".local" / "share" / "recollect"


def make(data_dir: Path, *, passable: bool) -> Path:
    """Make the data folder unless it exists, and return its real path; nothing that exists is changed.

    `passable`: other users may pass through what is made, and read nothing.
    """
    try:
        for missing in reversed([path for path in (data_dir, *data_dir.parents) if not path.exists()]):
            missing.mkdir(exist_ok=True)
            missing.chmod(0o711 if passable else 0o700)
        folder = data_dir.resolve(strict=True)
    except OSError as error:
        raise StartupError(
            f"The data folder {data_dir} can't be made: {error.strerror}.",
            hint="Choose another folder with --data-dir or RECOLLECT_DATA_DIR.",
        ) from error
    if not folder.is_dir():
        raise StartupError(f"The data folder {data_dir} is a file.", hint="Choose another one with --data-dir.")
    return folder


@dataclass
class Owner:
    """The server that holds a data folder."""

    pid: int
    address: str | None = None
    """Its HTTP address, once it listens."""
    dsn: str | None = None
    """Where its PostgreSQL answers."""


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file, which every process that inherits the descriptor then holds."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # Windows forbids reading what is locked: lock past the end
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def open_private(path: Path, flags: int = os.O_RDWR) -> int:
    """Open or create a file that only we can read."""
    try:
        return os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise _closed(path, error) from error


def _closed(path: Path, error: OSError) -> StartupError:
    return StartupError(
        f"{path} can't be opened: {error.strerror}.",
        hint="Run as the user the data folder belongs to, or choose another folder with --data-dir.",
    )


def read_owner(path: Path) -> Owner:
    """Return what a lock file says; pid 0 when it is being written."""
    try:
        return Owner(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return Owner(pid=0)


def owner(data_dir: Path) -> Owner | None:
    """Return the server that holds the data folder, or None; raise StartupError if the folder is not ours to read."""
    path = data_dir / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _closed(path, error) from error
    try:
        return None if try_lock(descriptor) else read_owner(path)
    finally:
        os.close(descriptor)


class FolderLock:
    """Our hold on a data folder: a locked file that says who we are. The kernel lets go of it when we die."""

    def __init__(self, data_dir: Path, dsn: str | None = None) -> None:
        self._data_dir = data_dir
        self._path = data_dir / "lock"
        self._descriptor = -1
        self._owner = Owner(pid=os.getpid(), dsn=dsn)

    async def __aenter__(self) -> Self:
        """Take the lock; raise DataFolderBusy if another server has it."""
        self._descriptor = open_private(self._path)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not try_lock(self._descriptor):
            if asyncio.get_running_loop().time() > deadline:
                os.close(self._descriptor)
                raise self._busy()
            await asyncio.sleep(0.05)
        self._write()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def set_address(self, address: str) -> None:
        """Tell others where the holder of the folder listens."""
        self._owner.address = address
        self._write()

    def set_dsn(self, dsn: str) -> None:
        """Tell others where the PostgreSQL of this folder answers."""
        self._owner.dsn = dsn
        self._write()

    def _write(self) -> None:
        text = json.dumps(asdict(self._owner)).encode()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, text)
        os.ftruncate(self._descriptor, len(text))

    def _busy(self) -> DataFolderBusy:
        other = read_owner(self._path)
        where = f", {other.address}" if other.address else ""
        return DataFolderBusy(
            f"Another server (process {other.pid or 'unknown'}{where}) runs on the data folder {self._data_dir}.",
            hint="Use that one, stop it, or choose another folder with --data-dir.",
        )
