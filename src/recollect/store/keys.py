"""Buckets and the keys that carry them."""

from __future__ import annotations

import os
import time
from hashlib import blake2b
from uuid import UUID

BUCKETS = 4096


def bucket_of(project: str, name: str) -> int:
    """Return the bucket (0..4095) of a user, a collection, or a session without a user, by its name."""
    digest = blake2b(name.encode(), key=project.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest) % BUCKETS


def new_key(bucket: int) -> UUID:
    """Return a UUIDv7 (RFC 9562) with the bucket as its 12 `rand_a` bits, so that the key tells where its row is."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=(milliseconds << 80) | (7 << 76) | (bucket << 64) | (2 << 62) | random)


def bucket_in(key: UUID) -> int:
    """Return the bucket that `new_key` put into a key."""
    return (key.int >> 64) & 0xFFF
