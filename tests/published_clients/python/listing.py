"""Listings on a server that holds nothing else, in chunks as the client counts them."""

from case import ClientTest
from zep_python.memory import Session
from zep_python.user import CreateUserRequest


class Listing(ClientTest):
    def test_044_047_sessions_are_listed_in_chunks(self):
        memory = self.client.memory
        self.assertEqual(self.call(memory.list_sessions), [])
        for n in range(5):
            self.call(memory.add_session, Session(session_id=f"session {n}"))
        everything = self.call(memory.list_sessions)
        self.assertEqual([s.session_id for s in everything], [f"session {n}" for n in range(5)])
        self.assertEqual(self.call(memory.list_sessions, limit=2, cursor=everything[1].id), everything[2:4])
        chunks = self.chunks(memory.list_all_sessions, 2)
        self.assertEqual(chunks, [everything[:2], everything[2:4], everything[4:]])

    def test_085_users_are_listed_in_chunks(self):
        users = self.client.user
        self.assertEqual(self.call(users.list), [])
        for n in range(5):
            self.call(users.add, CreateUserRequest(user_id=f"user {n}"))
        everything = self.call(users.list)
        self.assertEqual([user.user_id for user in everything], [f"user {n}" for n in range(5)])
        self.assertEqual(self.call(users.list, limit=2, cursor=everything[1].id), everything[2:4])
        chunks = self.chunks(users.list_chunked, 2)
        self.assertEqual(chunks, [everything[:2], everything[2:4], everything[4:]])
