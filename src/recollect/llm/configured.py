"""The language model that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recollect.errors import SettingsError
from recollect.llm import LanguageModel, Record
from recollect.settings import Settings

if TYPE_CHECKING:
    from recollect.llm.dialect import Dialect


def open_model(settings: Settings, record: Record) -> LanguageModel | None:
    """Return the model to ask, None where none is configured; each call is told to `record`. Raises SettingsError."""
    if not settings.has_language_model:
        return None
    from recollect.llm.model import Model  # noqa: PLC0415 -- a slow import, which not everybody needs

    dialect = _anthropic(settings) if settings.llm_provider == "anthropic" else _openai(settings)
    concurrency, reasoning = settings.llm_concurrency, settings.llm_reasoning_tokens
    return Model(dialect, record, concurrency=concurrency, reasoning_tokens=reasoning)


def _openai(settings: Settings) -> Dialect:
    from recollect.llm.openai import OpenAIDialect  # noqa: PLC0415 -- likewise

    return OpenAIDialect(settings)


def _anthropic(settings: Settings) -> Dialect:
    try:
        from recollect.llm.anthropic import AnthropicDialect  # noqa: PLC0415 -- an extra, which may not be there
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"llm_provider is anthropic, but the package {error.name} is not installed",
            hint="Run `pip install 'recollect[anthropic]'`.",
        ) from error
    return AnthropicDialect(settings)
