"""Making a PostgreSQL cluster, and how it is set."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from recollect.errors import Error, OutOfSpace, StartupError, WrongPostgres

from .account import require_name
from .binaries import Programs
from .endpoint import DATABASE, ROLE, password
from .process import Process, start

log = logging.getLogger(__name__)

BUILTIN_LOCALE_SINCE = 17
FRESH = 80 << 20
"""Bytes a new cluster takes, with some room to start in."""
ROOM = 32 << 20
"""Free bytes below which PostgreSQL can't go on: two segments of its write-ahead log."""

SETTINGS = {
    "cluster_name": "recollect",
    "max_connections": "40",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    # a crash is answered in one place: the supervisor, which knows about the disk and can say what goes on
    "restart_after_crash": "off",
    # the log holds what happens to the server, and no word of a user: ERROR and WARNING may quote one, details do
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
}
"""PostgreSQL's settings, given on its command line so that a new version of ours can change them."""


def version(data_dir: Path) -> int | None:
    """Return the major version the folder's cluster was made by, None if there is none."""
    place = data_dir / "postgres"
    try:
        return int((place / "PG_VERSION").read_text())
    except (FileNotFoundError, ValueError) as error:
        if not place.exists():
            return None
        raise StartupError(
            f"{place} is not a PostgreSQL cluster: it has no readable PG_VERSION.",
            hint="Restore it from a backup, or move it away to begin with an empty one.",
        ) from error


def wrong_version(data_dir: Path, made_by: int, major: int) -> WrongPostgres:
    """Return the error for a folder that was made by another major version."""
    place, db = data_dir / "postgres", f"recollect db --data-dir {shlex.quote(str(data_dir))}"
    return WrongPostgres(
        f"The data folder {data_dir} was made by PostgreSQL {made_by}; this is {major}. Nothing was touched.",
        hint=f"Save it with `{db} pg_dump -Fc -f recollect.dump` (which starts PostgreSQL {made_by} for that), rename"
        f" {place} to postgres-{made_by}, and load it with `{db} pg_restore recollect.dump`.",
    )


async def create(data_dir: Path, programs: Programs, output: IO[bytes], guard: int) -> None:
    """Make the cluster with its database under another name, then rename it: half a cluster never has the real one.

    Raises OutOfSpace before it starts, StartupError when a program fails. `guard` is what `process.start` says.
    """
    if programs.account is None and sys.platform != "win32":
        require_name(os.geteuid())
    free = shutil.disk_usage(data_dir).free
    if free < FRESH:
        raise OutOfSpace(f"A new database needs {FRESH >> 20} MB; {free >> 20} MB are free in {data_dir}.")
    fresh = data_dir / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if programs.account is not None:
        os.chown(fresh, *programs.account.ids)
    initdb = [programs.path("initdb"), "-D", fresh, "-U", ROLE, *_locale(programs.major), *_authentication(data_dir)]
    single: list[str | Path] = [programs.path("postgres"), "--single", "-D", fresh]
    steps: list[tuple[list[str | Path], str]] = [
        (initdb, ""),
        ([*single, "postgres"], f"CREATE DATABASE {DATABASE};\n"),
        ([*single, DATABASE], ""),  # fails unless the statement worked
    ]
    for argv, text in steps:
        process = start(argv, account=programs.account, output=output, guard=guard, stdin=subprocess.PIPE)
        if status := await _fed(process, text):
            raise why_ended(data_dir, Path(argv[0]).name, status)
    fresh.rename(data_dir / "postgres")
    _flush(data_dir)


def _locale(major: int) -> list[str]:
    """Sort by code point, and tell letters from signs as Unicode does."""
    letters = {"linux": "C.UTF-8", "darwin": "UTF-8"}.get(sys.platform, "C")
    locale = ["--encoding=UTF8", "--locale=C", f"--lc-ctype={letters}", "--data-checksums", "--no-instructions"]
    if major >= BUILTIN_LOCALE_SINCE:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return locale


def _authentication(data_dir: Path) -> list[str | Path]:
    if sys.platform == "win32":
        return ["--auth=scram-sha-256", "--pwfile", password(data_dir)]
    return ["--auth-local=trust", "--auth-host=reject"]  # who can enter the socket's folder is PostgreSQL's own user


async def _fed(process: Process, text: str) -> int:
    """Write the text to a program, wait for its end, and return its status."""
    try:
        assert process.popen.stdin is not None
        with suppress(BrokenPipeError), process.popen.stdin as pipe:  # what ended already has a status to say why
            pipe.write(text.encode())
        return await finished(process)
    finally:
        process.stop()
        process.popen.wait()


def why_ended(data_dir: Path, program: str, status: int, *, room: int = ROOM) -> Error:
    """Return the error for a program that ended too early: OutOfSpace or, with its last words, StartupError."""
    if not has_room(data_dir, room):
        return OutOfSpace(f"{program} stopped, for the disk of {data_dir} is full.")
    path = data_dir / "postgres.log"
    words = " / ".join(path.read_text(errors="replace").splitlines()[-3:])
    return StartupError(f"{program} failed (status {status}): {words}", hint=f"The whole story is in {path}.")


def has_room(data_dir: Path, room: int = ROOM) -> bool:
    """Tell whether PostgreSQL can go on writing."""
    return shutil.disk_usage(data_dir).free >= room


async def finished(process: Process) -> int:
    """Wait for the end of a process and return its status."""
    while (status := process.poll()) is None:  # noqa: ASYNC110 -- the event is in the kernel
        await asyncio.sleep(0.05)
    return status


def _flush(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
