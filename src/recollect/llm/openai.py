"""Any endpoint that answers `/v1/chat/completions` as OpenAI does, and Azure's."""

from __future__ import annotations

from typing import Any

import msgspec
import openai

from recollect.endpoints import said
from recollect.llm.dialect import Answer, Dialect, Question, turns, unreadable
from recollect.settings import Settings

BASE_URL = "https://api.openai.com/v1"
MODEL = "gpt-4o-mini"

OPTIONAL = ("response_format", "max_tokens", "temperature")
"""What some endpoints refuse. They are asked without it from then on."""


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class OpenAIDialect(Dialect):
    """Asks as OpenAI's API wants it."""

    structure = "response_format"

    def __init__(self, settings: Settings) -> None:
        super().__init__(openai, settings, settings.llm_model or MODEL)
        self._client = self._azure(settings) if settings.llm_provider == "azure" else self._openai(settings)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _openai(self, settings: Settings) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=settings.llm_base_url or BASE_URL,
            api_key=self._endpoint.key or "none",
            max_retries=0,
            timeout=None,
            http_client=self._endpoint.http,
        )

    def _azure(self, settings: Settings) -> openai.AsyncOpenAI:
        assert settings.llm_base_url is not None
        return openai.AsyncAzureOpenAI(
            azure_endpoint=settings.llm_base_url,
            azure_deployment=self.model,
            api_version=settings.llm_api_version,
            api_key=self._endpoint.key,
            max_retries=0,
            timeout=None,
            http_client=self._endpoint.http,
        )

    def _body(self, question: Question, without: frozenset[str]) -> dict[str, Any]:
        limit = "max_completion_tokens" if "max_tokens" in without else "max_tokens"
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "system", "content": question.system}, *turns(question)],
            limit: question.max_tokens,
        }
        if question.schema:
            form = {"name": "answer", "strict": True, "schema": question.schema}
            body |= {"temperature": 0, "response_format": {"type": "json_schema", "json_schema": form}}
        return {name: value for name, value in body.items() if name not in without}

    async def _answer(self, body: dict[str, Any]) -> Answer:
        try:
            response = await self._client.chat.completions.with_raw_response.create(**body)
        except openai.BadRequestError as error:
            if error.code == "content_filter":  # Azure's, which does not get as far as the model
                return Answer(said(error.body), "refusal")
            raise
        return _read(response.http_response.content)

    def _refused(self, error: openai.APIStatusError, body: dict[str, Any]) -> str | None:
        words = f"{error.param} {said(error.body)}"
        for name in OPTIONAL:
            if name in body and name in words and (name != "max_tokens" or "max_completion_tokens" in words):
                return name
        return None


def _read(content: bytes) -> Answer:
    try:
        completion = msgspec.json.decode(content, type=_Completion)
        choice = completion.choices[0]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError) as error:
        raise unreadable(error) from None
    message, used = choice.message, completion.usage or _Usage()
    tokens = used.prompt_tokens or 0, used.completion_tokens or 0
    if message.refusal or choice.finish_reason == "content_filter":
        return Answer(message.refusal or message.content or "", "refusal", *tokens)
    return Answer(message.content or "", "length" if choice.finish_reason == "length" else "stop", *tokens)
