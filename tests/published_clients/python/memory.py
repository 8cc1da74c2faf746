from uuid import uuid4

from case import ClientTest
from zep_python.exceptions import APIError, NotFoundError
from zep_python.memory import Memory, Session
from zep_python.message import Message

NIL = "00000000-0000-0000-0000-000000000000"


class Recall(ClientTest):
    def test_050_what_is_added_is_remembered_in_order(self):
        memory = self.client.memory
        known = str(uuid4())
        messages = [
            Message(
                role="human", content="Hello", metadata={"mood": "good"}, uuid=known, created_at="2024-03-01T12:00:00Z"
            ),
            Message(role="ai", content="你好 🙂"),
            Message(role="", content=""),
        ]
        self.assertEqual(self.call(memory.add_memory, "talk", Memory(messages=messages, metadata={"a": 1})), "OK")
        found = self.call(memory.get_memory, "talk")
        self.assertEqual([(m.role, m.content) for m in found.messages], [(m.role, m.content) for m in messages])
        self.assertEqual((found.messages[0].uuid, found.messages[0].created_at), (known, "2024-03-01T12:00:00Z"))
        self.assertEqual([m.metadata for m in found.messages], [{"mood": "good"}, None, None])
        self.assertGreater(found.messages[0].token_count, 0)
        last = self.call(memory.get_memory, "talk", lastn=2)
        self.assertEqual([m.content for m in last.messages], ["你好 🙂", ""])
        session = self.call(memory.get_session, "talk")
        self.assertEqual((session.user_id, session.metadata), (None, None))

    def test_a_message_sent_again_is_not_doubled(self):
        message = Message(role="human", content="once", uuid=str(uuid4()))
        for _ in range(2):
            self.call(self.client.memory.add_memory, "retried", Memory(messages=[message]))
        self.assertEqual(len(self.call(self.client.memory.get_memory, "retried").messages), 1)

    def test_060_061_without_a_summary_there_is_an_empty_one(self):
        found = self.call(self.client.memory.get_memory, "unheard of")
        self.assertEqual((found.messages, found.summary.content, found.summary.uuid), ([], "", NIL))

    def test_063_066_a_deleted_session_is_gone_until_it_is_spoken_to_again(self):
        memory = self.client.memory
        first = self.call(memory.add_session, Session(session_id="gone", metadata={"kept": True}))
        self.call(memory.add_memory, "gone", Memory(messages=[Message(role="human", content="old")]))
        self.assertEqual(self.call(memory.delete_memory, "gone"), "OK")
        self.refused(NotFoundError, memory.delete_memory, "gone")
        self.refused(NotFoundError, memory.get_session, "gone")
        self.assertEqual(self.call(memory.get_memory, "gone").messages, [])
        self.call(memory.add_memory, "gone", Memory(messages=[Message(role="human", content="new")]))
        self.assertEqual([m.content for m in self.call(memory.get_memory, "gone").messages], ["new"])
        again = self.call(memory.get_session, "gone")
        self.assertEqual((again.uuid, again.id, again.metadata), (first.uuid, first.id, {"kept": True}))

    def test_a_malformed_uuid_raises_api_error(self):
        wrong = Memory(messages=[Message(role="human", content="x", uuid="no uuid")])
        error = self.refused(APIError, self.client.memory.add_memory, "wrong", wrong)
        self.assertEqual(error.response_data["status_code"], 400)

    def test_the_deprecated_methods_of_the_client_itself_work(self):
        client = self.client
        self.call(client.add_session, Session(session_id="facade"))
        self.assertEqual(self.call(client.get_session, "facade").session_id, "facade")
        memory = Memory(messages=[Message(role="human", content="hi")])
        self.assertEqual(self.call(client.add_memory, "facade", memory), "OK")
        self.assertEqual(len(self.call(client.get_memory, "facade", 1).messages), 1)
        self.assertEqual(self.call(client.delete_memory, "facade"), "OK")
