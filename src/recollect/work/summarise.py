"""Jobs of kind `summarise`: what leaves the window is folded into a session's next summary."""

from __future__ import annotations

import asyncio

from recollect.core import tokens, windows
from recollect.core.enrichment import jobs_of_summary
from recollect.core.summaries import Line, Summariser
from recollect.settings import Settings
from recollect.store import Store, summaries
from recollect.store.directory import Place
from recollect.store.jobs import Job
from recollect.store.summaries import NewSummary, Waiting

MOST_MESSAGES = 200
"""Messages beyond a window that one summary takes in; for those after them there is another job."""

MOST_BYTES = 400_000
"""Likewise bytes, if there is more than one message."""

ATTEMPTS = 10
"""Others may summarise the session first, as often as their jobs were taken for lost."""


async def summarise(summariser: Summariser, settings: Settings, store: Store, jobs: list[Job]) -> None:
    """Make the next summary of each session where one is due. Raises ModelUnavailable, ModelMisbehaved."""
    places = await summaries.look(store, jobs, settings.message_window)
    working = (_summarise_one(summariser, settings, store, place) for place in places)
    for outcome in await asyncio.gather(*working, return_exceptions=True):  # one at fault breaks off no other
        if isinstance(outcome, BaseException):
            raise outcome


async def _summarise_one(summariser: Summariser, settings: Settings, store: Store, place: Place) -> None:
    for _ in range(ATTEMPTS):
        if await _is_done(summariser, settings, store, place):
            break


async def _is_done(summariser: Summariser, settings: Settings, store: Store, place: Place) -> bool:
    """Summarise a session once; tell whether nothing came between."""
    point = await summaries.point(store, place)
    if point is None:
        return True
    start = max(point.summarised, point.cleared)
    waiting, more = await _oldest(store, place, start, settings.message_window)
    due = waiting[: windows.to_fold([message.is_blank for message in waiting], settings.message_window, more=more)]
    folded = due[: _bounded(due)]
    if not folded:
        return True
    lines = [Line(*line) for line in await summaries.lines(store, place, start, folded[-1].seq) if line[1].strip()]
    if not lines:  # what there was has been rewritten
        return False
    text = await summariser.summarise(point.content, lines)
    new = NewSummary(folded[-1].seq, folded[-1].uuid, text, tokens.count_text(text))
    again = ("summarise",) if more or len(folded) < len(due) else ()
    return await summaries.put(store, place, point, new, (*jobs_of_summary(settings), *again))


async def _oldest(store: Store, place: Place, start: int, window: int) -> tuple[list[Waiting], bool]:
    """Return the oldest messages after a seq, from the first that is not blank, and whether there are more."""
    limit = window + MOST_MESSAGES
    while True:
        waiting = await summaries.backlog(store, place, start, limit)
        blank = next((at for at, message in enumerate(waiting) if not message.is_blank), len(waiting))
        if not blank or len(waiting) < limit:
            return waiting, len(waiting) == limit
        start = waiting[blank - 1].seq


def _bounded(messages: list[Waiting]) -> int:
    """Return how many of the messages one summary may take in."""
    left = MOST_BYTES
    for place, message in enumerate(messages):
        left -= message.bytes
        if left < 0 and place:
            return place
    return len(messages)
