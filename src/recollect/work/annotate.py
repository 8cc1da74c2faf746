"""Jobs that annotate: `entities` and `intents` of messages, `summary_entities`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TypeVar

from recollect.core.annotations import ENTITIES, INTENTS, Annotator, Task
from recollect.core.entities import Found, by_model
from recollect.core.entities import entities as layout
from recollect.core.rules import by_rules, pieces
from recollect.errors import ModelUnavailable
from recollect.store import Store, notes
from recollect.store.jobs import Job
from recollect.store.notes import SummaryText, Text


async def entities(annotator: Annotator | None, store: Store, jobs: list[Job]) -> None:
    """Note what messages name: what rules find and, where there is one, a model.

    Raises ModelUnavailable, ModelMisbehaved; what rules have found is noted even then.
    """
    texts = await notes.messages(store, jobs, "entities")
    if annotator is None:
        await _note_ruled(store, texts)
        return

    async def note(pack: list[Text]) -> None:
        try:
            named = await annotator.entities([text.content for text in pack])
        except ModelUnavailable:
            await _note_ruled(store, pack)
            raise
        found = [[*by_model(text.content, names), *await _ruled(text)] for text, names in zip(pack, named, strict=True)]
        noted = [(text, {"entities": layout(text.content, spans)}) for text, spans in zip(pack, found, strict=True)]
        await notes.put(store, "entities", noted, by_model=True)

    await _each(annotator, ENTITIES, texts, jobs, note)


async def intents(annotator: Annotator, store: Store, jobs: list[Job]) -> None:
    """Note what messages are for. Raises ModelUnavailable, ModelMisbehaved."""

    async def note(pack: list[Text]) -> None:
        found = await annotator.intents([text.content for text in pack])
        noted = [(text, {"intent": intent} if intent else {}) for text, intent in zip(pack, found, strict=True)]
        await notes.put(store, "intents", noted, by_model=True)

    await _each(annotator, INTENTS, await notes.messages(store, jobs, "intents"), jobs, note)


async def summary_entities(annotator: Annotator, store: Store, jobs: list[Job]) -> None:
    """Note what a model says summaries name, if anything. Raises ModelUnavailable, ModelMisbehaved."""

    async def note(pack: list[SummaryText]) -> None:
        named = await annotator.entities([text.content for text in pack])
        found = [layout(text.content, by_model(text.content, names)) for text, names in zip(pack, named, strict=True)]
        noted = [(text, {"entities": made}) for text, made in zip(pack, found, strict=True) if made]
        await notes.put_summaries(store, noted)

    await _each(annotator, ENTITIES, await notes.summaries(store, jobs), jobs, note)


async def _note_ruled(store: Store, texts: Sequence[Text]) -> None:
    """Note what rules find, unless somebody has found better."""
    noted = [
        (text, {"entities": made})
        for text in texts
        if not text.is_settled and (made := layout(text.content, await _ruled(text)))
    ]
    await notes.put(store, "entities", noted, by_model=False)


async def _ruled(text: Text) -> list[Found]:
    """Look through a message by rules, letting others run after every piece of it."""
    found: list[Found] = []
    now = datetime.fromtimestamp(text.created_at, UTC)
    for start, piece in pieces(text.content):
        spans = by_rules(piece, now, text.names)
        found += [span._replace(start=start + span.start, end=start + span.end) for span in spans]
        await asyncio.sleep(0)
    return found


T = TypeVar("T", Text, SummaryText)


async def _each(
    annotator: Annotator, task: Task, texts: Sequence[T], jobs: list[Job], note: Callable[[list[T]], Awaitable[None]]
) -> None:
    """Annotate texts in packs, each of one session, so that nobody's words can colour what is noted of another's.

    One by one, if they are of one job that failed before. A pack that fails breaks off no other.
    """
    together = len(jobs) > 1 or jobs[0].attempts == 1
    packs: list[list[T]] = []
    for _, group in groupby(texts, key=lambda text: (text.bucket, text.session_key)):
        said = list(group)
        packs += await annotator.packs(task, said) if together else [[text] for text in said]
    for outcome in await asyncio.gather(*map(note, packs), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
