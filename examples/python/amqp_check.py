"""Tries everything that a client can do on the example `amqp_server`, and fails if anything is not as documented.

    cargo run -p occamy-examples --bin amqp_server > target/events.jsonl
    python3 examples/python/amqp_client.py check --events target/events.jsonl

A test runs it where it finds RabbitMQ and pika: `cargo test -p occamy-examples --test brokers`. Without the events
only what comes back through RabbitMQ is checked: the dead letters.
"""

import json
import time
import uuid
from datetime import datetime, timezone
from decimal import Decimal

from pika.compat import long

from amqp_client import ATTEMPT, KIND, ORIGIN, REASON, REQUEST_ID, TASK_ID

# Every type that pika sends. It takes 32 bits for an integer if that is enough, and 64 for a `long`.
HEADERS = {
    "string": "text",
    "empty": "",
    "größe": "東京 🦀\n",
    "bytes": b"\x00\xff\xfe",
    "bytes of text": b"text",
    "yes": True,
    "no": False,
    "zero": 0,
    "negative": -1,
    "least of 32 bits": -(2**31),
    "beyond 32 bits": 2**31,
    "largest": 2**63 - 1,
    "least": -(2**63),
    "small, in 64 bits": long(7),
    "decimal": Decimal("12.75"),
    "small decimal": Decimal("0.05"),
    "negative decimal": Decimal("-0.05"),
    "whole decimal": Decimal("3"),
    "timestamp": datetime(2024, 2, 29, 12, 30, 59, tzinfo=timezone.utc),
    "null": None,
    "list": [1, "two", None, False, b"\x03", [Decimal("0.4")], {"five": -5}],
    "empty list": [],
    "table": {"a": {"b": {"c": long(1)}}, "bytes": b"\xff", "list": [True, None, -1]},
    "empty table": {},
}


def check(client, events_file):
    """Raises an error that says what is wrong."""
    checks = Checks(client, Events(client, events_file) if events_file else None)
    for one in (
        checks.every_type_of_header,
        checks.retries,
        checks.failures,
        checks.a_control_message_for_a_task,
        checks.an_optional_request,
    ):
        one()
        print("passed:", one.__name__.replace("_", " "), flush=True)


class Checks:
    def __init__(self, client, events):
        self.client = client
        self.events = events

    def every_type_of_header(self):
        request = self.client.request("100", HEADERS)
        if self.events:
            seen = self.events.next("request", request)
            expect("the body", seen["body"], "100")
            expect("the headers", seen["headers"], as_json({REQUEST_ID: request, **HEADERS}))
            expect("the primes below 100", self.events.next("done", request)["body"], "25")

    def retries(self):
        request = self.client.request("100", {"fail": 1, **HEADERS})
        if self.events:
            for attempt in (1, 2):
                seen = self.events.next("request", request)
                expect("the attempt", seen["attempt"], attempt)
                expect("the headers", seen["headers"], as_json({REQUEST_ID: request, "fail": 1, **HEADERS}))
            self.events.next("done", request)

    def failures(self):
        number = "expected a number, from 0 up"
        string = 'header "task-id": expected a string, found an integer'
        expected = {}
        for body, headers, kind, reason, attempt in (
            (b"many", HEADERS, "invalid_body", number, 1),
            (b"\xff\x00", {}, "invalid_body", number, 1),
            (b"100", {TASK_ID: 7}, "invalid_headers", string, 1),
            (b"100", {"fail": 9, **HEADERS}, "unknown_task_error", 'the header "fail" says so', 3),
        ):
            request = self.client.request(body, headers)
            origin = f"{self.client.service}-request"
            added = {REQUEST_ID: request, REASON: reason, KIND: kind, ORIGIN: origin, ATTEMPT: attempt}
            expected[request] = {**headers, **added}, body
        for headers, body in self.client.dead_letters(expected):
            # RabbitMQ's own is how often it has handed the letter out before.
            headers = {name: value for name, value in headers.items() if not name.startswith("x-")}
            expected_headers, expected_body = expected.pop(headers[REQUEST_ID])
            expect("the headers", headers, expected_headers)
            expect("the body", body, expected_body)

    def a_control_message_for_a_task(self):
        client, task = self.client, f"task {uuid.uuid4()}"
        request = client.request("100000000", {TASK_ID: task})
        if self.events:
            expect("the task", self.events.next("request", request)["task-id"], task)
        else:
            # By then it runs, if a slot was free. Without a control message it would take minutes.
            client.connection.sleep(1)
        client.control("0", task_id="another task")
        client.control("none", task_id=task)
        control = client.control("0", HEADERS, task_id=task)
        if self.events:
            # What is for others has not come, and what is no number is an error that changes nothing.
            seen = self.events.next("control", control)
            expect("the task", seen["task-id"], task)
            expect("the body", seen["body"], "0")
            expect("the headers", seen["headers"], as_json({REQUEST_ID: control, TASK_ID: task, **HEADERS}))
            self.events.next("done", request)

    def an_optional_request(self):
        offer = self.client.control("1000", HEADERS)
        if self.events:
            seen = self.events.next("offer", offer)
            expect("the body", seen["body"], "1000")
            expect("the headers", seen["headers"], as_json({REQUEST_ID: offer, **HEADERS}))
            expect("the primes below 1000", self.events.next("done", offer)["body"], "168")


class Events:
    """The lines that the server writes."""

    def __init__(self, client, path):
        self.client = client
        self.file = open(path, encoding="utf-8")
        self.line = ""
        self.unread = []

    def next(self, event, request, patience=30.0):
        """Waits for the next event of a message, which has to be this one."""
        deadline = time.monotonic() + patience
        while not (seen := self._take(request)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"within {patience:.0f} s the server has not told of {event}")
            # Keeps the connection alive.
            self.client.connection.sleep(0.02)
        expect("the event", seen["event"], event)
        return seen

    def _take(self, request):
        while read := self.file.readline():
            # The last line may be there by half.
            self.line += read
            if self.line.endswith("\n"):
                self.unread.append(json.loads(self.line))
                self.line = ""
        for number, event in enumerate(self.unread):
            if event["headers"][REQUEST_ID] == request:
                return self.unread.pop(number)
        return None


def expect(what, found, expected):
    found, expected = received(found), received(expected)
    # As text, for to Python `True` is 1.
    if repr(found) != repr(expected):
        names = {name for it in (found, expected) if isinstance(it, dict) for name in it}
        wrong = [name for name in sorted(names) if repr(found.get(name)) != repr(expected.get(name))]
        where = f", wrong in {wrong}" if wrong else ""
        raise AssertionError(f"{what}{where}: expected {expected!r}, found {found!r}")


def received(value):
    """A value as it comes back: decimals as strings, all integers as Python's, and for comparing, names in order."""
    if isinstance(value, dict):
        return {name: received(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [received(it) for it in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return int(value) if isinstance(value, long) else value


def as_json(value):
    """A value as the server's lines have it."""
    value = received(value)
    if isinstance(value, dict):
        return {name: as_json(it) for name, it in value.items()}
    if isinstance(value, list):
        return [as_json(it) for it in value]
    if isinstance(value, bytes):
        return f"occamy:bytes:{value.hex()}"
    if isinstance(value, datetime):
        return f"occamy:time:{int(value.timestamp())}"
    return value
