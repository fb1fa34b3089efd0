#!/usr/bin/env python3
"""Gauntlet client of Redis: a register is a string key; cas is WATCH, GET, MULTI, SET, EXEC."""
import json, socket, sys, time

class Refused(Exception): """Redis answered with an error: certainly nothing happened."""

class Connection:
    def __init__(self, address, deadline):
        host, port = address.rsplit(":", 1)
        self.address, self.deadline = address, deadline
        self.socket = socket.create_connection((host, int(port)), deadline - time.monotonic())
        self.file = self.socket.makefile("rb")

    def call(self, *words):
        words = [str(word).encode() for word in words]
        text = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.socket.settimeout(max(0.001, self.deadline - time.monotonic()))
        self.socket.sendall(b"*%d\r\n%s" % (len(words), text))
        return self.answer()

    def answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"): raise ConnectionError("closed in the middle of an answer")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-": raise Refused(rest)
        if kind == b"+": return rest
        if kind == b":": return int(rest)
        if kind not in b"$*": raise ValueError("no Redis: %r" % line[:40])
        if rest == "-1": return None
        if kind == b"$": return self.file.read(int(rest) + 2)[:-2].decode()
        return [self.answer() for _ in range(int(rest))]

    def do(self, kind, key, asked):
        if kind == "cas": self.call("WATCH", key)
        if self.call("ROLE")[0] != "master": raise Refused("a replica, which may lag behind")
        if kind == "write": return self.call("SET", key, asked["value"]) and {}
        value = self.call("GET", key)
        value = None if value is None else int(value)
        if kind == "read": return {"value": value}
        if value != asked["expected"]: return {"swapped": False, "current": value}
        self.call("MULTI")
        self.call("SET", key, asked["value"])
        if self.call("EXEC") is None: raise Refused("the key changed meanwhile")
        return {"swapped": True}

connection = None
for line in sys.stdin:
    request = json.loads(line)
    reply = {"id": request["id"], "outcome": "ok"}
    deadline = time.monotonic() + request["timeoutMs"] / 1000
    try:
        if connection is None or connection.address != request["address"]:
            connection = Connection(request["address"], deadline)
        connection.deadline = deadline
        reply["output"] = connection.do(request["kind"], request["key"], request["input"])
    except Exception as error:
        reply.update(outcome="fail" if isinstance(error, Refused) else "info", error=repr(error))
        connection = None  # not to be used again: it may have an answer yet to give
    print(json.dumps(reply), flush=True)
