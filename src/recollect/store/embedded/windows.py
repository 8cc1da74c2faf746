"""What other systems have signals and locks for."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from ctypes import wintypes
from dataclasses import dataclass
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

    @dataclass(frozen=True)
    class Job:
        """A process and its children, which end when this handle closes: with us, at the latest."""

        handle: int
        pg_ctl: Path

        def signal(self, pid: int, name: str) -> None:
            """Send a signal as PostgreSQL for Windows understands it."""
            subprocess.run([self.pg_ctl, "kill", name, str(pid)], check=False)  # noqa: S603 -- ours

    def tie(popen: subprocess.Popen[bytes], program: Path) -> Job:
        """Put a process into a job of its own."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        job = wintypes.HANDLE(kernel.CreateJobObjectW(None, None))
        process = wintypes.HANDLE(int(popen._handle))  # type: ignore[attr-defined]  # noqa: SLF001 -- the only way
        limits = ExtendedLimits(flags=KILL_ON_JOB_CLOSE)
        if (
            not job.value
            or not kernel.SetInformationJobObject(job, EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
            or not kernel.AssignProcessToJobObject(job, process)
        ):
            popen.kill()
            raise StartupError(f"PostgreSQL can't be tied to this process (error {ctypes.get_last_error()}).")
        return Job(job.value, program.with_name("pg_ctl.exe"))
