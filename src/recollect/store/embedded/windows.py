"""What other systems have signals and locks for."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from ctypes import wintypes
from pathlib import Path

from recollect.errors import StartupError

if sys.platform == "win32":
    KILL_ON_JOB_CLOSE = 0x2000
    EXTENDED_LIMITS = 9
    REMOTE = 4

    class ExtendedLimits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION of winnt.h."""

        _fields_ = (
            ("times", ctypes.c_int64 * 2),
            ("flags", wintypes.DWORD),
            ("working_set", ctypes.c_size_t * 2),
            ("processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority", wintypes.DWORD * 2),
            ("io", ctypes.c_uint64 * 6),
            ("memory", ctypes.c_size_t * 4),
        )

    def network_drive(folder: Path) -> str | None:
        """Return what a folder is on, if that is a network drive."""
        return "network drive" if ctypes.windll.kernel32.GetDriveTypeW(folder.anchor) == REMOTE else None

    def tie(popen: subprocess.Popen[bytes]) -> int:
        """Put a process and its children in a job that ends when the returned handle closes: with us, at the latest."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        job = kernel.CreateJobObjectW(None, None)
        limits = ExtendedLimits(flags=KILL_ON_JOB_CLOSE)
        if (
            not job
            or not kernel.SetInformationJobObject(
                wintypes.HANDLE(job), EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
            )
            or not kernel.AssignProcessToJobObject(wintypes.HANDLE(job), wintypes.HANDLE(int(popen._handle)))  # noqa: SLF001 -- the only way to the handle
        ):
            popen.kill()
            raise StartupError(f"PostgreSQL can't be tied to this process (error {ctypes.get_last_error()}).")
        return int(job)

    def signal(program: Path, pid: int, name: str) -> None:
        """Send a signal as PostgreSQL for Windows understands it."""
        subprocess.run([program.with_name("pg_ctl.exe"), "kill", name, str(pid)], check=False)  # noqa: S603 -- ours
