#!/usr/bin/env python3
"""A client of an Occamy service at Kafka, which has nothing of Occamy's: only confluent-kafka, a client of Kafka.

    pip install confluent-kafka
    cargo run --release -p occamy-examples --bin kafka_server        # the service `primes`, in another terminal
    python3 examples/python/kafka_client.py request 1000
    python3 examples/python/kafka_client.py request 9000000000 --headers '{"task-id": "a", "priority": 3}'
    python3 examples/python/kafka_client.py control 1000 --task-id a     # a lower limit for that one: it ends
    python3 examples/python/kafka_client.py request many
    python3 examples/python/kafka_client.py dead                         # why the last one has failed

Servers create what a service `S` needs, and a client only uses it:

- the topic `S-request`, for requests: each goes to one server;
- the topic `S-control`, for control messages: each goes to every server;
- the topic `S-dead`, in which requests lie that failed for good.

A header of Kafka is bytes. Plain ones arrive as strings, or as bytes if they aren't UTF-8, and one without a value as
null. Every other type is text that begins with `occamy:` and the type, such as `occamy:int:3`: `encode` and `decode` are
all that it takes. The whole of it is described in Occamy's `occamy_core::transport::text`.
"""

import argparse
import json
import os
import re
import string
import struct
import sys
import time
import uuid
from datetime import datetime, timezone
from urllib.parse import quote, unquote

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

# Headers that mean something to every Occamy server, and those that it adds to dead letters.
TASK_ID = "task-id"
REQUEST_ID = "X-Request-ID"
ATTEMPT, REASON, KIND, ORIGIN = "occamy-attempt", "occamy-reason", "occamy-kind", "occamy-origin"

# How long the brokers have to answer, in seconds.
TIMEOUT = 10.0


class Client:
    """A connection with the service of this name. To be used by one thread at a time."""

    def __init__(self, url, service):
        self.service = service
        self.config = _config(url)
        # Kafka has a message when all replicas have it, and has it once.
        settings = {"enable.idempotence": True, "message.timeout.ms": int(TIMEOUT * 1000)}
        self.producer = Producer({**self.config, **settings})
        # Asked for one that is missing, the brokers may create it, and not as the servers want it.
        self.topics = self.producer.list_topics(timeout=TIMEOUT).topics
        for topic in ("request", "control", "dead"):
            if f"{service}-{topic}" not in self.topics:
                raise ValueError(f"there is no topic {service}-{topic}; a server creates it: start one first")

    def request(self, body, headers=None):
        """Sends a request, and returns its request id.

        Headers are a dict of typed values, or a list of pairs of a name and bytes, which go as they are. What comes of
        it is for the servers to tell in their own way; nothing is sent back here.
        """
        return self._send("request", body, headers)

    def control(self, body, headers=None, task_id=None):
        """Sends a control message, and returns its request id.

        With a task id it is for the tasks of that id. Without one it is an optional request, for every server with a
        slot to spare. Only servers that run by then read it.
        """
        if task_id is not None:
            headers = {**(headers or {}), TASK_ID: task_id}
        return self._send("control", body, headers)

    def dead_letters(self, requests=None, patience=30.0):
        """Reads dead letters: a list of headers and body of each. They stay in their topic.

        Reads all that are there, or, where request ids are given, those of these requests, for which it waits.
        """
        consumer = self._consumer(f"{self.service}-client", {"enable.partition.eof": True})
        partitions = self._partitions("dead", OFFSET_BEGINNING)
        consumer.assign(partitions)
        letters, ends, deadline = [], set(), time.monotonic() + patience
        try:
            while len(ends) < len(partitions) if requests is None else len(letters) < len(requests):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"within {patience:.0f} s there are only these dead letters: {letters}")
                record = consumer.poll(0.1)
                if record is None:
                    continue
                if record.error() and record.error().code() == KafkaError._PARTITION_EOF:
                    ends.add(record.partition())
                    continue
                if record.error():
                    raise KafkaException(record.error())
                headers = decode(record.headers() or [])
                if requests is None or headers.get(REQUEST_ID) in requests:
                    letters.append((headers, record.value()))
        finally:
            consumer.close()
        return letters

    def unfinished(self):
        """How many requests are not known to be finished: those that wait or run, and what is done behind them."""
        consumer = self._consumer(self.service, {})
        try:
            count = 0
            for partition in consumer.committed(self._partitions("request"), timeout=TIMEOUT):
                first, end = consumer.get_watermark_offsets(partition, timeout=TIMEOUT)
                # It is negative where nothing has been committed yet.
                count += end - max(partition.offset, first)
            return count
        finally:
            consumer.close()

    def _send(self, topic, body, headers):
        if not isinstance(headers, list):
            headers = encode(headers or {})
        request_id = dict(headers).get(REQUEST_ID)
        if request_id is None:
            # One of our own, instead of one that the server makes up, tells what became of which message.
            request_id = str(uuid.uuid4()).encode()
            headers = [(REQUEST_ID, request_id), *headers]
        errors = []
        self.producer.produce(
            f"{self.service}-{topic}",
            body.encode() if isinstance(body, str) else body,
            headers=headers,
            on_delivery=lambda error, _: errors.append(error),
        )
        # Until it is stored, or has failed.
        self.producer.flush()
        if errors != [None]:
            raise KafkaException(*errors)
        return request_id.decode()

    def _consumer(self, group, settings):
        """One that belongs to no group: it only asks, and reads what it assigns itself."""
        return Consumer({**self.config, "group.id": group, "enable.auto.commit": False, **settings})

    def _partitions(self, topic, *offset):
        topic = f"{self.service}-{topic}"
        return [TopicPartition(topic, number, *offset) for number in self.topics[topic].partitions]


def _config(url):
    """What the URL says, in the client's words. It is what servers take: kafka://user:password@host:9092,host:9092."""
    scheme, _, rest = url.partition("://")
    credentials, _, brokers = rest.rpartition("@")
    protocol = {"kafka": "PLAINTEXT", "kafkas": "SSL"}.get(scheme)
    if protocol is None or not brokers:
        raise ValueError("expected a URL like kafka://host:9092 or kafkas://user:password@host:9092")
    config = {"bootstrap.servers": brokers.rstrip("/"), "security.protocol": protocol}
    if credentials:
        user, _, password = credentials.partition(":")
        protocol = "SASL_SSL" if protocol == "SSL" else "SASL_PLAINTEXT"
        config |= {"security.protocol": protocol, "sasl.mechanisms": "PLAIN"}
        config |= {"sasl.username": unquote(user), "sasl.password": unquote(password)}
    return config


MARK = "occamy:"


def encode(headers):
    """Typed headers, a dict, as Kafka has them."""
    return [(_encode_name(name), _encode(value)) for name, value in headers.items()]


def decode(headers):
    """Headers as Kafka has them as typed ones. Of a name that is there twice it has the last value."""
    return {_decode_name(name): _decode(value) for name, value in headers}


def _encode_name(name):
    # Printable ASCII, without the two that mean something.
    plain = string.punctuation.replace("%", "").replace(":", "")
    return quote(name, safe=plain) or "%"


def _decode_name(text):
    name = "" if text == "%" else unquote(text)
    # A percent sign of somebody else's stays one.
    return name if _encode_name(name) == text else text


def _encode(value):
    if value is None:
        return None
    if isinstance(value, str) and not value.startswith(MARK):
        return value.encode()
    return (MARK + _typed(value)).encode()


def _typed(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool:true" if value else "bool:false"
    if isinstance(value, int):
        return f"int:{value}"
    if isinstance(value, float):
        return f"float:{value!r}" if value == value else f"float:nan:{struct.pack('>d', value).hex()}"
    if isinstance(value, str):
        return f"str:{quote(value, safe='')}"
    if isinstance(value, bytes):
        return f"bytes:{value.hex()}"
    if isinstance(value, datetime):
        return f"time:{int(value.timestamp())}"
    if isinstance(value, list):
        return "list:[" + ",".join(map(_typed, value)) + "]"
    if isinstance(value, dict):
        items = [quote(name, safe="") + "=" + _typed(item) for name, item in value.items()]
        return "table:{" + ",".join(items) + "}"
    raise TypeError(f"a header can't be a {type(value).__name__}")


def _decode(value):
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value
    if not text.startswith(MARK):
        return text
    typed, rest = _parse(text[len(MARK) :])
    if rest:
        raise ValueError(f"malformed header: {text!r}")
    return typed


def _parse(text):
    """The value that a text begins with, and what is behind it."""
    if text.startswith("list:["):
        items, text = [], text[len("list:[") :]
        while not text.startswith("]"):
            item, text = _parse(text.removeprefix(","))
            items.append(item)
        return items, text[1:]
    if text.startswith("table:{"):
        table, text = {}, text[len("table:{") :]
        while not text.startswith("}"):
            name, _, text = text.removeprefix(",").partition("=")
            table[unquote(name)], text = _parse(text)
        return table, text[1:]
    end = re.search(r"[,\]}]|\Z", text).start()
    kind, _, scalar = text[:end].partition(":")
    if kind not in SCALARS:
        raise ValueError(f"malformed header: no type is called {kind!r}")
    return SCALARS[kind](scalar), text[end:]


def _float(text):
    bits = text.removeprefix("nan:")
    return float(text) if bits == text else struct.unpack(">d", bytes.fromhex(bits))[0]


SCALARS = {
    "null": lambda _: None,
    "bool": lambda text: text == "true",
    "int": int,
    "float": _float,
    "str": unquote,
    "bytes": bytes.fromhex,
    "time": lambda text: datetime.fromtimestamp(int(text), timezone.utc),
}


def arguments():
    parser = argparse.ArgumentParser(description="A client of an Occamy service at Kafka.")
    url = os.environ.get("OCCAMY_KAFKA_URL") or "kafka://127.0.0.1:9092"
    parser.add_argument("--url", default=url, help="where Kafka is [default: OCCAMY_KAFKA_URL, or port 9092 here]")
    parser.add_argument("--service", default="primes", help="the name of the service [default: primes]")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    request = commands.add_parser("request", help="send a request")
    control = commands.add_parser("control", help="send a control message")
    for command in (request, control):
        command.add_argument("body", help="what is sent: for kafka_server a number")
        command.add_argument("--headers", type=json.loads, default={}, help="an object of JSON; strings go plain")
    control.add_argument("--task-id", help="the tasks that it is for; without, it is an optional request")
    commands.add_parser("dead", help="show the dead letters, which stay where they are")
    commands.add_parser("check", help="try everything on kafka_server, and fail if it is not as documented")
    return parser.parse_args()


def main():
    options = arguments()
    try:
        client = Client(options.url, options.service)
        if options.command == "request":
            print(client.request(options.body, options.headers))
        elif options.command == "control":
            print(client.control(options.body, options.headers, options.task_id))
        elif options.command == "dead":
            for headers, body in client.dead_letters():
                print(headers, body)
        else:
            from kafka_check import check

            check(client)
    except ValueError as error:
        sys.exit(f"error: {error}")
    except KafkaException as error:
        sys.exit(f"error: Kafka: {error.args[0]}")


if __name__ == "__main__":
    main()
