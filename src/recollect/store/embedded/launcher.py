"""Become the user PostgreSQL runs as, tie its life to ours, and turn into it.

Run as a script by the interpreter that starts PostgreSQL: it imports nothing but the standard library, and all of it
before the user changes, since that user need not reach the interpreter. A script instead of a `preexec_fn`, because
no Python may run between fork and exec of a process with threads.

    launcher.py OPTIONS PROGRAM ARGUMENT...     become PROGRAM; OPTIONS is the JSON of `Options`
    launcher.py OPTIONS                         print what keeps the user from the path `reach`
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import TypedDict

PR_SET_PDEATHSIG = 1
DEATH_SIGNAL = signal.SIGINT
"""PostgreSQL's fast shutdown: roll back, write a checkpoint, end."""


class Options(TypedDict):
    """What the starting process asks for."""

    parent: int
    user: tuple[int, int] | None
    """(uid, gid) to change to; None to stay who we are."""
    lifeline: int | None
    """Read end of a pipe that closes when the parent dies; None to have the kernel say so (Linux)."""
    environment: dict[str, str]
    reach: str
    """A folder to enter or a program to run; only asked without a program."""


def change_user(user: tuple[int, int] | None) -> None:
    """Give up root for good, the supplementary groups included."""
    if user is None:
        return
    uid, gid = user
    os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)


def die_with(parent: int) -> None:
    """Have the kernel send the death signal when the parent's thread ends; to be called after the user changed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, DEATH_SIGNAL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it died before the kernel was told
        sys.exit(1)


def watch(lifeline: int) -> None:
    """Leave a child behind that sends the death signal to what this process becomes, once the lifeline closes."""
    watched = os.getpid()
    if os.fork():
        os.close(lifeline)
        return
    os.setsid()
    os.closerange(0, lifeline)
    os.closerange(lifeline + 1, 1024)
    os.read(lifeline, 1)
    if os.getppid() == watched:
        os.kill(watched, DEATH_SIGNAL)
    os._exit(0)


def unreachable(path: str) -> str | None:
    """Return the first folder on the way to path, or path itself, that this user can't enter or run."""
    steps = [path]
    while (parent := os.path.dirname(steps[-1])) != steps[-1]:  # noqa: PTH120 -- pathlib costs 10 ms per start
        steps.append(parent)
    return next((step for step in reversed(steps) if not os.access(step, os.X_OK)), None)


def main() -> None:
    """Read the arguments and turn into the program, or answer what it can't reach."""
    options: Options = json.loads(sys.argv[1])
    change_user(options["user"])
    if not sys.argv[2:]:
        sys.stdout.buffer.write(os.fsencode(unreachable(options["reach"]) or ""))
        return
    if options["lifeline"] is not None:
        watch(options["lifeline"])
    else:
        die_with(options["parent"])
    os.execve(sys.argv[2], sys.argv[2:], options["environment"])  # noqa: S606 -- no shell is the point


if __name__ == "__main__":
    main()
