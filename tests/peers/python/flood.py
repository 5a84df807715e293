"""Asks the house for its addresses, over ARP and neighbour discovery, from many forged stations at a bounded rate.

The arguments: the interface, how many questions, how many a second.
"""

import ipaddress
import struct
import sys
import time

from frames import ARP, BROADCAST, Wire, arp, checksum, mac

HOUSE, HOUSE_V6 = "10.77.0.2", ipaddress.ip_address("fd77::2").packed
GROUP = ipaddress.ip_address("ff02::1:ff00:2").packed
ZERO = "00:00:00:00:00:00"
BURST = 100

name, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def station(number):
    return "02:01:" + number.to_bytes(4, "big").hex(":")


def who_has(number):
    return arp(ARP, BROADCAST, 1, (station(number), f"10.78.{number >> 8 & 255}.{number & 255}"), (ZERO, HOUSE))


def solicitation(number):
    source = ipaddress.ip_address(f"fd77::1:0:{number >> 16:x}:{number & 0xFFFF:x}").packed
    body = struct.pack("!BBHI", 135, 0, 0, 0) + HOUSE_V6 + b"\x01\x01" + mac(station(number))
    pseudo = source + GROUP + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    header = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + GROUP
    return mac("33:33:ff:00:00:02") + mac(station(number)) + b"\x86\xdd" + header + body


frames = [(who_has, solicitation)[number % 2](number) for number in range(count)]
wire = Wire(name, ARP)
begin = time.monotonic()
for number, frame in enumerate(frames):
    if number % BURST == 0:
        time.sleep(max(0, begin + number / rate - time.monotonic()))
    wire.send(frame)
print(f"{count} questions in {time.monotonic() - begin:.1f} s")
