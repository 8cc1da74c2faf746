"""Starting a program of PostgreSQL so that it never outlives us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from recollect.errors import StartupError

from .account import Account
from .launcher import Options

if sys.platform == "win32":
    from . import windows

LAUNCHER = Path(__file__).with_name("launcher.py")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
"""All that PostgreSQL sees: no PG* variable of the operator's shell can change what it does."""


@dataclass
class Process:
    """A running program of PostgreSQL."""

    popen: subprocess.Popen[bytes]
    lifeline: Any = None
    """What ends with us and thereby ends it: a pipe (macOS), a job (Windows); None where the kernel sees to it."""

    @property
    def pid(self) -> int:
        """The process id; ours to signal until `poll` returned a status."""
        return self.popen.pid

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        status = self.popen.poll()
        if status is not None and isinstance(self.lifeline, int):
            os.close(self.lifeline)
            self.lifeline = None
        return status

    def stop(self, *, now: bool = False) -> None:
        """Ask for a fast shutdown; `now` is an immediate one, which costs a recovery at the next start."""
        if self.poll() is not None:
            return
        if sys.platform == "win32":
            self.lifeline.signal(self.pid, "QUIT" if now else "INT")
        else:
            self.popen.send_signal(signal.SIGQUIT if now else signal.SIGINT)


def start(
    argv: Sequence[str | Path],
    *,
    account: Account | None,
    output: IO[bytes],
    stdin: int = subprocess.DEVNULL,
    guard: int | None = None,
    environment: Mapping[str, str] | None = None,
    by_kernel: bool = sys.platform == "linux",
) -> Process:
    """Start a program as the account's user, tied to the life of the calling thread's process.

    `guard` is an open, locked file that it and all its children hold on to.
    Call it in a thread that lives as long as the program: the kernel's signal follows the thread.
    """
    if sys.platform == "win32":
        popen = subprocess.Popen(argv, stdin=stdin, stdout=output, stderr=output)  # noqa: S603 -- a list, our programs
        return Process(popen, windows.tie(popen, Path(argv[0])))
    reading, writing = (None, None) if by_kernel else os.pipe()
    options: Options = {
        "parent": os.getpid(),
        "user": account.ids if account else None,
        "lifeline": reading,
        "environment": {**ENVIRONMENT, **(environment or {})},
        "reach": "",
    }
    popen = subprocess.Popen(  # noqa: S603 -- a list, our programs
        [sys.executable, "-I", "-S", LAUNCHER, json.dumps(options), *argv],
        stdin=stdin,
        stdout=output,
        stderr=output,
        cwd="/",
        start_new_session=True,  # Ctrl-C in a terminal is for us, who end in order
        pass_fds=[descriptor for descriptor in (guard, reading) if descriptor is not None],
    )
    if reading is not None:
        os.close(reading)
    return Process(popen, writing)


def unreachable(account: Account, path: Path) -> Path | None:
    """Return the first folder that keeps the account's user from entering or running path, None if nothing does."""
    options: Options = {
        "parent": os.getpid(),
        "user": account.ids,
        "lifeline": None,
        "environment": {},
        "reach": str(path),
    }
    answer = subprocess.run(  # noqa: S603 -- our own script
        [sys.executable, "-I", "-S", LAUNCHER, json.dumps(options)], capture_output=True, check=False, cwd="/"
    )
    if answer.returncode:
        raise StartupError(
            f"This process is root but can't become the user {account.name}: {answer.stderr.decode()[-500:]}",
            hint="Give it the capabilities SETUID and SETGID, or run it as an ordinary user.",
        )
    return Path(os.fsdecode(answer.stdout)) if answer.stdout else None
