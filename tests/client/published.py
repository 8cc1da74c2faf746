"""Run by the Python of the published client: prints its classes' methods and models' fields as JSON."""

from __future__ import annotations

import inspect
import json
import warnings

warnings.simplefilter("ignore")

from zep_python import exceptions  # noqa: E402 -- it warns of itself
from zep_python.document import models as documents  # noqa: E402
from zep_python.document.client import DocumentClient  # noqa: E402
from zep_python.document.collections import DocumentCollection  # noqa: E402
from zep_python.memory import models as memory  # noqa: E402
from zep_python.memory.client import MemoryClient  # noqa: E402
from zep_python.message.client import MessageClient  # noqa: E402
from zep_python.message.models import Message  # noqa: E402
from zep_python.user import models as users  # noqa: E402
from zep_python.user.client import UserClient  # noqa: E402
from zep_python.zep_client import ZepClient  # noqa: E402

CLASSES = [ZepClient, MemoryClient, MessageClient, UserClient, DocumentClient, DocumentCollection]
MODELS = [
    memory.Session,
    memory.Summary,
    memory.Memory,
    memory.MemorySearchPayload,
    memory.MemorySearchResult,
    Message,
    users.User,
    users.CreateUserRequest,
    users.UpdateUserRequest,
    documents.Document,
    DocumentCollection,
]


def methods(kind: type) -> dict[str, list[tuple[str, str | None]]]:
    """Return the parameters of each public method, with the default of each as text."""
    return {
        name: [
            (parameter.name, None if parameter.default is parameter.empty else repr(parameter.default))
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        ]
        for name, function in vars(kind).items()
        if inspect.isfunction(function) and (not name.startswith("_") or name in {"__enter__", "__aenter__"})
    }


print(  # noqa: T201 -- the test reads it
    json.dumps(
        {
            "classes": {kind.__name__: methods(kind) for kind in CLASSES},
            "constructor": list(inspect.signature(ZepClient).parameters),
            "models": {kind.__name__: sorted(kind.__fields__) for kind in MODELS},
            "errors": [
                name
                for name, value in vars(exceptions).items()
                if inspect.isclass(value) and issubclass(value, Exception)
            ],
        }
    )
)
