#!/usr/bin/env python3
"""A gateway that uses only the documented AMQP interface, with pika.

gateway.py URL DIGIT      answers the commands of calls until one is hung up;
                          presses DIGIT while a prompt that listens for digits plays.
gateway.py URL DIGIT --ring SUBJECT FROM TO
                          also makes the call itself.

Prints every command's body as one line of JSON.
"""

import datetime
import json
import sys
import uuid

import pika


def main():
    url, digit = sys.argv[1], sys.argv[2]
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare("gateway.python", durable=True, arguments={"x-queue-type": "quorum"})
    for pattern in ("call.#", "message.#"):
        channel.queue_bind("gateway.python", "signalbox.commands", pattern)
    print(json.dumps({"type": "ready"}), flush=True)
    if "--ring" in sys.argv:
        subject, caller, called = sys.argv[sys.argv.index("--ring") + 1 :][:3]
        data = {"from": caller, "to": called, "direction": "incoming"}
        publish(channel, "call.incoming", subject, data)
    seen = set()
    for method, properties, body in channel.consume("gateway.python", inactivity_timeout=60):
        if method is None:
            sys.exit("no command came for a minute")
        command = json.loads(body)
        assert properties.message_id == command["id"], properties
        assert properties.headers["reference"] == command["subject"], properties
        assert properties.correlation_id == command["data"]["activeflow_id"], properties
        if command["id"] not in seen:
            seen.add(command["id"])
            print(json.dumps(command), flush=True)
            carry_out(channel, command, digit)
        channel.basic_ack(method.delivery_tag)
        if command["type"] == "call.hangup":
            break
    connection.close()


def carry_out(channel, command, digit):
    subject = command["subject"]
    if command["type"] in ("call.talk", "call.play"):
        if command["data"].get("digits_handle") == "next":
            publish(channel, "call.digits", subject, {"digits": digit})
        answer = {"command_id": command["id"], "result": {"played": True}}
        publish(channel, "command.completed", subject, answer)
    elif command["type"] == "call.hangup":
        publish(channel, "call.hangup", subject, {"reason": "normal"})


def publish(channel, kind, subject, data):
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "gateway.python",
        "type": kind,
        "subject": subject,
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    properties = pika.BasicProperties(
        message_id=event["id"],
        content_type="application/cloudevents+json",
        headers={"reference": subject},
        delivery_mode=2,
    )
    channel.basic_publish("signalbox.events", kind, json.dumps(event), properties)


if __name__ == "__main__":
    main()
