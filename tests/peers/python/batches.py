"""Sends batches of datagrams to the echo service with UDP_SEGMENT, and compares what comes back.

The arguments: the address, and `one` or `joined`: whether the receiving socket takes them one by one or joined by
UDP_GRO. Datagrams of a batch come back in order; each tells by its bytes which one it is.
"""

import socket
import struct
import sys

SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104
address, receive = sys.argv[1:]
six = ":" in address
largest = 1452 if six else 1472
PAYLOAD = 65535 - 8 - (0 if six else 20)

sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
sock.settimeout(10)
sock.connect((address, 7))
if receive == "joined":
    sock.setsockopt(SOL_UDP, UDP_GRO, 1)

joined = 0


def arrivals():
    """The datagrams of the next arrival, cut where the kernel joined them."""
    global joined
    data, control, _, _ = sock.recvmsg(65536, 64)
    size = len(data)
    for level, kind, value in control:
        if (level, kind) == (SOL_UDP, UDP_GRO):
            size = struct.unpack("i", value[:4])[0]
    if size < len(data):
        joined += 1
    return [data[at : at + size] for at in range(0, len(data), size)] or [b""]


def pattern(length, seed):
    whole = bytes((at * 7 + seed) % 251 for at in range(251))
    return (whole * (length // 251 + 1))[:length]


def exchange(count, size, last):
    """A batch of count datagrams of size bytes, the last of which may be shorter."""
    sent = [pattern(size, number) for number in range(count - 1)] + [pattern(last, count)]
    sock.sendmsg([b"".join(sent)], [(SOL_UDP, UDP_SEGMENT, struct.pack("H", size))])
    got = []
    while len(got) < count:
        got += arrivals()
    assert got == sent, f"{count} of {size}, the last of {last}: {[len(part) for part in got]}"


batches = 0
sizes = [1, 2, 3, 7, 8, 64, 99, 100, 255, 256, 511, 512, 1000, 1023, 1024, 1279, 1400, largest - 1, largest]
for size in sizes:
    for count in sorted({1, 2, 3, 7, 16, 31, 43, 44, 45, 63, 64}):
        if count * size > PAYLOAD:
            continue
        for last in sorted({1, (size + 1) // 2, size - 1, size} - {0}):
            exchange(count, size, last)
            batches += 1
for count in range(1, 65):
    exchange(count, 1000, 1 + count * 13)
    batches += 1
if receive == "joined":
    assert joined > 0, "the kernel joined nothing"
print(f"{batches} batches, {joined} arrivals were joined: all came back")
