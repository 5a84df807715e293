"""Claims the house's IPv4 address as its own; prints what the house says to that, or `silence`."""

import socket
import sys

from frames import ARP, BROADCAST, Wire, arp, ip, mac

name, station, house, address = sys.argv[1:]
wire = Wire(name, ARP)
wire.send(arp(ARP, BROADCAST, 2, (station, address), (BROADCAST, address)))
frame = wire.receive(lambda frame: frame[6:12] == mac(house) and frame[28:32] == ip(address), 3)
if frame is None:
    print("silence")
else:
    operation, target = int.from_bytes(frame[20:22], "big"), socket.inet_ntoa(frame[38:42])
    print(f"to {frame[:6].hex(':')} op {operation}: {target} is at {frame[22:28].hex(':')}")
