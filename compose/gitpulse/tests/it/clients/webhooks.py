"""Sends a delivery that another project's library signs, and reads what becomes of it with clients that know nothing of GitPulse.

Usage: webhooks.py WEBHOOK_URL SIGNING_TOKEN BROKERS TOPIC
Needs: standardwebhooks, kafka-python, cloudevents. Prints one line per library; exits non-zero on the first failure.
"""

import datetime
import json
import sys
import urllib.request

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from kafka import KafkaConsumer
from standardwebhooks import Webhook


def send(url, token):
    body = json.dumps({"object_kind": "push", "project_id": 42, "ref": "refs/heads/signed", "before": "a", "after": "b"})
    now = datetime.datetime.now(datetime.timezone.utc)
    headers = {
        "content-type": "application/json",
        "x-gitlab-event": "Push Hook",
        "x-gitlab-instance": "https://gitlab.example.com",
        "webhook-id": "signed-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(token).sign("signed-1", now, body),
    }
    request = urllib.request.Request(url, data=body.encode(), headers=headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200, answer.status
    print("standardwebhooks: ok")


def read(brokers, topic):
    consumer = KafkaConsumer(
        topic, bootstrap_servers=brokers, auto_offset_reset="earliest", group_id=f"{topic}.python", consumer_timeout_ms=60000
    )
    record = next(iter(consumer))
    consumer.close()
    print("kafka-python: ok")
    headers = {name: value for name, value in record.headers}
    event = from_kafka_event(KafkaMessage(headers=headers, key=record.key, value=record.value))
    assert event.get_type() == "gitlab.push", event.get_type()
    assert event.get_data()["ref"] == "refs/heads/signed", event.get_data()
    print("cloudevents: ok")


if __name__ == "__main__":
    send(sys.argv[1], sys.argv[2])
    read(sys.argv[3], sys.argv[4])
