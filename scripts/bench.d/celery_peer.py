"""Celery's half of the queue bench: publishes no-op tasks with confirms to a quorum queue, then lets one worker of eight
threads take and acknowledge them (late). Prints the seconds of both phases.

    celery_peer.py AMQP_URL TASKS
"""
import logging
import sys
import threading
import time

from celery import Celery
from celery.signals import task_postrun, worker_ready
from kombu import Queue

url, count = sys.argv[1], int(sys.argv[2])
app = Celery("peer", broker=url)
app.conf.update(
    task_queues=[Queue("peer", routing_key="peer", queue_arguments={"x-queue-type": "quorum"})],
    task_default_queue="peer",
    task_default_queue_type="quorum",
    worker_detect_quorum_queues=True,
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)
logging.disable(logging.WARNING)


@app.task(name="noop")
def noop(language, beam_size, from_s, to_s):
    return None


done = 0
lock = threading.Lock()
finished = threading.Event()
started = [0.0]


@worker_ready.connect
def ready(**_):
    started[0] = time.perf_counter()


@task_postrun.connect
def count_one(**_):
    global done
    with lock:
        done += 1
        if done == count:
            finished.set()


with app.connection_for_write() as connection:
    producer = app.amqp.Producer(connection)
    noop.apply_async(("en", 5, 0, 180), producer=producer)
    began = time.perf_counter()
    for n in range(1, count):
        noop.apply_async(("en", 5, n, n + 180), producer=producer)
    published = time.perf_counter() - began


def work():
    app.worker_main(["worker", "--pool=threads", "--concurrency=8", "--without-gossip", "--without-mingle",
                     "--without-heartbeat", "--loglevel=CRITICAL"])


threading.Thread(target=work, daemon=True).start()
finished.wait()
print(published, time.perf_counter() - started[0], flush=True)
import os
os._exit(0)
