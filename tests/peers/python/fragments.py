"""Sends first and later fragments of datagrams that never become whole, from one forged source of each
family, at a bounded rate.

The arguments: the interface, how many, how many a second.
"""

import ipaddress
import struct
import sys
import time

from frames import IP, Wire, checksum, ip, mac

HOUSE, FLOODER = "10.77.0.2", "10.77.0.66"
HOUSE_V6, FLOODER_V6 = (ipaddress.ip_address(text).packed for text in ("fd77::2", "fd77::66"))
HOUSE_MAC, STATION = "02:00:00:00:00:05", "02:00:00:00:00:66"
BURST = 50

name, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data = bytes(range(200)) * 7


def v4(number):
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), number & 0xFFFF, 0x2000 | number % 3 * 175, 64, 17, 0)
    header += ip(FLOODER) + ip(HOUSE)
    return b"\x08\x00" + header[:10] + struct.pack("!H", checksum(header)) + header[12:] + data


def v6(number):
    header = struct.pack("!IHBB", 6 << 28, 8 + len(data), 44, 64) + FLOODER_V6 + HOUSE_V6
    return b"\x86\xdd" + header + struct.pack("!BBHI", 17, 0, number % 3 * 1400 | 1, number * 2654435761 & 0xFFFFFFFF) + data


wire = Wire(name, IP)
print("begun", flush=True)
begin = time.monotonic()
for number in range(count):
    if number % BURST == 0:
        time.sleep(max(0, begin + number / rate - time.monotonic()))
    wire.send(mac(HOUSE_MAC) + mac(STATION) + (v4, v6)[number % 2](number))
print(f"{count} sent in {time.monotonic() - begin:.1f} s")
