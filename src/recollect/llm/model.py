"""A language model behind an endpoint: a few questions at once, none while it is away, each answer looked at."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import TypeVar

from recollect.errors import Error, ModelMisbehaved
from recollect.llm import Call, Prompt, Record
from recollect.llm.breaker import Breaker
from recollect.llm.dialect import Answer, Dialect, Question
from recollect.llm.extraction import Broken, read, schema_of

log = logging.getLogger(__name__)

T = TypeVar("T")

SHOWN = 500
"""Characters shown of an answer that is of no use."""

THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
"""What models that reason aloud put in front of their answer."""


class Model:
    """A LanguageModel that asks an endpoint in its dialect."""

    def __init__(self, dialect: Dialect, record: Record, *, concurrency: int, reasoning_tokens: int = 0) -> None:
        self.name = dialect.model
        self._dialect = dialect
        self._record = record
        self._places = asyncio.Semaphore(concurrency)
        self._breaker = Breaker()
        self._reasoning_tokens = reasoning_tokens

    async def complete(self, task: str, prompt: Prompt, *, max_tokens: int) -> str:
        """Answer with a text, as LanguageModel says."""
        question = Question(prompt.system, (prompt.user,), max_tokens)
        return await self._ask(task, question, said)

    async def extract(self, task: str, prompt: Prompt, kind: type[T], *, max_tokens: int) -> T:
        """Answer with a `kind`, as LanguageModel says."""

        def structured(answer: Answer) -> T | Broken:
            return read(said(answer), kind)

        question = Question(prompt.system, (prompt.user,), max_tokens, schema_of(kind))
        made = await self._ask(task, question, structured)
        if isinstance(made, Broken):
            repair = f"That cannot be read: {made.reason}. Answer again, with the whole JSON object and nothing else."
            again = question._replace(turns=(*question.turns, made.text, repair))
            made = await self._ask(task, again, structured)
        if isinstance(made, Broken):
            raise misbehaved(f"The language model's answer cannot be read: {made.reason}.", made.text)
        return made

    async def probe(self) -> None:
        """Ask for a word, as LanguageModel says."""
        await self._ask("probe", Question("Answer with one word.", ("Say yes.",), 16), lambda _: None)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._dialect.aclose()

    async def _ask(self, task: str, question: Question, look: Callable[[Answer], T]) -> T:
        """Ask once, look at the answer, and take note of both."""
        question = question._replace(max_tokens=question.max_tokens + self._reasoning_tokens)
        async with self._places:
            with self._breaker.passing():
                started = time.perf_counter()
                answer, failures = None, 1
                try:
                    answer = await self._dialect.ask(question)
                finally:
                    seconds = time.perf_counter() - started
                    if answer is None:
                        await self._note(Call(task, self.name, failures, 0, 0, seconds))
        try:
            made = look(answer)
            failures = int(isinstance(made, Broken))
        finally:
            used = answer.prompt_tokens, answer.completion_tokens
            await self._note(Call(task, self.name, failures, *used, seconds))
        return made

    async def _note(self, call: Call) -> None:
        try:
            await self._record(call)
        except Error as error:  # an answer is worth more than the note of it
            log.warning("usage not noted", extra={"task": call.task, "reason": error.message})


def said(answer: Answer) -> str:
    """Return the text of an answer that is whole. Raises ModelMisbehaved."""
    text = THOUGHTS.sub("", answer.text, count=1).replace("\0", "").strip()
    if answer.end == "refusal":
        raise misbehaved("The language model refused to answer.", text)
    if answer.end == "length":
        advice = "If it is a model that reasons, set RECOLLECT_LLM_REASONING_TOKENS."
        raise misbehaved(
            f"The language model's answer was cut off after {answer.completion_tokens} tokens.", text, advice
        )
    if not text:
        raise misbehaved("The language model answered with nothing.", text)
    return text


def misbehaved(message: str, text: str, hint: str | None = None) -> ModelMisbehaved:
    """Return the error about an answer, which shows it."""
    error = ModelMisbehaved(message, hint=hint)
    error.answer = text[:SHOWN]
    return error
