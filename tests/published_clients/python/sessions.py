from case import ClientTest
from zep_python.exceptions import APIError, NotFoundError
from zep_python.memory import Session
from zep_python.user import CreateUserRequest


class Sessions(ClientTest):
    def test_a_session_is_added_read_and_changed(self):
        memory = self.client.memory
        self.call(self.client.user.add, CreateUserRequest(user_id="ann"))
        new = Session(session_id="one", user_id="ann", metadata={"a": {"c": 2}, "z": 3})
        added = self.call(memory.add_session, new)
        self.assertEqual((added.session_id, added.user_id, added.metadata), ("one", "ann", new.metadata))
        self.assertEqual(self.call(memory.get_session, "one"), added)

        patch = Session(session_id="one", metadata={"a": {"b": 1}, "z": None})
        changed = self.call(memory.update_session, patch)
        self.assertEqual(changed.metadata, {"a": {"b": 1, "c": 2}, "z": None})
        self.assertEqual((changed.uuid, changed.id, changed.created_at), (added.uuid, added.id, added.created_at))
        self.assertGreater(changed.updated_at, added.updated_at)
        self.assertEqual(self.call(memory.get_session, "one"), changed)

    def test_a_whole_session_can_be_sent_back(self):
        added = self.call(self.client.memory.add_session, Session(session_id="echo", metadata={"k": "v"}))
        echoed = self.call(self.client.memory.update_session, added)
        self.assertEqual(echoed.dict(exclude={"updated_at"}), added.dict(exclude={"updated_at"}))

    def test_027_ids_of_all_kinds_come_back_as_they_went(self):
        for session_id in (
            "two words",
            "ann@example.org",
            "urn:x:1",
            "日本語 🙂",
            "عربى",
            "semi;colon,comma",
            "~!$&'()*+=",
        ):
            self.call(self.client.memory.add_session, Session(session_id=session_id))
            self.assertEqual(self.call(self.client.memory.get_session, session_id).session_id, session_id)
            self.call(self.client.memory.update_session, Session(session_id=session_id, metadata={"x": 1}))
            self.assertEqual(self.call(self.client.memory.get_session, session_id).metadata, {"x": 1})

    def test_024_025_what_cannot_be_added_raises_api_error(self):
        self.call(self.client.memory.add_session, Session(session_id="taken"))
        error = self.refused(APIError, self.client.memory.add_session, Session(session_id="taken"))
        self.assertEqual(error.response_data["status_code"], 400)
        self.assertIn("session already exists", error.response_data["message"])
        stranger = Session(session_id="new", user_id="nobody")
        error = self.refused(APIError, self.client.memory.add_session, stranger)
        self.assertIn("user does not exist", error.response_data["message"])

    def test_029_041_unknown_sessions_raise_not_found_error(self):
        self.refused(NotFoundError, self.client.memory.get_session, "unknown")
        self.refused(NotFoundError, self.client.memory.update_session, Session(session_id="unknown", metadata={}))
