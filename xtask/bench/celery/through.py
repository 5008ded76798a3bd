#!/usr/bin/env python3
"""Celery, on RabbitMQ: consumes and settles requests that do nothing.

Takes the options of `occamy-bench through` that make sense here, and prints the same JSON: bench/README.md says what is
measured. Tasks are acknowledged when they are done, there is no result backend, and nobody is sent events.
"""

import argparse
import json
import os
import struct
import subprocess
import sys
import threading
import time
import warnings

from celery import Celery, signals
from celery.exceptions import SecurityWarning
from celery.worker import state
from celery.worker.request import Request
from kombu import Exchange, Queue

# It would rather not be run by root, which containers do.
warnings.simplefilter("ignore", SecurityWarning)

SIZE = 256
STAMP = struct.Struct("=Q")
# As many processes as this machine has cores; the others in flight wait in the worker.
PROCESSES = os.cpu_count() or 1
# How long nothing is done before a request that comes alone, in seconds, and how many come before anything is measured.
PAUSE = 0.002
WARM_UP = 20


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=120, help="end with an error after so many seconds")
    commands = parser.add_subparsers(dest="benchmark", required=True)
    through = commands.add_parser("through")
    through.add_argument("--broker", choices=["amqp"], required=True)
    through.add_argument("--requests", type=int, required=True)
    through.add_argument("--in-flight", type=int, required=True)
    through.add_argument("--one-by-one", action="store_true")
    # How this program calls itself, to publish from a process of its own.
    through.add_argument("--publish-to", help=argparse.SUPPRESS)
    return parser.parse_args()


OPTIONS = arguments()
NAME = OPTIONS.publish_to or f"occamy-bench-celery-{os.getpid()}"
QUEUE = Queue(
    NAME,
    Exchange(NAME, type="direct"),
    routing_key=NAME,
    queue_arguments={"x-queue-type": "quorum"},
)

app = Celery(NAME, broker=os.environ["OCCAMY_AMQP_URL"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    task_default_queue=NAME,
    task_ignore_result=True,
    task_queues=[QUEUE],
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_prefetch_multiplier=max(1, OPTIONS.in_flight // PROCESSES),
)

# What tasks write here are the times from publishing to their start.
starts_from, starts_to = os.pipe()


class Tally:
    """When the first task was taken by a process, and when the last one was acknowledged."""

    left = OPTIONS.requests + (WARM_UP if OPTIONS.one_by_one else 0)
    first = None
    last = None
    publisher = None


class Counted(Request):
    """Celery's own request, which tells when it starts and is settled."""

    def on_accepted(self, *arguments):
        if Tally.first is None:
            Tally.first = time.monotonic()
        super().on_accepted(*arguments)

    def acknowledge(self):
        super().acknowledge()
        Tally.left -= 1
        if OPTIONS.one_by_one:
            Tally.publisher.stdin.write(b"\n")
            Tally.publisher.stdin.flush()
        if Tally.left == 0:
            Tally.last = time.monotonic()
            state.should_stop = os.EX_OK


@app.task(name="nothing", Request=Counted)
def nothing(body):
    now = time.monotonic_ns()
    published = int(body[:20])
    if published:
        os.write(starts_to, STAMP.pack(now - published))


def publish(published, producer):
    body = str(published).rjust(20, "0").ljust(SIZE, ".")
    nothing.apply_async((body,), producer=producer)


def fill():
    with app.producer_or_acquire() as producer:
        for _ in range(OPTIONS.requests):
            publish(0, producer)


def publish_one_by_one():
    """In a process of its own: the next when whoever reads our lines says so."""
    with app.producer_or_acquire() as producer:
        for number in range(WARM_UP + OPTIONS.requests):
            time.sleep(PAUSE)
            publish(0 if number < WARM_UP else time.monotonic_ns(), producer)
            sys.stdin.readline()


@signals.worker_ready.connect
def ready(**_):
    if OPTIONS.one_by_one:
        command = [sys.executable, *sys.argv, "--publish-to", NAME]
        Tally.publisher = subprocess.Popen(command, stdin=subprocess.PIPE)


def remove():
    with app.connection_for_write() as connection:
        bound = QUEUE(connection.default_channel)
        bound.delete()
        bound.exchange.delete()


def end():
    print(f"not done within {OPTIONS.limit} s", file=sys.stderr)
    state.should_terminate = os.EX_SOFTWARE


def main():
    if OPTIONS.publish_to:
        return publish_one_by_one()
    # A declared queue is what the first ones are published to.
    with app.connection_for_write() as connection:
        QUEUE(connection.default_channel).declare()
    try:
        if not OPTIONS.one_by_one:
            fill()
        limit = threading.Timer(OPTIONS.limit, end)
        limit.daemon = True
        limit.start()
        worker = app.Worker(
            pool="prefork",
            concurrency=PROCESSES,
            loglevel="ERROR",
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        try:
            worker.start()
        except SystemExit:
            # So it ends when it is told to.
            pass
        limit.cancel()
        if Tally.last is None:
            sys.exit(3)
    finally:
        remove()
    record = {"figures": {}, "samples": {}, "refused": 0}
    if OPTIONS.one_by_one:
        Tally.publisher.wait()
        os.close(starts_to)
        with open(starts_from, "rb") as starts:
            record["samples"]["start"] = [start for (start,) in STAMP.iter_unpack(starts.read())]
    else:
        record["figures"]["per_second"] = OPTIONS.requests / (Tally.last - Tally.first)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
