"""A VLAN interface in user space, for kernels without one: frames of the new interface leave through the other one with
the VLAN's tag, and come back without it.

The arguments: the interface that carries the tags, the one to make, the VLAN. It prints `up` when it works.
"""

import fcntl
import os
import select
import socket
import struct
import sys

from frames import Wire

TUNSETIFF, IFF_TAP_NO_PI = 0x400454CA, 0x1002
SOL_PACKET, PACKET_AUXDATA, TAG_VALID = 263, 8, 1 << 4

carrier, name, vlan = sys.argv[1], sys.argv[2], int(sys.argv[3])
wire = Wire(carrier)
wire.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
print("up", flush=True)


def in_vlan(control):
    for level, kind, value in control:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, tci = struct.unpack("I", value[:4])[0], struct.unpack("H", value[16:18])[0]
            return bool(status & TAG_VALID) and tci & 0xFFF == vlan
    return False


while True:
    readable, _, _ = select.select([tap, wire.socket], [], [])
    if tap in readable:
        frame = os.read(tap, 65536)
        try:
            wire.socket.send(frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:])
        except OSError:
            break
    if wire.socket in readable:
        frame, control, _, source = wire.socket.recvmsg(65536, 256)
        if source[2] != socket.PACKET_OUTGOING and in_vlan(control):
            try:
                os.write(tap, frame)
            except OSError:
                # It is not up yet.
                pass
