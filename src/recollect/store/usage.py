"""What language models were asked for, and what that cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from recollect.store import Store


class Usage(NamedTuple):
    """All calls of one task to one model, since ever."""

    task: str
    model: str
    calls: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float


async def add(
    store: Store, task: str, model: str, failures: int, prompt_tokens: int, completion_tokens: int, seconds: float
) -> None:
    """Add one call."""
    today = datetime.now(UTC).date()
    await store.database.fetch("usage.add", task, model, failures, prompt_tokens, completion_tokens, seconds, today)


async def totals(store: Store) -> list[Usage]:
    """Return what each task has cost with each model."""
    return [Usage(*row) for row in await store.database.fetch("usage.totals")]
