"""Which user PostgreSQL runs as: it refuses root, so root hands it to an unprivileged one."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from recollect.errors import StartupError

if sys.platform != "win32":
    import pwd

CANDIDATES = ("recollect", "postgres", "nobody")
"""The first of these users that exists runs PostgreSQL when we are root."""


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @property
    def ids(self) -> tuple[int, int]:
        """(uid, gid)."""
        return self.uid, self.gid


def choose(cluster: Path) -> Account | None:
    """Return who PostgreSQL runs as, None for ourselves: the owner of an existing cluster, else the first candidate."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    if cluster.is_dir() and (uid := cluster.stat().st_uid) != 0:
        return Account(name=_name(uid) or str(uid), uid=uid, gid=cluster.stat().st_gid)
    for name in CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid != 0:
            return Account(name, found.pw_uid, found.pw_gid)
    raise StartupError(
        f"PostgreSQL refuses to run as root, and none of the users {', '.join(CANDIDATES)} exists.",
        hint="Create one (useradd --system recollect), or run the server as an ordinary user.",
    )


def require_name(uid: int) -> None:
    """Raise StartupError if a user id has no name: PostgreSQL's initdb refuses to run for such."""
    if sys.platform != "win32" and _name(uid) is None:
        raise StartupError(
            f"The user id {uid} has no name on this machine, and PostgreSQL's initdb needs one.",
            hint="Add the user to /etc/passwd, run as another user or as root,"
            " or set RECOLLECT_DATABASE_URL to a PostgreSQL of your own.",
        )


def _name(uid: int) -> str | None:
    if sys.platform == "win32":
        return None
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
