"""Language models: a prompt in, a text or a checked structure out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeVar

import msgspec

T = TypeVar("T")


class Prompt(msgspec.Struct, frozen=True):
    """What a model is asked: who it is to be, and what it is given."""

    system: str
    user: str


class Call(NamedTuple):
    """One question asked of an endpoint, and what it cost."""

    task: str
    model: str
    failures: int
    """1 when nothing usable came back."""
    prompt_tokens: int
    completion_tokens: int
    seconds: float


Record = Callable[[Call], Awaitable[None]]
"""Takes note of a call."""


class LanguageModel(Protocol):
    """Answers prompts. It never tries again by itself: who asks knows how long the answer is worth waiting for."""

    name: str

    async def complete(self, task: str, prompt: Prompt, *, max_tokens: int) -> str:
        """Answer with a text, which is not empty. Raises ModelUnavailable, ModelMisbehaved."""
        ...

    async def extract(self, task: str, prompt: Prompt, kind: type[T], *, max_tokens: int) -> T:
        """Answer with a `kind` (a msgspec Struct): by the endpoint's structured outputs, else out of the text.

        An answer that is not one is sent back once for repair. Raises ModelUnavailable, ModelMisbehaved, whose
        `answer` shows it.
        """
        ...

    async def probe(self) -> None:
        """Ask for next to nothing, whatever the model says to it. Raises ModelUnavailable, ModelMisbehaved."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
