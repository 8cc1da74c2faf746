from uuid import uuid4

from case import ClientTest
from zep_python.exceptions import APIError, NotFoundError
from zep_python.memory import Memory
from zep_python.message import Message


class Messages(ClientTest):
    def setUp(self):
        self.session = f"session {uuid4()}"
        messages = [Message(role="human", content=f"message {n}", metadata={"n": n}) for n in range(25)]
        self.call(self.client.memory.add_memory, self.session, Memory(messages=messages))

    def contents(self, **page):
        found = self.call(self.client.message.get_session_messages, self.session, **page)
        return [message.content for message in found]

    def test_071_072_messages_come_page_by_page(self):
        self.assertEqual(self.contents(), [f"message {n}" for n in range(25)])
        self.assertEqual(self.contents(limit=10, cursor=2), [f"message {n}" for n in range(10, 20)])
        self.assertEqual(self.contents(limit=10, cursor=4), [])

    def test_073_an_unknown_session_has_no_messages(self):
        self.assertEqual(self.call(self.client.message.get_session_messages, "unknown"), [])

    def test_075_one_message_is_read_by_its_uuid(self):
        listed = (self.call(self.client.message.get_session_messages, self.session))[7]
        self.assertEqual(self.call(self.client.message.get_session_message, self.session, listed.uuid), listed)
        self.refused(NotFoundError, self.client.message.get_session_message, self.session, str(uuid4()))
        error = self.refused(APIError, self.client.message.get_session_message, self.session, "no uuid")
        self.assertEqual(error.response_data["status_code"], 400)

    def test_076_077_metadata_is_merged_where_it_is_named(self):
        before = (self.call(self.client.message.get_session_messages, self.session))[0]
        update = self.client.message.update_message_metadata
        changed = self.call(update, self.session, before.uuid, {"metadata": {"k": {"deep": 1}}})
        self.assertEqual(changed.metadata, {"n": 0, "k": {"deep": 1}})
        self.assertEqual((changed.role, changed.content), (before.role, before.content))
        bare = self.call(update, self.session, before.uuid, {"other": 1})
        self.assertEqual(bare.metadata, changed.metadata)
        self.refused(NotFoundError, update, self.session, str(uuid4()), {"metadata": {"k": 1}})
