"""Where PostgreSQL answers, and how nobody else gets there."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from recollect import unix_socket
from recollect.data_folder import open_private
from recollect.errors import StartupError

from .account import Account

ROLE = "recollect"
DATABASE = "recollect"
PORT = 5432
"""Part of the socket's name; no TCP port."""
PRIVATE = 0o700


@dataclass(frozen=True)
class Endpoint:
    """An address for clients, and the settings that make PostgreSQL listen there."""

    dsn: str
    settings: dict[str, str]
    folder: Path | None = None
    """The socket's."""

    def clear(self) -> None:
        """Remove what a killed PostgreSQL left at its address; for whoever holds the data folder."""
        if self.folder is not None:
            for name in (_socket_name(), f"{_socket_name()}.lock"):
                (self.folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the socket's folder, if it is empty as it should be."""
        if self.folder is not None:
            with suppress(OSError):
                self.folder.rmdir()


def choose(data_dir: Path, account: Account | None) -> Endpoint:
    """Return a Unix socket in a folder that only PostgreSQL's user can enter; on Windows a port with a password."""
    if sys.platform == "win32":
        return _port(data_dir)
    folder = _socket_folder(data_dir, account)
    return Endpoint(
        f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(folder))}&port={PORT}",
        {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": '"{}"'.format(str(folder).replace('"', '""')),
        },
        folder,
    )


def _socket_name() -> str:
    return f".s.PGSQL.{PORT}"


def _socket_folder(data_dir: Path, account: Account | None) -> Path:
    """Make `run` in the data folder, unless a path there is too long for a socket or unfit for a connection string."""
    folder = data_dir / "run"
    path = os.fsencode(folder / _socket_name())
    if len(path) > unix_socket.LONGEST or b"," in path or path.decode(errors="ignore").encode() != path:
        folder = _runtime_folder() / f"recollect-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
    uid, gid = account.ids if account else (os.getuid(), os.getgid())
    try:
        folder.mkdir(mode=PRIVATE)
    except FileExistsError:
        pass
    else:
        os.chown(folder, uid, gid)
    found = folder.lstat()  # in a public place another user may have made it first
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != PRIVATE:
        raise StartupError(
            f"{folder}, for PostgreSQL's socket, is not a folder that the user {uid} alone can enter.",
            hint="Remove it, or choose a data folder with a shorter path.",
        )
    return folder


def _runtime_folder() -> Path:
    """Return a place for short-lived files with a short path, of ours alone if there is one."""
    own = Path("/run") if os.getuid() == 0 else Path("/run/user") / str(os.getuid())
    if os.access(own, os.W_OK):
        return own
    found = Path(tempfile.gettempdir())
    room = unix_socket.LONGEST - len(f"/recollect-{'0' * 16}/{_socket_name()}")
    return found if len(os.fsencode(found)) <= room else Path("/tmp")  # noqa: S108 -- ownership and mode are verified


def password(data_dir: Path) -> Path:
    """Return the file with the role's password, made once; only Windows needs it."""
    path = data_dir / "password"
    if not path.exists():
        with os.fdopen(open_private(path), "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path


def _port(data_dir: Path) -> Endpoint:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret = password(data_dir).read_text()
    return Endpoint(
        f"postgresql://{ROLE}:{secret}@127.0.0.1:{port}/{DATABASE}",
        {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""},
    )
