from uuid import UUID

from case import ClientTest
from zep_python.exceptions import APIError, NotFoundError
from zep_python.memory import Memory, Session
from zep_python.message import Message
from zep_python.user import CreateUserRequest, UpdateUserRequest


class Users(ClientTest):
    def test_a_user_is_added_read_and_changed(self):
        users = self.client.user
        new = CreateUserRequest(user_id="ann", email="ann@example.org", first_name="Ann", metadata={"a": {"b": 1}})
        added = self.call(users.add, new)
        self.assertEqual(added.dict(include=new.dict().keys()), new.dict())
        self.assertIsInstance(added.uuid, UUID)
        self.assertEqual(added.created_at.utcoffset().total_seconds(), 0)
        self.assertEqual(self.call(users.get, "ann"), added)

        patch = UpdateUserRequest(
            user_id="ann", first_name="", last_name="Lee", metadata={"a": {"c": 2}, "system": {"s": 1}}
        )
        changed = self.call(users.update, patch)
        self.assertEqual((changed.email, changed.first_name, changed.last_name), ("ann@example.org", "Ann", "Lee"))
        self.assertEqual(changed.metadata, {"a": {"b": 1, "c": 2}, "system": {"s": 1}})
        self.assertEqual(self.call(users.get, "ann"), changed)

    def test_082_084_what_cannot_be_raises(self):
        users = self.client.user
        self.call(users.add, CreateUserRequest(user_id="taken"))
        error = self.refused(APIError, users.add, CreateUserRequest(user_id="taken"))
        self.assertIn("user already exists", error.response_data["message"])
        self.refused(NotFoundError, users.get, "unknown")
        self.refused(NotFoundError, users.update, UpdateUserRequest(user_id="unknown", email="x"))
        self.refused(NotFoundError, users.delete, "unknown")

    def test_086_087_a_users_sessions_are_listed_and_go_with_the_user(self):
        self.call(self.client.user.add, CreateUserRequest(user_id="bob"))
        self.assertEqual(self.call(self.client.user.get_sessions, "bob"), [])
        memory = self.client.memory
        added = [self.call(memory.add_session, Session(session_id=f"bob {n}", user_id="bob")) for n in range(3)]
        self.call(memory.add_memory, "bob 1", Memory(messages=[Message(role="human", content="hi")]))
        listed = self.call(self.client.user.get_sessions, "bob")
        self.assertEqual([(s.session_id, s.id) for s in listed], [(s.session_id, s.id) for s in added])
        self.call(self.client.user.delete, "bob")
        self.refused(NotFoundError, self.client.user.get, "bob")
        self.refused(NotFoundError, memory.get_session, "bob 1")
        self.assertEqual(self.call(memory.get_memory, "bob 1").messages, [])
        self.assertEqual(self.call(self.client.user.get_sessions, "bob"), [])
        self.call(memory.add_session, Session(session_id="bob 1"))
