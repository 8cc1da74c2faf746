"""What the client raises on a server that asks for tokens; KEY is a valid one."""

from case import KEY, URL, ClientTest
from zep_python.exceptions import AuthError


class Tokens(ClientTest):
    def test_021_without_a_token_calls_raise_auth_error(self):
        for key in (None, "garbage"):
            client = self.connect(URL, key)
            error = self.refused(AuthError, client.memory.get_session, "anything")
            self.assertEqual(error.response_data["status_code"], 401)

    def test_with_a_token_calls_are_answered(self):
        client = self.connect(URL, KEY)
        self.assertEqual(self.call(client.memory.list_sessions), [])
