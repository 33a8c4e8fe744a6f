#!/usr/bin/env python3
"""A gateway without AMQP: reads commands from GET /v1/commands and sends results to POST /v1/events. Standard library only.

  python3 samples/gateway.py [QUEUE]     connects to `signalbox serve` on this machine, or to SIGNALBOX_API__URL with SIGNALBOX_API__KEY

A real gateway speaks and records; this one prints. It remembers command ids, because a command may be redelivered.
"""

import json, os, sys, urllib.parse, urllib.request, uuid

URL = os.environ.get("SIGNALBOX_API__URL", "http://127.0.0.1:8080")
KEY = os.environ.get("SIGNALBOX_API__KEY") or open("signalbox-data/api-key").read().strip()
QUEUE = sys.argv[1] if len(sys.argv) > 1 else "gateway.py"


def request(path, body=None):
    headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(URL + path, data, headers))


def execute(command):
    print(command["type"], json.dumps(command["data"]), flush=True)
    results = {"call.talk": {}, "call.play": {}, "call.recording_stop": {"url": "file:///recording.wav"}, "message.send": {}}
    if command["type"] in results:
        answer = {"command_id": command["id"], "result": results[command["type"]]}
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "gateway.py",
                 "type": "command.completed", "subject": command["subject"], "data": answer}
        request("/v1/events", event).read()


done, position, data = set(), None, ""
query = urllib.parse.urlencode({"queue": QUEUE, "types": "call.#,message.#"})
commands = request("/v1/commands?" + query)
print("reading commands from", URL, "queue", QUEUE, flush=True)
for line in commands:
    field, _, value = line.decode().rstrip("\n").partition(": ")
    if field == "id":
        position = value
    elif field == "data":
        data += value
    elif field == "" and data:
        command, data = json.loads(data), ""
        if command["id"] not in done:
            execute(command)
            done.add(command["id"])
        # Acknowledge after the command is done: unacknowledged commands are redelivered, also after a restart.
        request("/v1/commands/ack", {"queue": QUEUE, "through": int(position)}).read()
