"""A test of the published client: MODE says whether its plain methods are called or their async twins."""

import asyncio
import os
import unittest

from zep_python import ZepClient

URL = os.environ["URL"]
KEY = os.environ.get("KEY")
ASYNC = os.environ["MODE"] == "async"


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.loop = cls.enterClassContext(asyncio.Runner())
        cls.client = cls.connect(URL, KEY)

    @classmethod
    def connect(cls, url, key=None):
        client = ZepClient(url, key)
        cls.addClassCleanup(client.close)
        cls.addClassCleanup(lambda: cls.loop.run(client.aclose()))
        return client

    def call(self, method, *arguments, **named):
        """Call a method, `client.user.get` say, or its twin `client.user.aget`."""
        if not ASYNC:
            return method(*arguments, **named)
        return self.loop.run(twin(method)(*arguments, **named))

    def chunks(self, method, chunk_size):
        """Collect what a method yields, or its twin."""
        if not ASYNC:
            return list(method(chunk_size=chunk_size))

        async def collect():
            return [chunk async for chunk in twin(method)(chunk_size=chunk_size)]

        return self.loop.run(collect())

    def refused(self, kind, method, *arguments, **named):
        """Call a method that must fail with this error, and return the error."""
        with self.assertRaises(kind) as caught:
            self.call(method, *arguments, **named)
        return caught.exception


def twin(method):
    return getattr(method.__self__, "a" + method.__name__)
