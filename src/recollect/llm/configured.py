"""The language model that the settings name."""

from __future__ import annotations

from contextlib import suppress

from recollect.errors import ModelMisbehaved
from recollect.llm import LanguageModel, Prompt, Record
from recollect.settings import Settings

OPENAI = "https://api.openai.com/v1"
WORD = Prompt("Answer with one word.", "Say yes.")


def open_model(settings: Settings, record: Record) -> LanguageModel | None:
    """Return the model to ask, None where none is configured; each call is told to `record`. Raises SettingsError."""
    if not settings.has_language_model:
        return None
    from recollect.llm.openai import OpenAIModel  # noqa: PLC0415 -- loads the openai package, which not everybody needs

    return OpenAIModel(settings, record)


async def probe(model: LanguageModel) -> None:
    """Ask for one word; any answer is one. Raises ModelUnavailable."""
    with suppress(ModelMisbehaved):
        await model.complete("probe", WORD, max_tokens=16)
