# Made by tools/unasync.py of src/recollect/client/aio/messages.py: change that.
from __future__ import annotations

from recollect.client.connections import Api
from recollect.client.models import Json, Message, MessagePage
from recollect.client.wire import Call, path

MESSAGE = "/sessions/{session_id}/messages/{message_id}"


class SyncMessages(Api):
    """The messages of a session, one by one or page by page."""

    def get_session_messages(self, session_id: str, limit: int = 100, cursor: int = 1) -> list[Message]:
        """Return the page numbered `cursor`, from 1, of a session's messages, oldest first, `limit` to a page.

        An unknown session has none.

        >>> messages = client.message.get_session_messages("trip", limit=50)
        >>> print(messages[0].content)
        """
        if limit < 1 or cursor < 1:
            raise ValueError("limit and cursor have to be 1 or more")
        where = path("/sessions/{session_id}/messages", session_id=session_id)
        call = Call(MessagePage, "GET", where, query={"limit": limit, "cursor": cursor})
        return (self._connections.sync.send(call)).messages

    def get_session_message(self, session_id: str, message_id: str) -> Message:
        """Return the message with this uuid. Raises NotFoundError, BadRequest for what is no uuid."""
        where = path(MESSAGE, session_id=session_id, message_id=message_id)
        return self._connections.sync.send(Call(Message, "GET", where))

    def update_message_metadata(self, session_id: str, message_id: str, metadata: Json) -> Message:
        """Merge metadata into a message: keys that are not named stay. Raises NotFoundError.

        The published client wants the metadata in a dictionary of its own, `{"metadata": {...}}`; here that may be
        left out. To set a key called "metadata" to a dictionary, wrap it.

        >>> message = client.message.update_message_metadata("trip", messages[0].uuid, {"mood": "merry"})
        >>> print(message.metadata)
        """
        wrapped = list(metadata) == ["metadata"] and isinstance(metadata["metadata"], dict)
        where = path(MESSAGE, session_id=session_id, message_id=message_id)
        call = Call(Message, "PATCH", where, body=metadata if wrapped else {"metadata": metadata})
        return self._connections.sync.send(call)
