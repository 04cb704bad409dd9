"""What an answer looks like in each of the platform's dialects."""

from deliveries import event_body, post, tool_calls

# By dialect: how a tool call's id and the first message are spelled.
KEYS = {
    "camel": ("toolCallId", "firstMessage"),
    "snake": ("tool_call_id", "first_message"),
    "legacy": ("toolCallId", "firstMessage"),
}


def assert_answers_in_every_dialect(test, address):
    """The handler has to answer a tool call with its tool's name, an assistant-request with the first message Hello."""
    for dialect, (id_key, message_key) in KEYS.items():
        with test.subTest(dialect):
            calls = tool_calls(("id_1", "one", {}), ("id_2", "two", {}), dialect=dialect)
            results = post(address, calls).json()["results"]
            test.assertEqual(results, [{id_key: "id_1", "result": "one"}, {id_key: "id_2", "result": "two"}])
            said = post(address, event_body("assistant-request", dialect)).body.decode()
            test.assertIn(f'"{message_key}":"Hello"', said.replace(" ", ""))
