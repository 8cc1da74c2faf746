"""Anthropic's endpoint, and others that answer `/v1/messages` as it does."""

from __future__ import annotations

from typing import Any, Literal

import anthropic
import msgspec

from recollect.endpoints import said
from recollect.llm.dialect import Answer, Dialect, Question, turns, unreadable
from recollect.settings import Settings

BASE_URL = "https://api.anthropic.com"

ENDS: dict[str, Literal["length", "refusal"]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0


class _Message(msgspec.Struct):
    content: list[_Part]
    stop_reason: str | None = None
    usage: _Usage = msgspec.field(default_factory=_Usage)


class AnthropicDialect(Dialect):
    """Asks as Anthropic's API wants it."""

    structure = "output_config"

    def __init__(self, settings: Settings) -> None:
        assert settings.llm_model is not None
        super().__init__(anthropic, settings, settings.llm_model)
        self._client = anthropic.AsyncAnthropic(
            base_url=settings.llm_base_url or BASE_URL,
            api_key=self._endpoint.key,
            max_retries=0,
            timeout=None,
            http_client=self._endpoint.http,
            open_telemetry=False,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _body(self, question: Question, without: frozenset[str]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "system": question.system,
            "messages": turns(question),
            "max_tokens": question.max_tokens,
        }
        if question.schema:
            form = {"type": "json_schema", "schema": question.schema}
            body["output_config"] = {"format": form}
        return {name: value for name, value in body.items() if name not in without}

    async def _answer(self, body: dict[str, Any]) -> Answer:
        response = await self._client.messages.with_raw_response.create(**body)
        try:
            message = msgspec.json.decode(response.http_response.content, type=_Message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(error) from None
        text = "".join(part.text for part in message.content if part.type == "text")
        used = message.usage
        return Answer(text, ENDS.get(message.stop_reason or "", "stop"), used.input_tokens, used.output_tokens)

    def _refused(self, error: anthropic.APIStatusError, body: dict[str, Any]) -> str | None:
        return self.structure if self.structure in body and self.structure in said(error.body) else None
