"""Run PostgreSQL on a disk that fills up, and say what comes of it: FOLDER MAJOR.

The disk is a small one of this process alone. Where none can be had (a container without the right to mount),
PostgreSQL is killed instead of running out of space, and the supervisor told to want more of it than there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import asyncpg
from processes import DEADLINE, query, until

from recollect.errors import OutOfSpace
from recollect.store.embedded import EmbeddedPostgres

NEW_MOUNTS, NEW_USERS = 0x20000, 0x10000000
RECURSIVE_PRIVATE = 0x4000 | 0x40000
SIZE = 192 << 20


def mount_small_disk(folder: Path) -> bool:
    """Mount a small file system that only this process and its children see; return whether that was allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(NEW_MOUNTS | (NEW_USERS if uid else 0)):
        return False
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    options = f"size={SIZE},mode=711".encode()
    return not (
        libc.mount(None, b"/", None, RECURSIVE_PRIVATE, None)
        or libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options)
    )


class Disk:
    """A disk to fill and to free."""

    def __init__(self, folder: Path) -> None:
        self.small = mount_small_disk(folder)
        self._ballast = folder / "ballast"

    def fill(self, left: int = 0) -> None:
        """Leave so many bytes free."""
        with self._ballast.open("ab") as file:
            while (more := shutil.disk_usage(self._ballast).free - left) > 0:
                os.posix_fallocate(file.fileno(), file.tell(), more)
                file.seek(0, os.SEEK_END)

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink()


async def write_until_it_ends(postgres: EmbeddedPostgres) -> int:
    """Write rows, each committed, until PostgreSQL is gone; return how many it said were committed."""
    first, written = postgres.pid, 0
    while postgres.pid == first and postgres.state == "ready":
        try:
            while True:
                await query(postgres.dsn, "INSERT INTO kept VALUES ($1, repeat('x', 1000))", written)
                written += 1
        except asyncpg.DiskFullError:  # for the table; the log, which is what ends PostgreSQL, has its segment yet
            with contextlib.suppress(asyncpg.PostgresError, OSError):
                await query(postgres.dsn, "SELECT pg_logical_emit_message(true, '', repeat('x', 1000000))")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await asyncio.sleep(0.01)
    return written


async def survive(postgres: EmbeddedPostgres, disk: Disk) -> dict[str, object]:
    """Run out of space, wait, get some; return what was seen."""
    log = postgres.data_dir / "postgres.log"
    await query(postgres.dsn, "CREATE TABLE kept (number int, text text)")
    room, written = postgres._room, 0
    if disk.small:
        disk.fill(left=128 << 10)
        written = await write_until_it_ends(postgres)
    else:
        postgres._room = 1 << 60
        os.kill(postgres.pid, signal.SIGKILL)
    await until(lambda: postgres.state.startswith("out of disk space"))
    starts = log.read_text().count("starting PostgreSQL")
    await until(lambda: postgres.state == "out of disk space (3 s)")
    again = log.read_text().count("starting PostgreSQL") - starts
    if disk.small:
        disk.free()
    postgres._room = room
    await asyncio.wait_for(postgres.wait_ready(), DEADLINE)
    kept = await query(postgres.dsn, "SELECT count(*) FROM kept")
    return {"written": written, "kept": kept, "started in vain": again}


async def main() -> None:
    """Try to start without space, run out of it, start again without."""
    folder, major = Path(sys.argv[1]), int(sys.argv[2])
    disk = Disk(folder)
    seen: dict[str, object] = {"small": disk.small}
    if disk.small:
        disk.fill(left=60 << 20)
        seen["refused"] = await refusal(folder / "data", major)
        disk.free()
    async with EmbeddedPostgres(folder / "data", major=major) as postgres:
        seen |= await survive(postgres, disk)
    if disk.small:
        disk.fill()
        seen["refused again"] = await refusal(folder / "data", major)
    sys.stdout.write(json.dumps(seen))


async def refusal(data_dir: Path, major: int) -> str:
    """Return what a start that has no space says."""
    try:
        async with EmbeddedPostgres(data_dir, major=major):
            return ""
    except OutOfSpace as error:
        return error.message


asyncio.run(main())
