"""Asks over RARP which address a card has; prints the answer, or `silence`.

The arguments: the interface, the card that asks, the card that is asked about, seconds to wait.
"""

import socket
import sys

from frames import BROADCAST, RARP, Wire, arp

name, asks, about, seconds = sys.argv[1:]
wire = Wire(name, RARP)
wire.send(arp(RARP, BROADCAST, 3, (asks, "0.0.0.0"), (about, "0.0.0.0")))
frame = wire.receive(lambda frame: True, float(seconds))
if frame is None:
    print("silence")
else:
    operation = int.from_bytes(frame[20:22], "big")
    sender, target = socket.inet_ntoa(frame[28:32]), socket.inet_ntoa(frame[38:42])
    print(f"to {frame[:6].hex(':')} op {operation} from {frame[22:28].hex(':')} {sender}:", end=" ")
    print(f"{frame[32:38].hex(':')} is {target}")
