"""Enrichment of what was there before: what is missing, what making it would cost, and jobs to make it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from recollect.core import tokens
from recollect.core.annotations import ENTITIES, FRAME, INTENTS, MOST, Annotator, Task
from recollect.core.summaries import LEAST_ROOM, MAX_OUTPUT, TEMPLATE
from recollect.errors import ModelUnavailable, SettingsError
from recollect.llm import LanguageModel
from recollect.settings import Settings
from recollect.store import Store, notes, summaries
from recollect.store.scope import Scope

Enrichment = Literal["summarise", "entities", "intents"]
SETTING: dict[Enrichment, str] = {"summarise": "summaries", "entities": "entities", "intents": "intents"}
FOLLOWING: dict[Enrichment, tuple[str, ...]] = {"summarise": ("summary_entities", "embed_summaries")}
"""Kinds of jobs that a kind makes necessary."""

SAID: dict[notes.Kind, int] = {"entities": 30, "intents": 24}
"""Tokens that a model says about a message, more or less."""

TASKS: dict[notes.Kind, Task] = {"entities": ENTITIES, "intents": INTENTS}


class Estimate(NamedTuple):
    """What is missing of a kind, and about how much a model would be asked to make it; nothing by rules."""

    kind: str
    messages: int
    calls: int
    prompt_tokens: int
    completion_tokens: int


def available(settings: Settings, wanted: Sequence[Enrichment]) -> list[Enrichment]:
    """Return the kinds that are wanted, or all that can be had. Raises SettingsError, ModelUnavailable."""
    on = [kind for kind in SETTING if getattr(settings, SETTING[kind])]
    possible = [kind for kind in on if settings.has_language_model or kind == "entities"]
    for kind in wanted:
        if kind not in on:
            raise SettingsError(f"{SETTING[kind]} is off", hint=f"Set RECOLLECT_{SETTING[kind].upper()}=true.")
        if kind not in possible:
            raise ModelUnavailable(f"There is no language model to {kind} with.", hint="Set RECOLLECT_LLM_BASE_URL.")
    return [kind for kind in possible if kind in wanted or not wanted]


class Backlog:
    """What sessions of a scope lack of some kinds of enrichment."""

    def __init__(self, store: Store, settings: Settings, llm: LanguageModel | None, scope: Scope) -> None:
        self._store = store
        self._settings = settings
        self._llm = llm
        self._scope = scope

    async def estimate(self, kind: Enrichment) -> Estimate:
        """Count what is missing of a kind and has no job, and what that would cost."""
        if kind == "summarise":
            return await self._estimate_summaries()
        found = await self._annotations(kind, dry=True)
        if self._llm is None:
            return Estimate(kind, found.messages, 0, 0, 0)
        asked = found.tokens + found.messages * FRAME + found.calls * tokens.count_text(TASKS[kind].prompt)
        return Estimate(kind, found.messages, found.calls, asked, found.messages * SAID[kind])

    async def enqueue(self, kind: Enrichment) -> int:
        """Enqueue jobs for what is missing of a kind and has none; return how many."""
        if kind == "summarise":
            window = self._settings.message_window
            return await summaries.enqueue_missing(self._store, self._scope, window=window)
        return (await self._annotations(kind, dry=False)).jobs

    async def _estimate_summaries(self) -> Estimate:
        found = await summaries.missing(self._store, self._scope, window=self._settings.message_window)
        overhead = MAX_OUTPUT // 2 + tokens.count_text(self._settings.summary_template or TEMPLATE)
        room = max(self._settings.llm_context_tokens - MAX_OUTPUT - overhead, LEAST_ROOM)
        calls = max(found.sessions, math.ceil(found.tokens / room))
        return Estimate("summarise", found.messages, calls, found.tokens + calls * overhead, calls * MAX_OUTPUT // 2)

    async def _annotations(self, kind: notes.Kind, *, dry: bool) -> notes.Missing:
        room = Annotator(self._llm, self._settings).room(TASKS[kind]) if self._llm is not None else 1
        return await notes.enqueue_missing(
            self._store, self._scope, kind, by_model=self._llm is not None, most=MOST, room=room, dry=dry
        )
