#!/usr/bin/env python3
"""A gateway without AMQP: takes commands from GET /v1/commands, answers them with POST /v1/events. Python's own library only.

  python3 samples/gateway.py [QUEUE]     beside `signalbox serve`; the settings SIGNALBOX_API__URL and SIGNALBOX_API__KEY name another place

A real gateway speaks and records where this one prints. It remembers the ids of commands: one may come again.
"""

import json, os, sys, urllib.parse, urllib.request, uuid

URL = os.environ.get("SIGNALBOX_API__URL", "http://127.0.0.1:8080")
KEY = os.environ.get("SIGNALBOX_API__KEY") or open("signalbox-data/api-key").read().strip()
QUEUE = sys.argv[1] if len(sys.argv) > 1 else "gateway.py"


def ask(path, body=None):
    headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(URL + path, data, headers))


def carry_out(command):
    print(command["type"], json.dumps(command["data"]), flush=True)
    results = {"call.talk": {}, "call.play": {}, "call.recording_stop": {"url": "file:///recording.wav"}, "message.send": {}}
    if command["type"] in results:
        answer = {"command_id": command["id"], "result": results[command["type"]]}
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "gateway.py",
                 "type": "command.completed", "subject": command["subject"], "data": answer}
        ask("/v1/events", event).read()


done, position, data = set(), None, ""
query = urllib.parse.urlencode({"queue": QUEUE, "types": "call.#,message.#"})
commands = ask("/v1/commands?" + query)
print("takes commands of", URL, "from the queue", QUEUE, flush=True)
for line in commands:
    field, _, value = line.decode().rstrip("\n").partition(": ")
    if field == "id":
        position = value
    elif field == "data":
        data += value
    elif field == "" and data:
        command, data = json.loads(data), ""
        if command["id"] not in done:
            carry_out(command)
            done.add(command["id"])
        # After it was done: what is not acknowledged comes again, also to the next life of this gateway.
        ask("/v1/commands/ack", {"queue": QUEUE, "through": int(position)}).read()
