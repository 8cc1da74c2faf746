"""The data folder of a PostgreSQL: what is in it, and where it must not be.

lock            who holds the folder (0600)
postgres.lock   held by every process of its PostgreSQL, and by nothing else
postgres/       the cluster, 0700, of the user PostgreSQL runs as; made as postgres.new
postgres.log    what PostgreSQL says, and postgres.log.1 before that
run/            the socket, 0700
bin-18-0.6.0/   PostgreSQL's programs, if its user can't reach the package
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from recollect import data_folder
from recollect.errors import StartupError

from .account import Account

if sys.platform == "win32":
    from . import windows

NETWORK = re.compile(
    "9p|afpfs|afs|cifs|(fuse.)?davfs2?|fuse.(gcsfuse|glusterfs|rclone|s3fs|sshfs)|lustre|nfs4?|smb.*|webdav"
)
"""File systems that don't keep PostgreSQL's locks or its fsync."""


def prepare(data_dir: Path, account: Account | None) -> Path:
    """Make the data folder unless it exists, and return its real path; nothing that exists is changed.

    Another user than ours may pass through what is made for it, and read nothing.
    """
    folder = data_folder.make(data_dir, passable=account is not None)
    kind = network_file_system(folder)
    if kind is not None:
        raise StartupError(
            f"The data folder {folder} is on a network file system ({kind}), where PostgreSQL would lose data.",
            hint="Choose a folder on a local disk with --data-dir or RECOLLECT_DATA_DIR,"
            " or set RECOLLECT_DATABASE_URL to a PostgreSQL on another machine.",
        )
    return folder


def network_file_system(folder: Path, mounts: str | None = None) -> str | None:
    """Return the type of the network file system that holds the folder, None if it is a local one.

    `mounts` is a list in the format of /proc/self/mounts, by default this machine's.
    """
    if sys.platform == "win32":
        return windows.network_drive(folder)
    holding = (Path("/"), "")
    for place, kind in _mounts(mounts):
        if folder.is_relative_to(place) and len(place.parts) >= len(holding[0].parts):
            holding = place, kind
    return holding[1] if NETWORK.fullmatch(holding[1]) else None


def _mounts(mounts: str | None) -> list[tuple[Path, str]]:
    if sys.platform == "darwin" and mounts is None:
        lines = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=True).stdout.splitlines()
        # server:/share on /Volumes/share (nfs, nodev)
        split = [line.split(" on ", 1)[-1].rsplit(" (", 1) for line in lines]
        return [(Path(place), kinds.split(",")[0].rstrip(")")) for place, kinds in split]
    text = Path("/proc/self/mounts").read_bytes() if mounts is None else os.fsencode(mounts)
    fields = [line.split(b" ") for line in text.splitlines()]
    return [(Path(os.fsdecode(_unescape(field[1]))), field[2].decode()) for field in fields]


def _unescape(field: bytes) -> bytes:
    for code, sign in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        field = field.replace(code, sign)
    return field
