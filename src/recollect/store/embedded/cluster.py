"""Making a PostgreSQL cluster, and how it is set."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

from recollect.errors import OutOfSpace, StartupError, WrongPostgres

from .account import Account, require_name
from .binaries import Programs
from .process import Process, start

log = logging.getLogger(__name__)

ROLE = "recollect"
DATABASE = "recollect"
BUILTIN_LOCALE_SINCE = 17
FRESH = 80 << 20
"""Bytes a new cluster takes, with some room to start in."""

SETTINGS = {
    "listen_addresses": "",
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


def version(cluster: Path) -> int | None:
    """Return the major version a cluster was made by, None if there is no cluster."""
    try:
        return int((cluster / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def require_major(data_dir: Path, major: int) -> None:
    """Raise WrongPostgres if the folder's cluster is of another major version."""
    found = version(data_dir / "postgres")
    if found in (None, major):
        return
    raise WrongPostgres(
        f"The data folder {data_dir} was made by PostgreSQL {found}; this is PostgreSQL {major}. Nothing was touched.",
        hint=f"Save it with `recollect db --data-dir {data_dir} pg_dump -Fc -f recollect.dump` (PostgreSQL {found} is"
        f" started for that), rename {data_dir / 'postgres'} to postgres-{found}, and load it with"
        f" `recollect db --data-dir {data_dir} pg_restore -d {DATABASE} recollect.dump`.",
    )


async def create(data_dir: Path, programs: Programs, output: IO[bytes], guard: int) -> None:
    """Make the cluster with its database under another name, then rename it: half a cluster never has the real one.

    Raises OutOfSpace before it starts, StartupError when a program fails. `guard` is what `process.start` says.
    """
    if programs.account is None:
        require_name()
    free = shutil.disk_usage(data_dir).free
    if free < FRESH:
        raise OutOfSpace(f"A new database needs {FRESH >> 20} MB; {free >> 20} MB are free in {data_dir}.")
    fresh = data_dir / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if programs.account is not None:
        os.chown(fresh, *programs.account.ids)
    initdb = [programs.path("initdb"), "-D", fresh, "-U", ROLE, *_locale(programs.major), *_authentication(data_dir)]
    single = [programs.path("postgres"), "--single", "-D", fresh]
    statement = f"CREATE DATABASE {DATABASE};\n"
    # the last one fails unless the statement worked
    for argv, text in ((initdb, ""), ([*single, "postgres"], statement), ([*single, DATABASE], "")):
        await _run(argv, programs.account, output, guard, text)
    if hasattr(os, "sync"):
        os.sync()  # initdb flushed its own files, the single-user server what it wrote; this one the folder's names
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
        return ["--auth=scram-sha-256", "--pwfile", data_dir / "password"]
    return ["--auth-local=trust", "--auth-host=reject"]  # who can enter the socket's folder is PostgreSQL's own user


async def _run(argv: list[str | Path], account: Account | None, output: IO[bytes], guard: int, text: str = "") -> None:
    process = start(argv, account=account, output=output, guard=guard, stdin=subprocess.PIPE)
    try:
        assert process.popen.stdin is not None
        with process.popen.stdin as pipe:
            pipe.write(text.encode())
        status = await finished(process)
    finally:
        process.stop()
        process.popen.wait()
    if status:
        raise StartupError(
            f"{Path(argv[0]).name} failed with status {status}.", hint=f"Its last words are in {output.name}."
        )


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
