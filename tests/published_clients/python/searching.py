"""Searching memory, on a server that embeds."""

import time

from case import ClientTest
from zep_python.exceptions import APIError
from zep_python.memory import Memory, MemorySearchPayload
from zep_python.message import Message

TALK = [
    ("I adopted a puppy and named him Biscuit.", "pets"),
    ("My sister moved to Iceland to study volcanoes.", "travel"),
    ("Our little dog has learned to fetch the newspaper.", "pets"),
    ("The espresso machine at the office is broken again.", "work"),
]


class Searching(ClientTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        messages = [Message(role="human", content=text, metadata={"topic": topic}) for text, topic in TALK]
        cls.client.memory.add_memory("talk", Memory(messages=messages))
        deadline = time.monotonic() + 60
        while len(cls.client.memory.search_memory("talk", MemorySearchPayload(text="anything"))) < len(TALK):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def search(self, limit=None, **payload):
        found = self.call(self.client.memory.search_memory, "talk", MemorySearchPayload(**payload), limit)
        self.assertTrue(all(result.summary is None for result in found))
        return found

    def contents(self, **payload):
        return [result.message["content"] for result in self.search(**payload)]

    def test_092_the_nearest_come_first(self):
        found = self.search(text=TALK[0][0])
        self.assertEqual([result.message["content"] for result in found[:2]], [TALK[0][0], TALK[2][0]])
        self.assertAlmostEqual(found[0].dist, 1, delta=0.002)
        self.assertEqual(found, sorted(found, key=lambda result: -result.dist))

    def test_090_094_limits_and_filters(self):
        self.assertEqual(len(self.search(text="dogs", limit=3)), 3)
        pets = {"where": {"jsonpath": "$[*] ? (@.topic == 'pets')"}}
        self.assertEqual(self.contents(text="dogs and cats", metadata=pets, limit=1), [TALK[2][0]])
        self.assertEqual(self.contents(metadata=pets), [TALK[2][0], TALK[0][0]])

    def test_097_diverse_results(self):
        found = self.contents(text="dogs", search_type="mmr", mmr_lambda=0.1, limit=2)
        self.assertEqual(len(found), 2)
        self.assertNotEqual(found, self.contents(text="dogs", limit=2))
        nearest = self.contents(text="dogs")
        self.assertEqual(self.contents(text="dogs", search_type="mmr", mmr_lambda=1.0), nearest)

    def test_099_there_may_be_nothing(self):
        self.assertEqual(self.search(text="dogs", search_scope="summary"), [])
        unknown = self.call(self.client.memory.search_memory, "unknown", MemorySearchPayload(text="dogs"))
        self.assertEqual(unknown, [])

    def test_088_a_search_for_nothing_raises_api_error(self):
        self.refused(APIError, self.client.memory.search_memory, "talk", MemorySearchPayload())

    def test_the_deprecated_method_of_the_client_itself_works(self):
        found = self.call(self.client.search_memory, "talk", MemorySearchPayload(text=TALK[1][0]), 1)
        self.assertEqual(found[0].message["content"], TALK[1][0])
