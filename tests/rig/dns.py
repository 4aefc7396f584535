#!/usr/bin/env python3
"""Asks a name server for TXT records: dns.py ADDRESS:PORT NAME. Prints one value a line."""

import secrets
import socket
import struct
import sys

TXT, IN = 16, 1


def txt(server, name):
    """The TXT values of a name, over TCP as Pebble asks."""
    host, port = server.split(":")
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    query = (struct.pack(">HHHHHH", secrets.randbits(16), 0x0100, 1, 0, 0, 0)
             + question + b"\0" + struct.pack(">HH", TXT, IN))
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">H", len(query)) + query)
        answer = connection.makefile("rb")
        message = answer.read(struct.unpack(">H", answer.read(2))[0])
    return list(values(message, len(query)))


def values(message, offset):
    """The values in the answer section, which begins where the question, sent back unchanged, ends."""
    for _ in range(struct.unpack(">H", message[6:8])[0]):
        offset = after_name(message, offset)
        kind, _, _, length = struct.unpack(">HHIH", message[offset : offset + 10])
        data = message[offset + 10 : offset + 10 + length]
        offset += 10 + length
        if kind == TXT:
            yield strings(data)


def after_name(message, offset):
    while message[offset]:
        if message[offset] & 0xC0:
            return offset + 2
        offset += 1 + message[offset]
    return offset + 1


def strings(data):
    text = b""
    while data:
        text += data[1 : 1 + data[0]]
        data = data[1 + data[0] :]
    return text.decode()


if __name__ == "__main__":
    print("\n".join(txt(*sys.argv[1:])))
