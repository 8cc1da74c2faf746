"""Summaries: what a model is given to carry a session's summary forward, and what is made of its answer."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from recollect.core import tokens
from recollect.embed.text import encodable
from recollect.errors import ModelMisbehaved
from recollect.llm import LanguageModel, Prompt
from recollect.settings import MESSAGES_SLOT, SUMMARY_SLOT, Settings

SYSTEM = "You keep the running summary of a conversation. Answer with the summary and nothing else."
TEMPLATE = (Path(__file__).parent / "prompts" / "summary.txt").read_text(encoding="utf-8")
SLOTS = re.compile(f"{re.escape(SUMMARY_SLOT)}|{re.escape(MESSAGES_SLOT)}")

MAX_OUTPUT = 1024
"""Tokens that a summary may have, as the model counts them."""

TOLERANCE = 4
"""How many times as many are taken, by our count: a longer summary would leave no room for messages."""

MARGIN = 250
"""Tokens left for how the model frames a conversation, and for its counting otherwise than we do."""

LEAST_ROOM = 256
"""Tokens given to the messages however little is left: better that the model refuses than that nothing moves."""

CHARACTERS_PER_TOKEN = 4

SHOWN = 500
"""Characters of a useless answer that an operator is shown."""


class Line(NamedTuple):
    """One message to summarise."""

    role: str
    content: str


class Summariser:
    """Carries summaries forward with a language model, in steps that fit into its context."""

    def __init__(self, llm: LanguageModel, settings: Settings) -> None:
        self._llm = llm
        self._template = settings.summary_template or TEMPLATE
        spent = MAX_OUTPUT + settings.llm_reasoning_tokens + MARGIN + tokens.count(SYSTEM, self._template)
        self._room = settings.llm_context_tokens - spent

    async def summarise(self, previous: str, lines: Sequence[Line]) -> str:
        """Return the summary of what `previous` tells and of the lines: each step starts from the last one's answer.

        Raises ModelUnavailable, ModelMisbehaved.
        """
        waiting = deque(zip(lines, await tokens.count_all(lines), strict=True))
        while waiting:
            room = max(self._room - tokens.count_text(previous), LEAST_ROOM)
            prompt = Prompt(SYSTEM, _filled(self._template, previous, take(waiting, room)))
            previous = _checked(await self._llm.complete("summarise", prompt, max_tokens=MAX_OUTPUT))
        return previous


def take(waiting: deque[tuple[Line, int]], room: int) -> str:
    """Take lines, each with its tokens, as far as they fit; of one that alone is too long, the first part.

    The parts of a message, put together, are its content.
    """
    taken: list[str] = []
    while waiting:
        line, size = waiting[0]
        if size > room:
            if taken:
                break
            part = beginning(line, room)
            left = size - tokens.count(line.role, part) + tokens.count(line.role, "")
            waiting[0] = line._replace(content=line.content[len(part) :]), left
            return f"{line.role}: {part}"
        waiting.popleft()
        room -= size + 1  # the line break
        taken.append(f"{line.role}: {line.content}")
    return "\n".join(taken)


def beginning(line: Line, room: int) -> str:
    """Return as much of a message as fits, up to the end of a word if that costs no more than half of it."""
    part = line.content[: room * CHARACTERS_PER_TOKEN]
    while len(part) > 1 and tokens.count(line.role, part) > room:
        part = part[: len(part) // 2]
    cut = max(part.rfind(" "), part.rfind("\n")) + 1
    return part[:cut] if cut > len(part) // 2 else part


def _filled(template: str, previous: str, lines: str) -> str:
    """Fill the slots in one go, so that what was said cannot name one."""
    return SLOTS.sub(lambda slot: previous if slot[0] == SUMMARY_SLOT else lines, template)


def _checked(answer: str) -> str:
    text = encodable(answer).replace("\0", "").strip()
    if not text:
        raise ModelMisbehaved("The model answered with an empty summary.")
    if tokens.count_text(text) > TOLERANCE * MAX_OUTPUT:
        error = ModelMisbehaved("The model's summary is far too long.")
        error.answer = text[:SHOWN]
        raise error
    return text
