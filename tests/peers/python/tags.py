"""Asks over ARP in frames with different tags; prints the VLAN of each answer, or `silence`.

The arguments: the interface, then for each question its tag, or `none`.
"""

import socket
import struct
import sys
import time

from frames import ARP, BROADCAST, Wire, arp

SOL_PACKET, PACKET_AUXDATA = 263, 8
TAG_VALID = 1 << 4
STATION = "02:00:00:00:00:51"

name, *tags = sys.argv[1:]
wire = Wire(name)
wire.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)


def answer(seconds):
    """The VLAN in which the next ARP reply to us comes."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        wire.socket.settimeout(left)
        try:
            frame, control, _, source = wire.socket.recvmsg(2048, 256)
        except TimeoutError:
            break
        if source[2] == socket.PACKET_OUTGOING or frame[:6] != bytes.fromhex(STATION.replace(":", "")):
            continue
        for level, kind, value in control:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, tci = struct.unpack("I", value[:4])[0], struct.unpack("H", value[16:18])[0]
                return f"tag {tci}" if status & TAG_VALID else "no tag"
    return "silence"


for tag in tags:
    frame = arp(ARP, BROADCAST, 1, (STATION, "10.77.0.50"), ("00:00:00:00:00:00", "10.77.0.2"))
    if tag != "none":
        frame = frame[:12] + b"\x81\0" + struct.pack("!H", int(tag, 0)) + frame[12:]
    wire.send(frame)
    print(f"{tag}: {answer(1)}")
