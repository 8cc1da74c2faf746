"""Any endpoint that answers `/v1/chat/completions` as OpenAI does."""

from __future__ import annotations

import time
from typing import TypeVar

import msgspec
import openai

from recollect.errors import ModelMisbehaved, ModelUnavailable
from recollect.llm import Call, Prompt, Record
from recollect.settings import Settings

T = TypeVar("T")


class OpenAIModel:
    """A first form, which asks and answers."""

    def __init__(self, settings: Settings, record: Record) -> None:
        self.name = settings.llm_model or "gpt-4o-mini"
        self._record = record
        self._client = openai.AsyncOpenAI(
            base_url=settings.llm_base_url, api_key=settings.llm_api_key or "none", max_retries=0
        )

    async def complete(self, task: str, prompt: Prompt, *, max_tokens: int) -> str:
        """Answer with a text."""
        started = time.perf_counter()
        try:
            answer = await self._client.chat.completions.create(
                model=self.name,
                messages=[{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
                max_tokens=max_tokens,
            )
        except openai.OpenAIError as error:
            raise ModelUnavailable(type(error).__name__) from None
        used = answer.usage
        seconds = time.perf_counter() - started
        await self._record(
            Call(
                task,
                self.name,
                0,
                used.prompt_tokens if used else 0,
                used.completion_tokens if used else 0,
                seconds,
            )
        )
        text = answer.choices[0].message.content if answer.choices else None
        if not text:
            raise ModelMisbehaved("The language model answered with nothing.")
        return text

    async def extract(self, task: str, prompt: Prompt, kind: type[T], *, max_tokens: int) -> T:
        """Answer with a structure."""
        text = await self.complete(task, prompt, max_tokens=max_tokens)
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.DecodeError as error:
            raise ModelMisbehaved(f"{error}: {text[:500]}") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
