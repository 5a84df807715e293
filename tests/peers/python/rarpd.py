"""Answers one card's RARP question after it has let some pass; prints how many came.

The arguments: the interface, the card, its address, how many questions are let pass.
"""

import sys

from frames import RARP, Wire, arp, mac

name, card, address, deaf = sys.argv[1:]
wire = Wire(name, RARP)
for _ in range(int(deaf) + 1):
    question = wire.receive(lambda frame: frame[20:22] == b"\0\3" and frame[32:38] == mac(card), 60)
    assert question is not None, "nobody asks"
wire.send(arp(RARP, card, 4, ("02:00:00:00:00:fe", "10.77.0.1"), (card, address)))
print(f"{int(deaf) + 1} questions")
