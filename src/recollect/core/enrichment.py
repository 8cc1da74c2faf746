"""Which work a new message makes necessary."""

from __future__ import annotations

from recollect.settings import Settings


def jobs_of_message(settings: Settings) -> tuple[str, ...]:
    """Return the kinds of jobs that an added message is enqueued for."""
    wanted = {
        "summarise": settings.summaries and settings.has_language_model,
        "embed": settings.embed_messages and settings.embedding_provider != "none",
        "entities": settings.entities,
        "intents": settings.intents and settings.has_language_model,
    }
    return tuple(kind for kind, is_wanted in wanted.items() if is_wanted)


def jobs_of_summary(settings: Settings) -> tuple[str, ...]:
    """Return the kinds of jobs that a new summary is enqueued for."""
    wanted = {
        "embed_summaries": settings.embed_messages and settings.embedding_provider != "none",
        "summary_entities": settings.entities and settings.has_language_model,
    }
    return tuple(kind for kind, is_wanted in wanted.items() if is_wanted)
