"""Every kind of job, in one flat list."""

from __future__ import annotations

from functools import partial

from recollect.core.annotations import Annotator
from recollect.core.embeddings import Models
from recollect.core.summaries import Summariser
from recollect.llm import LanguageModel
from recollect.settings import Settings
from recollect.store import Store, documents, embeddings, summary_embeddings
from recollect.store.indexes import BUILD_SECONDS
from recollect.work.annotate import entities, intents, summary_entities
from recollect.work.documents import erase_collection, index_collection, index_messages
from recollect.work.embed import Source, embed, probe, probe_filling, reembed
from recollect.work.erase import erase, erase_cleared
from recollect.work.metrics import WorkMetrics
from recollect.work.summarise import summarise
from recollect.work.worker import Kind

ERASE_SECONDS = 600
"""Long enough for sessions of millions of messages."""

GATHER_SECONDS = 0.5
"""For jobs that ask a language model: making a question costs the process, which answers requests too, some ms."""

ASK_SECONDS = 600
"""Long enough for the many questions that a long message, or a long backlog, is taken apart into."""


def kinds(
    store: Store, models: Models, metrics: WorkMetrics, settings: Settings, llm: LanguageModel | None
) -> list[Kind]:
    """Return what a worker does."""
    active, filling = partial(probe, models), partial(probe_filling, models)
    of_messages = Source(embeddings.texts, embeddings.put)
    of_summaries = Source(summary_embeddings.texts, summary_embeddings.put)
    of_documents = Source(documents.texts, documents.put)
    made = [
        Kind("embed", partial(embed, of_messages, store, models, metrics), probe=active),
        Kind("reembed", partial(reembed, of_messages, store, models, metrics), probe=filling),
        Kind("embed_summaries", partial(embed, of_summaries, store, models, metrics), probe=active),
        Kind("reembed_summaries", partial(reembed, of_summaries, store, models, metrics), probe=filling),
        Kind("erase", partial(erase, store), most=16, lease_seconds=ERASE_SECONDS),
        Kind("erase_cleared", partial(erase_cleared, store), most=16, lease_seconds=ERASE_SECONDS),
        Kind("embed_documents", partial(embed, of_documents, store, models, metrics), probe=active),
        Kind("reembed_documents", partial(reembed, of_documents, store, models, metrics), probe=filling),
        Kind("erase_collection", partial(erase_collection, store), most=1, lease_seconds=BUILD_SECONDS),
        Kind("index_collection", partial(index_collection, store), most=1, lease_seconds=2 * BUILD_SECONDS),
        Kind("index_messages", partial(index_messages, store), most=1, lease_seconds=2 * BUILD_SECONDS),
    ]
    if llm is not None:
        return [*made, *_of_language_model(store, settings, llm)]
    return [*made, Kind("entities", partial(entities, None, store))] if settings.entities else made


def _of_language_model(store: Store, settings: Settings, llm: LanguageModel) -> list[Kind]:
    lease = max(ASK_SECONDS, 3 * settings.llm_timeout)
    asking = partial(Kind, lease_seconds=lease, probe=llm.probe, gather_seconds=GATHER_SECONDS)
    annotator = Annotator(llm, settings)
    made = []
    if settings.summaries:
        made.append(asking("summarise", partial(summarise, Summariser(llm, settings), settings, store), most=4))
    if settings.entities:
        made.append(asking("entities", partial(entities, annotator, store)))
        made.append(asking("summary_entities", partial(summary_entities, annotator, store)))
    if settings.intents:
        made.append(asking("intents", partial(intents, annotator, store)))
    return made
