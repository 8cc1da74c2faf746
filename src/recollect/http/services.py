"""What the server offers its handlers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from recollect.core.embeddings import Models
from recollect.core.recall import Recall
from recollect.http.metrics import Metrics
from recollect.settings import Settings
from recollect.store import Store


class Services(msgspec.Struct, frozen=True):
    """Everything a handler may need, wired by server.py."""

    settings: Settings
    store: Store
    metrics: Metrics
    models: Models
    recall: Recall
    wake: Callable[[str], None]
    """Tells the workers that jobs of a kind were added."""
    readiness: Callable[[], str]
    """Why the server is not ready; empty when it is."""
