"""Asks the house for connections, from many forged peers at a bounded rate, and completes none.

The arguments: the interface, the port, how many SYNs, how many a second. Says `full` after the first 20,000.
"""

import socket
import struct
import sys
import time

from frames import IP, Wire, checksum, ip, mac

HOUSE = "10.77.0.2"
BURST = 100
FIRST = 20_000

name, port, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])


def house():
    """Its Ethernet address: the kernel asks when it has something to send."""
    with socket.create_connection((HOUSE, port), 10) as sock:
        sock.getpeername()
    with open("/proc/net/arp") as table:
        return next(words[3] for words in map(str.split, table) if words[0] == HOUSE)


ETHERNET = mac(house()) + mac("02:01:00:00:00:01") + struct.pack("!H", IP)
# Maximum segment size, selective acknowledgment, timestamps, window scale.
OPTIONS = bytes.fromhex("020405b4 0402080a 00000009 00000000 01030307")


def syn(number):
    """From one of 2¹⁶ addresses, each with many ports."""
    source = ip(f"10.78.{number >> 8 & 255}.{number & 255}")
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 60, 0, 0x4000, 64, 6, 0, source, ip(HOUSE))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    segment = struct.pack("!HHIIBBHHH", 10_000 + (number >> 16), port, number * 7919, 0, 0xA0, 2, 65535, 0, 0) + OPTIONS
    pseudo = source + ip(HOUSE) + struct.pack("!HH", 6, len(segment))
    segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
    return ETHERNET + header + segment


wire = Wire(name, IP)
begin = time.monotonic()
refused = 0
for number in range(count):
    if number % BURST == 0:
        time.sleep(max(0, begin + number / rate - time.monotonic()))
    if number == FIRST:
        print("full", flush=True)
    try:
        wire.send(syn(number))
    except OSError:
        refused += 1
print(f"{count - refused} sent", flush=True)
