"""The client connects without a complaint (any warning is an error here) and without minding slashes."""

from case import URL, ClientTest


class Connecting(ClientTest):
    def test_005_the_version_is_one_the_client_knows(self):
        self.connect(URL)

    def test_a_slash_behind_the_address_changes_nothing(self):
        client = self.connect(URL + "/")
        self.assertEqual(self.call(client.memory.list_sessions), [])

    def test_the_client_is_a_context_manager(self):
        with self.connect(URL) as client:
            self.assertEqual(client.user.list(), [])

        async def listed():
            async with self.connect(URL) as client:
                return await client.user.alist()

        self.assertEqual(self.loop.run(listed()), [])
