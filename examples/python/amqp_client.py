#!/usr/bin/env python3
"""A client of an Occamy service at RabbitMQ, which has nothing of Occamy's: only pika, a client of AMQP 0-9-1.

    pip install pika
    cargo run --release -p occamy-examples --bin amqp_server        # the service `demo`, in another terminal
    python3 examples/python/amqp_client.py request 1000 --headers '{"group": "small"}'
    python3 examples/python/amqp_client.py request 9000000000 --headers '{"task-id": "a"}'
    python3 examples/python/amqp_client.py control 1000 --task-id a     # a lower limit for that one: it ends
    python3 examples/python/amqp_client.py request many
    python3 examples/python/amqp_client.py dead                         # why the last one has failed

Servers declare what a service `S` needs, and a client only uses it:

- the exchange `S-request`, for requests: each goes to one server;
- the exchange `S-control`, for control messages: each goes to every server;
- the queue `S-dead`, in which requests wait that failed for good.

Headers keep their types both ways, but for decimals, which become strings of as many digits. pika has no floats: it
refuses to send any, and cuts those that it reads. A string that begins with `occamy:` may stand for a value of another
type.
"""

import argparse
import json
import os
import sys
import time
import uuid

import pika

# Headers that mean something to every Occamy server, and those that it adds to dead letters.
TASK_ID = "task-id"
REQUEST_ID = "X-Request-ID"
ATTEMPT, REASON, KIND, ORIGIN = "occamy-attempt", "occamy-reason", "occamy-kind", "occamy-origin"


class Client:
    """A connection with the service of this name. To be used by `with`, and by one thread at a time."""

    def __init__(self, url, service):
        self.service = service
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        # From now on `basic_publish` waits until RabbitMQ has stored the message, and raises if it has not.
        self.channel.confirm_delivery()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.connection.is_open:
            self.connection.close()

    def request(self, body, headers=None):
        """Sends a request, and returns its request id.

        It is persistent, and mandatory: `pika.exceptions.UnroutableError` tells that no queue takes it. What comes of
        it is for the servers to tell in their own way; nothing is sent back here.
        """
        properties, request_id = self._properties(headers)
        properties.delivery_mode = pika.DeliveryMode.Persistent.value
        self.channel.basic_publish(f"{self.service}-request", "", _bytes(body), properties, mandatory=True)
        return request_id

    def control(self, body, headers=None, task_id=None):
        """Sends a control message, and returns its request id.

        With a task id it is for the tasks of that id. Without one it is an optional request, for every server with a
        slot to spare. It is not mandatory: where no server is, there is nobody to hear it.
        """
        if task_id is not None:
            headers = {**(headers or {}), TASK_ID: task_id}
        properties, request_id = self._properties(headers)
        self.channel.basic_publish(f"{self.service}-control", "", _bytes(body), properties)
        return request_id

    def dead_letters(self, requests=None, patience=30.0):
        """Takes dead letters out of their queue: a list of headers and body of each.

        Takes all that are there, or, where request ids are given, those of these requests, for which it waits. The
        others go back. RabbitMQ counts how often one does, and from 4.0 on may give it up after twenty times: don't
        search the queue like this again and again.
        """
        letters, others, deadline = [], [], time.monotonic() + patience
        while requests is None or len(letters) < len(requests):
            method, properties, body = self.channel.basic_get(f"{self.service}-dead")
            if method is None:
                if requests is None:
                    break
                if time.monotonic() > deadline:
                    raise TimeoutError(f"within {patience:.0f} s there are only these dead letters: {letters}")
                self.connection.sleep(0.02)
                continue
            headers = properties.headers or {}
            if requests is None or headers.get(REQUEST_ID) in requests:
                self.channel.basic_ack(method.delivery_tag)
                letters.append((headers, body))
            else:
                others.append(method.delivery_tag)
        for tag in others:
            self.channel.basic_nack(tag, requeue=True)
        return letters

    def _properties(self, headers):
        # A request id of our own, instead of one that the server makes up, tells what became of which message.
        headers = {REQUEST_ID: str(uuid.uuid4()), **(headers or {})}
        return pika.BasicProperties(headers=headers), headers[REQUEST_ID]


def _bytes(body):
    return body.encode() if isinstance(body, str) else body


def arguments():
    parser = argparse.ArgumentParser(description="A client of an Occamy service at RabbitMQ.")
    url = os.environ.get("OCCAMY_AMQP_URL") or "amqp://127.0.0.1:5672"
    parser.add_argument("--url", default=url, help="where RabbitMQ is [default: OCCAMY_AMQP_URL, or port 5672 here]")
    parser.add_argument("--service", default="demo", help="the name of the service [default: demo]")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    request = commands.add_parser("request", help="send a request")
    control = commands.add_parser("control", help="send a control message")
    for command in (request, control):
        command.add_argument("body", help="what is sent: for amqp_server a number")
        command.add_argument("--headers", type=json.loads, default={}, help="an object of JSON")
    control.add_argument("--task-id", help="the tasks that it is for; without, it is an optional request")
    commands.add_parser("dead", help="take the dead letters out of their queue, and show them")
    check = commands.add_parser("check", help="try everything on amqp_server, and fail if it is not as documented")
    check.add_argument("--events", help="the file to which the server's standard output goes, to be checked, too")
    return parser.parse_args()


def main():
    options = arguments()
    try:
        with Client(options.url, options.service) as client:
            if options.command == "request":
                print(client.request(options.body, options.headers))
            elif options.command == "control":
                print(client.control(options.body, options.headers, options.task_id))
            elif options.command == "dead":
                for headers, body in client.dead_letters():
                    print(headers, body)
            else:
                from amqp_check import check

                check(client, options.events)
    except pika.exceptions.ChannelClosedByBroker as error:
        sys.exit(f"error: {error.reply_text}; a server declares what is missing: start one first")
    except pika.exceptions.AMQPConnectionError as error:
        sys.exit(f"error: no connection with RabbitMQ: {error!r}")


if __name__ == "__main__":
    main()
