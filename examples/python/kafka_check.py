"""Tries everything that a client can do on the example `kafka_server`, and fails if anything is not as documented.

    cargo run -p occamy-examples --bin kafka_server
    python3 examples/python/kafka_client.py check

A test runs it where it finds Kafka and confluent-kafka: `cargo test -p occamy-examples --test brokers`. What the server
has understood is seen in its dead letters, and what it has done in the offsets that it has committed.
"""

import time
import uuid
from datetime import datetime, timezone

from kafka_client import ATTEMPT, KIND, ORIGIN, REASON, REQUEST_ID, TASK_ID

# Every type of header.
TYPED = {
    "string": "text",
    "empty": "",
    "größe": "東京 🦀\n",
    "": "an empty name",
    "100 %: [a]": "a name with signs",
    "like ours": "occamy:int:7",
    "yes": True,
    "no": False,
    "zero": 0,
    "largest": 2**63 - 1,
    "least": -(2**63),
    "float": 0.1,
    "whole float": 1.0,
    "smallest float": 5e-324,
    "negative zero": -0.0,
    "infinite": float("-inf"),
    "not a number": float("nan"),
    "bytes": b"\x00\xff\xfe",
    "bytes of text": b"text",
    "timestamp": datetime(2024, 2, 29, 12, 30, 59, tzinfo=timezone.utc),
    "null": None,
    "list": [1, "two, [or] {three}", None, False, b"\x03", [0.4], {"five": -5}],
    "empty list": [],
    "table": {"a": {"b=": {"": 1}}, "bytes": b"\xff", "list": [True, None, " größe "]},
    "empty table": {},
}

# As a client sends them that has never heard of types, and as what they arrive.
PLAIN = {
    "string": (b"text", "text"),
    "number": (b"7", "7"),
    "empty": (b"", ""),
    "lines": (b" one\r\ntwo ", " one\r\ntwo "),
    "umlaut": ("größe".encode(), "größe"),
    "not text": (b"\x00\xff\xfe", b"\x00\xff\xfe"),
    "null": (None, None),
    "größe: 100 %": (b"a foreign name", "a foreign name"),
}


def check(client):
    """Raises an error that says what is wrong."""
    checks = Checks(client)
    for one in (
        checks.typed_headers,
        checks.plain_headers,
        checks.failures,
        checks.requests,
        checks.a_control_message_for_a_task,
        checks.an_optional_request,
    ):
        one()
        print("passed:", one.__name__.replace("_", " "), flush=True)


class Checks:
    def __init__(self, client):
        self.client = client

    def typed_headers(self):
        self.fails(b"many", TYPED, TYPED)

    def plain_headers(self):
        sent = [(name, plain) for name, (plain, _) in PLAIN.items()]
        self.fails(b"\xff\x00", sent, {name: arrived for name, (_, arrived) in PLAIN.items()})

    def failures(self):
        string = 'header "task-id": expected a string, found an integer'
        self.fails("100", {TASK_ID: 7}, {TASK_ID: 7}, "invalid_headers", string)
        malformed = 'header "zoom": malformed value: expected a value with its type at byte 7'
        kept = {"zoom": "occamy:int:seven"}
        self.fails("100", [("zoom", b"occamy:int:seven")], kept, "invalid_headers", malformed)

    def fails(self, body, headers, expected, kind="invalid_body", reason="expected a number, from 0 up"):
        """A request becomes a dead letter, with these headers beside those that say why."""
        request = self.client.request(body, headers)
        [(found, found_body)] = self.client.dead_letters([request])
        added = {REQUEST_ID: request, REASON: reason, KIND: kind, ATTEMPT: 1}
        added[ORIGIN] = f"{self.client.service}-request"
        expect("the headers", found, {**expected, **added})
        expect("the body", found_body, body if isinstance(body, bytes) else body.encode())

    def requests(self):
        self.client.request("100")
        self.client.request("200", {TASK_ID: "a typed one", "zoom": 3})
        self.client.request("300", [(TASK_ID, b"a plain one"), ("zoom", b"3")])
        self.until_finished()

    def a_control_message_for_a_task(self):
        task = f"task {uuid.uuid4()}"
        # Without a control message it would take hours.
        self.client.request("1000000000000", {TASK_ID: task})

        def lower():
            self.client.control("0", task_id="another task")
            # What is no number is an error that changes nothing.
            self.client.control("none", task_id=task)
            self.client.control("400", {"zoom": 3}, task_id=task)

        # It is for a task that runs, and when that is only the server knows.
        self.until_finished(lower)

    def an_optional_request(self):
        # What becomes of it only the server tells, on its standard output: 95 primes below 500.
        self.client.control("500", {"zoom": 3})

    def until_finished(self, meanwhile=lambda: None, patience=30.0):
        deadline = time.monotonic() + patience
        meanwhile()
        while unfinished := self.client.unfinished():
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {patience:.0f} s {unfinished} requests are not finished")
            time.sleep(0.05)
            meanwhile()


def expect(what, found, expected):
    # As text, for to Python `True` is 1, and NaN is not NaN.
    if isinstance(expected, dict):
        wrong = [it for it in {**found, **expected} if repr(found.get(it, ...)) != repr(expected.get(it, ...))]
        if wrong:
            raise AssertionError(f"{what}, wrong in {wrong}: expected {expected!r}, found {found!r}")
    elif repr(found) != repr(expected):
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")
