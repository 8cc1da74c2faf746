"""The data folder: where it is by default, how it is made, and where it must not be.

lock            who holds the folder (0600)
postgres.lock   held by every process of its PostgreSQL, and by nothing else
postgres/       the cluster, 0700, of the user PostgreSQL runs as; made as postgres.new
postgres.log    what PostgreSQL says, and postgres.log.1 before that
run/            the socket, 0700
bin-18-0.6.0/   PostgreSQL's programs, if its user can't reach the package
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from recollect.errors import StartupError

from .account import Account

NETWORK = re.compile(
    "9p|afpfs|afs|cifs|(fuse.)?davfs2?|fuse.(gcsfuse|glusterfs|rclone|s3fs|sshfs)|lustre|nfs4?|smb.*|webdav"
)
"""File systems that don't keep PostgreSQL's locks or its fsync."""
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""Bytes of a socket's path, without the closing NUL."""


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


def prepare(data_dir: Path, account: Account | None) -> Path:
    """Make the data folder unless it exists, and return its real path; nothing that exists is changed.

    Another user than ours may pass through what is made for it, and read nothing.
    """
    try:
        for missing in reversed([path for path in (data_dir, *data_dir.parents) if not path.exists()]):
            missing.mkdir()
            missing.chmod(0o700 if account is None else 0o711)
        folder = data_dir.resolve(strict=True)
    except OSError as error:
        raise StartupError(
            f"The data folder {data_dir} can't be made: {error.strerror}.",
            hint="Choose another folder with --data-dir or RECOLLECT_DATA_DIR.",
        ) from error
    if not folder.is_dir():
        raise StartupError(f"The data folder {data_dir} is a file.", hint="Choose another one with --data-dir.")
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
        return _windows_share(folder)
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


def _windows_share(folder: Path) -> str | None:
    if sys.platform != "win32":
        return None
    import ctypes  # noqa: PLC0415 -- windll exists on Windows alone

    remote = 4
    return "network drive" if ctypes.windll.kernel32.GetDriveTypeW(folder.anchor) == remote else None


def socket_folder(data_dir: Path, account: Account | None) -> Path:
    """Return a folder for the socket that only PostgreSQL's user can enter, made if needed.

    It is `run` in the data folder, unless a socket's path there would be too long or unfit for a connection string.
    """
    folder = data_dir / "run"
    path = os.fsencode(folder / SOCKET)
    fits = len(path) <= LONGEST_SOCKET and b"," not in path and path.decode(errors="ignore").encode() == path
    if not fits:
        key = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        folder = _runtime_folder() / f"recollect-{key}"
    uid, gid = (os.getuid(), os.getgid()) if account is None else account.ids
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        os.chown(folder, uid, gid)
    found = folder.lstat()  # in a public place another user may have made it first
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:  # noqa: PLR2004 -- a mode
        raise StartupError(
            f"The folder {folder}, for PostgreSQL's socket, is not a folder that user {uid} alone can enter.",
            hint="Remove it, or choose a data folder with a shorter path.",
        )
    return folder


def _runtime_folder() -> Path:
    """Return a place for short-lived files with a short path, of ours alone if there is one."""
    own = Path("/run") if os.getuid() == 0 else Path("/run/user") / str(os.getuid())
    if os.access(own, os.W_OK):
        return own
    found = Path(tempfile.gettempdir())
    short = LONGEST_SOCKET - len(f"/recollect-{'0' * 16}/{SOCKET}")
    return found if len(os.fsencode(found)) <= short else Path("/tmp")  # noqa: S108 -- ownership and mode are verified
