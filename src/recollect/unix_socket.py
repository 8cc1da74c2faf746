"""Unix sockets that only their owner may use."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from recollect.errors import StartupError

LONGEST = 103 if sys.platform == "darwin" else 107
"""Bytes of a socket's path, without the closing NUL."""


def listen(path: Path) -> socket.socket:
    """Listen on a Unix socket, in place of a dead one. Raises StartupError."""
    if not hasattr(socket, "AF_UNIX"):
        raise StartupError("This system's Python has no Unix sockets.", hint="Listen on a port.")
    if len(os.fsencode(path)) > LONGEST:
        raise StartupError(
            f"Cannot listen on {path}: a socket's path has at most {LONGEST} bytes.", hint="Choose a shorter one."
        )
    clear(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # whoever comes earlier is refused, since nobody listens yet
        listener.listen()
    except OSError as error:
        listener.close()
        raise StartupError(
            f"Cannot listen on {path}: {error.strerror}.", hint="Choose another path, or stop what listens there."
        ) from error
    return listener


def clear(path: Path) -> None:
    """Remove a socket that nobody listens on any more; leave whatever else is there."""
    if dead(path):
        path.unlink(missing_ok=True)


def dead(path: Path) -> bool:
    """Return whether this is a socket that nobody listens on."""
    if not path.is_socket():
        return False
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.settimeout(1)
        try:
            visitor.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False  # it cannot be told
    return False
