"""A made-up neighbour asks for characters, moves to another card, announces that, and asks again."""

import sys

from frames import ARP, BROADCAST, IP, Wire, arp, datagram, ip, mac

HOUSE, HOUSE_IP = "02:00:00:00:00:05", "10.77.0.2"
NEIGHBOUR, FIRST, SECOND = "10.77.0.50", "02:00:00:00:00:51", "02:00:00:00:00:52"

wire = Wire(sys.argv[1])


def ask(station):
    wire.send(datagram(HOUSE, (station, NEIGHBOUR, 4000), (HOUSE_IP, 19), b"?"))


def characters(frame):
    return frame[12:14] == IP.to_bytes(2, "big") and frame[23] == 17 and frame[34:36] == b"\0\x13"


ask(FIRST)
question = wire.receive(lambda frame: frame[12:14] == ARP.to_bytes(2, "big") and frame[38:42] == ip(NEIGHBOUR))
assert question is not None, "the house does not ask for a neighbour that it does not know"
wire.send(arp(ARP, HOUSE, 2, (FIRST, NEIGHBOUR), (HOUSE, HOUSE_IP)))
answer = wire.receive(characters)
assert answer is not None and answer[:6] == mac(FIRST), answer
print("first")

wire.send(arp(ARP, BROADCAST, 1, (SECOND, NEIGHBOUR), (BROADCAST, NEIGHBOUR)))
ask(SECOND)
answer = wire.receive(characters)
assert answer is not None and answer[:6] == mac(SECOND), answer
print("second")
