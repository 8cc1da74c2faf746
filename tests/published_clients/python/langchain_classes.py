"""LangChain's classes for Zep, which stand on this client."""

import time
from uuid import uuid4

from case import ASYNC, URL, ClientTest
from langchain_community.chat_message_histories import ZepChatMessageHistory
from langchain_community.retrievers import ZepRetriever
from langchain_community.vectorstores import ZepVectorStore
from langchain_community.vectorstores.zep import CollectionConfig
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage

WIDTH = 8
TEXTS = ["The puppy fetched a ball.", "Volcanoes shape Iceland.", "The dog fetched a stick.", "Espresso needs coffee."]


class Letters(Embeddings):
    """Embeds a text by its first letters: the caller's own model."""

    def embed_query(self, text):
        return [ord(letter) % 32 + 0.5 for letter in text[:WIDTH].lower().ljust(WIDTH)]

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]


def until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class LangChain(ClientTest):
    def history(self):
        return ZepChatMessageHistory(session_id=f"session {uuid4()}", url=URL)

    def test_chat_history(self):
        history = self.history()
        self.assertEqual(history.messages, [])
        history.add_user_message("Hello", metadata={"mood": "good"})
        history.add_ai_message("Hi there")
        self.call(history.add_messages, [HumanMessage("How are you?"), AIMessage("Well")])
        said = [("human", "Hello"), ("ai", "Hi there"), ("human", "How are you?"), ("ai", "Well")]
        self.assertEqual([(message.type, message.content) for message in history.messages], said)
        self.assertEqual(history.messages[0].additional_kwargs["metadata"], {"mood": "good"})
        self.assertEqual([message.content for message in history.zep_messages], [text for _, text in said])
        self.assertEqual(history.zep_summary, "")
        until(lambda: len(history.search("greetings")) == len(said))
        self.assertEqual(history.search("Hello", limit=1)[0].message["content"], "Hello")
        self.call(history.clear)
        self.assertEqual(history.messages, [])

    def test_retriever(self):
        history = self.history()
        history.add_messages([HumanMessage(text) for text in TEXTS])
        until(lambda: len(history.search("anything")) == len(TEXTS))
        for options in ({}, {"search_type": "mmr", "mmr_lambda": 0.5}):
            retriever = ZepRetriever(session_id=history.session_id, url=URL, top_k=2, **options)
            found = self.call(retriever.invoke, "The puppy fetched a ball.")
            self.assertEqual((found[0].page_content, len(found)), (TEXTS[0], 2))
            self.assertGreater(found[0].metadata["score"], 0.99)
            self.assertEqual(found[0].metadata["role"], "human")

    def test_vector_store_that_embeds(self):
        config = CollectionConfig("langchain1", "texts", {"a": 1}, 384, is_auto_embedded=True)
        store = ZepVectorStore("langchain1", URL, config=config)
        metadatas = [{"n": n} for n in range(4)]
        uuids = self.call(store.add_texts, TEXTS, metadatas, [f"text-{n}" for n in range(4)])
        until(lambda: len(store.similarity_search("anything")) == len(TEXTS))
        found = self.call(store.similarity_search, "a dog at play", k=2)
        self.assertEqual({document.page_content for document in found}, {TEXTS[0], TEXTS[2]})
        where = {"where": {"jsonpath": "$.n ? (@ > 0)"}}
        found = self.call(store.search, TEXTS[0], "similarity", metadata=where, k=1)
        self.assertEqual((found[0].page_content, found[0].metadata), (TEXTS[2], {"n": 2}))
        found = self.call(store.max_marginal_relevance_search, TEXTS[0], k=2, lambda_mult=0.2)
        self.assertEqual(found[0].page_content, TEXTS[0])
        self.assertNotIn(TEXTS[2], [document.page_content for document in found])
        search = store.asimilarity_search_with_relevance_scores if ASYNC else store.similarity_search_with_score
        scored = self.loop.run(search(TEXTS[1], k=1)) if ASYNC else search(TEXTS[1], k=1)
        self.assertEqual(scored[0][0].page_content, TEXTS[1])
        self.assertAlmostEqual(scored[0][1], 1, places=2)
        store.delete(uuids[:2])
        again = ZepVectorStore("langchain1", URL)
        self.assertEqual(len(again.similarity_search("anything", k=10)), 2)

    def test_vector_store_with_vectors_of_its_own(self):
        config = CollectionConfig("langchain2", None, None, WIDTH, is_auto_embedded=False)
        store = ZepVectorStore.from_texts(
            TEXTS,
            Letters(),
            metadatas=[{"n": n} for n in range(4)],
            collection_name="langchain2",
            api_url=URL,
            config=config,
        )
        self.assertEqual(self.call(store.similarity_search, TEXTS[1], k=1)[0].page_content, TEXTS[1])
        vector = Letters().embed_query(TEXTS[3])
        self.assertEqual(self.call(store.similarity_search_by_vector, vector, k=1)[0].metadata, {"n": 3})
        found = self.call(store.max_marginal_relevance_search_by_vector, vector, k=2)
        self.assertEqual((found[0].page_content, len(found)), (TEXTS[3], 2))
