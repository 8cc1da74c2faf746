"""Every error Recollect raises, on one page.

Error
├── Unauthorized          401  no token, or one that this server did not sign
├── NotFound              404  no such thing, or it was deleted
├── APIError                   whatever else the API answers
│   ├── BadRequest        400  the caller's mistake; the text names the field
│   │   └── AlreadyExists 400  the name is taken
│   ├── MethodNotAllowed  405  the path exists, not with this method
│   ├── TooLarge          413  the body is over the limit
│   ├── OutOfSpace        507  the database's disk is full
│   ├── Unavailable       503  something the server needs does not answer; try again
│   │   ├── DatabaseUnavailable     the database does not (yet)
│   │   └── ModelUnavailable        the embedding or language model does not
│   │       └── ModelMisbehaved     it answered, but not with what was asked for
│   └── Unreachable                 the client got no answer at all
├── SettingsError              a setting is wrong; the text names it
└── StartupError               the server cannot start; the text says what to do
    ├── DataFolderBusy         another server runs on this data folder
    ├── WrongPostgres          the data folder, or the database, is of another version
    └── SchemaError            the schema is newer than this program, or a migration failed
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class Error(Exception):
    """Something went wrong that the caller can act on."""

    hint = ""
    """What to do about it."""

    response_data: dict[str, Any] | None = None
    """What a server answered to a client: `status_code` and `message`."""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or self.__doc__)
        if hint is not None:
            self.hint = hint

    @property
    def message(self) -> str:
        """What happened, in one sentence."""
        return str(self.args[0])


class APIError(Error):
    """The API did not do what it was asked."""


class BadRequest(APIError):
    """The request is not valid."""


class AlreadyExists(BadRequest):
    """The name is already taken."""


class Unauthorized(Error):
    """No valid token was sent."""


class NotFound(Error):
    """not found"""  # noqa: D400 -- the protocol's own text


class MethodNotAllowed(APIError):
    """This path does not take this method."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__()
        self.allowed = allowed


class TooLarge(APIError):
    """request body too large. if you're uploading documents, reduce the batch size or size of the document chunks"""  # noqa: D400 -- the protocol's own text


class OutOfSpace(APIError):
    """The database has no disk space left."""

    hint = "Free space on the data folder's disk; the server recovers by itself."


class Unavailable(APIError):
    """Something the server needs does not answer."""


class Unreachable(APIError):
    """The server does not answer."""


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    hint = "The server keeps trying; run `recollect doctor` when this lasts."
    retry_after = 1
    """Seconds after which trying again makes sense."""


class ModelUnavailable(Unavailable):
    """The model does not answer."""

    def __init__(
        self, message: str | None = None, *, retry_after: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds the endpoint asked to be left alone, if it said so."""


class ModelMisbehaved(ModelUnavailable):
    """The model's answer is not what was asked for."""

    answer = ""
    """What it said, as far as it helps: for an operator to look at, and for no log."""


class SettingsError(Error):
    """A setting is not valid."""


class StartupError(Error):
    """The server cannot start."""


class DataFolderBusy(StartupError):
    """Another server runs on this data folder."""


class WrongPostgres(StartupError):
    """The data folder or the database is of a version this program does not work with."""


class SchemaError(StartupError):
    """The database's schema does not fit this program."""


STATUS: dict[type[Error], HTTPStatus] = {
    BadRequest: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    OutOfSpace: HTTPStatus.INSUFFICIENT_STORAGE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""How errors meet HTTP, read both ways: the server answers with it, the client raises by it."""


def status(error: Error) -> HTTPStatus:
    """Return the status code of an error: its own class's, else its nearest ancestor's."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR
