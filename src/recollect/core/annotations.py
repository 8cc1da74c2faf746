"""What a language model is asked about messages, many in one call: what they name, and what they are for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from recollect.core import tokens
from recollect.core.summaries import MARGIN, Line, beginning
from recollect.embed.text import encodable
from recollect.errors import ModelMisbehaved
from recollect.llm import LanguageModel, Prompt
from recollect.settings import Settings

PROMPTS = Path(__file__).parent / "prompts"

MOST = 32
"""Messages in one call: with more, models begin to leave some out."""

FRAME = 16
"""Tokens that numbering and quoting a message takes."""

MAX_INTENT = 2000
"""Characters kept of an intent."""

LABEL = re.compile(r"\W*intent\W*?[^\w\s][^\w\"'“«(]*", re.IGNORECASE)


class Named(msgspec.Struct, frozen=True):
    """A name, and what kind of thing it is."""

    name: str
    label: str


class NamesOf(msgspec.Struct, frozen=True):
    """What one message names."""

    number: int
    entities: list[Named]


class Names(msgspec.Struct, frozen=True):
    """What messages name."""

    messages: list[NamesOf]


class IntentOf(msgspec.Struct, frozen=True):
    """What one message is for."""

    number: int
    intent: str


class Intents(msgspec.Struct, frozen=True):
    """What messages are for."""

    messages: list[IntentOf]


class Numbered(Protocol):
    """An answer about one of the messages asked about, counted from 1."""

    @property
    def number(self) -> int:
        """Which message it is about."""
        ...


N_co = TypeVar("N_co", bound=Numbered, covariant=True)


class Answer(Protocol[N_co]):
    """Answers about several messages."""

    @property
    def messages(self) -> Sequence[N_co]:
        """One for each message, in any order."""
        ...


class Text(Protocol):
    """What can be asked about."""

    @property
    def content(self) -> str:
        """The text itself."""
        ...


T = TypeVar("T", bound=Text)


class Task(NamedTuple):
    """A thing to ask about messages: its name, its prompt, and how many tokens the answer takes for so many of text."""

    name: str
    prompt: str
    answer_tokens: Callable[[int], int]


ENTITIES = Task("entities", (PROMPTS / "entities.txt").read_text(encoding="utf-8"), lambda size: 24 + size // 2)
INTENTS = Task("intents", (PROMPTS / "intents.txt").read_text(encoding="utf-8"), lambda _: 48)


class Annotator:
    """Asks a language model about messages, as many at once as fit into its context."""

    def __init__(self, llm: LanguageModel, settings: Settings) -> None:
        self._llm = llm
        self._context = settings.llm_context_tokens
        self._max_answer = min(4096, self._context // 4)

    def room(self, task: Task) -> int:
        """Return the tokens of messages that one call takes: both they and what is said of them must fit."""
        room = self._context - self._max_answer - MARGIN - tokens.count_text(task.prompt)
        return max(min(room, 2 * self._max_answer - 64), MARGIN)

    async def packs(self, task: Task, texts: Sequence[T]) -> list[list[T]]:
        """Return the texts in parts that can be asked about in one call each; one that is too long is alone."""
        packs: list[list[T]] = []
        room = left = self.room(task)
        answer = self._max_answer
        for text, size in zip(texts, await tokens.count_all([("", text.content) for text in texts]), strict=True):
            left, answer = left - size - FRAME, answer - task.answer_tokens(size)
            if not packs or left < 0 or answer < 0 or len(packs[-1]) == MOST:
                packs.append([])
                left, answer = room - size - FRAME, self._max_answer - task.answer_tokens(size)
            packs[-1].append(text)
        return packs

    async def entities(self, texts: Sequence[str]) -> list[list[tuple[str, str]]]:
        """Return the names in each text, with their labels. Raises ModelUnavailable, ModelMisbehaved."""
        parts = [(place, part) for place, text in enumerate(texts) for part in self._parts(ENTITIES, text)]
        named: list[list[tuple[str, str]]] = [[] for _ in texts]
        at_once = len(parts) if len(texts) > 1 else 1  # a text of several parts is alone
        for first in range(0, len(parts), at_once or 1):
            asked = parts[first : first + at_once]
            answers = await self._ask(ENTITIES, Names, [part for _, part in asked])
            for (place, _), answer in zip(asked, answers, strict=True):
                named[place] += [(encodable(found.name), found.label) for found in answer.entities]
        return named

    async def intents(self, texts: Sequence[str]) -> list[str]:
        """Return what each text is for; of a long one, its beginning. Raises ModelUnavailable, ModelMisbehaved."""
        parts = {place: part for place, text in enumerate(texts) for part in self._parts(INTENTS, text)[:1]}
        answers = await self._ask(INTENTS, Intents, list(parts.values()))
        found = {place: clean_intent(answer.intent) for place, answer in zip(parts, answers, strict=True)}
        return [found.get(place, "") for place in range(len(texts))]

    def _parts(self, task: Task, text: str) -> list[str]:
        """Return what of a text can be asked about in one call each; nothing of a blank one."""
        parts, room = [], self.room(task)
        while text.strip():
            fits = tokens.count("", text) <= room
            parts.append(text if fits else beginning(Line("", text), room))
            text = text[len(parts[-1]) :]
        return parts

    async def _ask(self, task: Task, kind: type[Answer[N_co]], texts: Sequence[str]) -> list[N_co]:
        """Ask about texts; about those that the answer leaves out, once more alone."""
        found: dict[int, N_co] = {}
        for _ in range(2):
            asked = [place for place in range(len(texts)) if place not in found]
            if asked:
                given = [{"number": number, "text": texts[place]} for number, place in enumerate(asked, start=1)]
                prompt = Prompt(task.prompt, msgspec.json.encode(given).decode())
                answer = await self._llm.extract(task.name, prompt, kind, max_tokens=self._max_answer)
                for part in answer.messages:
                    if 1 <= part.number <= len(asked):
                        found.setdefault(asked[part.number - 1], part)
        if len(found) < len(texts):
            raise ModelMisbehaved(f"The model's answer leaves out {len(texts) - len(found)} of {len(texts)} messages.")
        return [found[place] for place in range(len(texts))]


def clean_intent(answer: str) -> str:
    """Return an intent without the label that models put before it; "None" if there is none, '' if nothing was said."""
    text = encodable(answer).replace("\0", "").strip()
    label = LABEL.match(text)
    text = text[label.end() if label else 0 :].strip()[:MAX_INTENT]
    return "None" if text.strip(" .").lower() == "none" else text
