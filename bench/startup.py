"""How soon the server answers, and what it holds while it waits.

Usage: python bench/startup.py [--rounds 5]

On a warm data folder: seconds from the start of `recollect serve` to the first 200 of /healthz and of /readyz (database
up, model loaded), to the output of `recollect --help`, and the memory of the idle server and of its PostgreSQL.
Printed are medians; everything lands in bench/results/startup.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
from load import machine

RECOLLECT = str(Path(sys.executable).with_name("recollect"))


def first_answer(address: str, started: float) -> float:
    """Return seconds from the start until an address answers with 200."""
    while True:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(address, timeout=5).close()
            return time.perf_counter() - started
        time.sleep(0.005)


def start(folder: str) -> dict[str, float]:
    """Start a server, wait until it is ready, look at its memory, stop it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen(
        [RECOLLECT, "serve", "--port", str(port), "--data-dir", folder], stderr=subprocess.DEVNULL
    )
    healthy = first_answer(f"http://127.0.0.1:{port}/healthz", started)
    ready = first_answer(f"http://127.0.0.1:{port}/readyz", started)
    time.sleep(2)
    server = psutil.Process(process.pid)
    rows = {
        "healthz_seconds": healthy,
        "ready_seconds": ready,
        "server_mb": server.memory_info().rss / 2**20,
        "postgres_mb": sum(child.memory_full_info().uss for child in server.children(recursive=True)) / 2**20,
    }
    process.send_signal(signal.SIGTERM)
    process.wait()
    return rows


def help_seconds() -> float:
    """Return how long `recollect --help` takes."""
    started = time.perf_counter()
    subprocess.run([RECOLLECT, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recollect-bench-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o711)  # noqa: PTH101 -- run by root, PostgreSQL runs as another user
        data = f"{folder}/data"
        first = start(data)
        rounds = [start(data) | {"help_seconds": help_seconds()} for _ in range(options.rounds)]
    median = {name: round(statistics.median(row[name] for row in rounds), 3) for name in rounds[0]}
    print(f"first start of all: healthz {first['healthz_seconds']:.2f} s, ready {first['ready_seconds']:.2f} s")
    for name, value in median.items():
        print(f"{name:20}{value:10.3f}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "startup.json").write_text(json.dumps({"machine": machine(), "medians": median}, indent=1) + "\n")


if __name__ == "__main__":
    main()
