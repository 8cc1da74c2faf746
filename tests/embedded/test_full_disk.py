"""A disk that is full, and then is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SMALL_DISK = Path(__file__).with_name("small_disk.py")


def test_disk_runs_full(place: Path, pg_major: int) -> None:
    """Out of space is said clearly, answered by waiting rather than by restarts, and over when space is freed."""
    argv = [sys.executable, SMALL_DISK, place, str(pg_major)]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)
    assert seen["started in vain"] == 0
    assert seen["kept"] >= seen["written"]
    if seen["small"]:
        assert "A new database needs 80 MB" in seen["refused"]
        assert "the disk" in seen["refused again"]
        assert seen["written"] > 0
