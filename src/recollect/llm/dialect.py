"""What all ways to ask a language model have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

from recollect.endpoints import Endpoint
from recollect.errors import ModelMisbehaved
from recollect.llm.extraction import instructions
from recollect.settings import Settings

ANSWER_BYTES = 4_000_000
"""Many times what the longest answer takes."""

REFUSED = frozenset({400, 422})
"""What endpoints answer to a parameter that they do not take."""


class Question(NamedTuple):
    """What an endpoint is asked: turns of a conversation, the user's and the model's, which begins with the user's."""

    system: str
    turns: tuple[str, ...]
    max_tokens: int
    schema: dict[str, Any] | None = None


class Answer(NamedTuple):
    """What it said, and why it stopped there."""

    text: str
    end: Literal["stop", "length", "refusal"]
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Dialect(ABC):
    """How one kind of endpoint is asked, through its package, with nothing that it has refused before."""

    structure: ClassVar[str]
    """The parameter that holds a model to a schema; a model that refuses it is told of the schema in words."""

    def __init__(self, package: Any, settings: Settings, model: str) -> None:
        self.model = model
        self._package = package
        self._endpoint = Endpoint(
            package,
            "language model",
            "llm",
            api_key=settings.llm_api_key,
            timeout=settings.llm_timeout,
            most_bytes=ANSWER_BYTES,
        )
        self._without: frozenset[str] = frozenset()

    async def ask(self, question: Question) -> Answer:
        """Ask, again if need be without what the endpoint refuses, and remember what helped.

        Raises ModelUnavailable; ModelMisbehaved if what came back is no answer at all.
        """
        without = self._without
        while True:
            body = self._body(_in_words(question) if self.structure in without else question, without)
            async with self._endpoint.asking():
                try:
                    answer = await self._answer(body)
                    break
                except self._package.APIStatusError as error:
                    refused = self._refused(error, body) if error.status_code in REFUSED else None
                    if refused is None:
                        raise
                    without |= {refused}
        self._without |= without
        return answer

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections."""

    @abstractmethod
    def _body(self, question: Question, without: frozenset[str]) -> dict[str, Any]:
        """Return the request, with none of the parameters that are to be left out."""

    @abstractmethod
    async def _answer(self, body: dict[str, Any]) -> Answer:
        """Send the request, and read what comes back. Raises ModelMisbehaved, and the package's errors."""

    @abstractmethod
    def _refused(self, error: Any, body: dict[str, Any]) -> str | None:
        """Return which of the parameters in a body an endpoint does not take, if that is what it says."""


def turns(question: Question) -> list[dict[str, str]]:
    """Return the conversation as both packages want it."""
    return [
        {"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(question.turns)
    ]


def unreadable(error: Exception) -> ModelMisbehaved:
    """Return the error about a response that is no answer."""
    return ModelMisbehaved(f"The language model's endpoint gave no answer that can be read: {error}.")


def _in_words(question: Question) -> Question:
    if question.schema is None:
        return question
    return question._replace(system=f"{question.system}\n\n{instructions(question.schema)}")
