"""One run of PostgreSQL's main process on a data folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from recollect.data_folder import open_private
from recollect.errors import DataFolderBusy

from .binaries import Programs
from .process import Process, start

LONGEST_LOG = 8 << 20
"""Bytes of postgres.log before it is set aside as postgres.log.1."""
STATUS_LINE = 7
"""Of postmaster.pid, from 0."""


def launch(data_dir: Path, programs: Programs, settings: Mapping[str, str], guard: int) -> Process:
    """Start PostgreSQL on the folder's cluster.

    `guard` is the locked file that all its processes hold; that it could be locked means that none is left of an
    earlier run. Raises DataFolderBusy if someone else started a PostgreSQL on this cluster.
    """
    place = data_dir / "postgres"
    left = left_behind(data_dir)
    if left and _is_postmaster(left, place):
        raise DataFolderBusy(f"A PostgreSQL that was started by hand (process {left}) runs on {place}.")
    if not left:
        (place / "postmaster.pid").unlink(missing_ok=True)  # empty: cut off in its making, refused for ever
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # Whose that pid is by now does not matter: its grandparent's is one that PostgreSQL does not take for a server's.
    with open_log(data_dir) as output:
        return start(
            [programs.path("postgres"), "-D", place, *arguments],
            account=programs.account,
            output=output,
            guard=guard,
            environment={"PG_GRANDPARENT_PID": left} if left else {},
        )


def left_behind(data_dir: Path) -> str:
    """Return the pid of a PostgreSQL that did not end by itself, by its file; empty if it did."""
    return _pid_file(data_dir)[0].strip().lstrip("-")


def is_ready(data_dir: Path, pid: int) -> bool:
    """Tell whether our PostgreSQL, of this pid, says that it accepts connections."""
    lines = _pid_file(data_dir)
    return len(lines) > STATUS_LINE and lines[0].strip() == str(pid) and lines[STATUS_LINE].strip() == "ready"


def _pid_file(data_dir: Path) -> list[str]:
    try:
        return (data_dir / "postgres" / "postmaster.pid").read_text(errors="replace").splitlines() or [""]
    except FileNotFoundError:
        return [""]


def _is_postmaster(pid: str, place: Path) -> bool:
    """Tell whether a process is a PostgreSQL that works in the cluster; elsewhere than on Linux that can't be seen."""
    process = Path("/proc") / pid
    with suppress(OSError):
        return (process / "comm").read_text() == "postgres\n" and (process / "cwd").resolve(strict=True) == place
    return False


def open_log(data_dir: Path) -> IO[bytes]:
    """Open what PostgreSQL writes its log to."""
    return os.fdopen(open_private(data_dir / "postgres.log", os.O_WRONLY | os.O_APPEND), "ab")


def trim_log(data_dir: Path) -> None:
    """Set a long log aside; PostgreSQL goes on appending to the emptied file."""
    path = data_dir / "postgres.log"
    if not path.exists() or path.stat().st_size <= LONGEST_LOG:
        return
    with suppress(OSError):  # a full disk has no place for the old lines, and all the more use for theirs
        shutil.copyfile(path, path.with_name("postgres.log.1"))
    os.truncate(path, 0)
