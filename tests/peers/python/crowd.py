"""As many hosts on one wire as it is told, each with a station of its own: each asks for characters, and answers ARP. Twice."""

import sys

import frames

NAME, COUNT, TARGET = sys.argv[1], int(sys.argv[2]), sys.argv[3]
# At once: as many as may wait for their neighbour, and far fewer than the socket holds.
AT_ONCE = 128

wire = frames.Wire(NAME)
wire.socket.setsockopt(frames.socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE


def station(number):
    return "02:00:00:%02x:%02x:%02x" % (number >> 16, number >> 8 & 255, number & 255)


def address(number):
    return "10.78.%d.%d" % (number >> 8, number & 255)


def number_of(raw):
    return raw[2] << 8 | raw[3]


wire.send(frames.arp(frames.ARP, frames.BROADCAST, 1, (station(0), address(0)), ("00:00:00:00:00:00", TARGET)))
answer = wire.receive(lambda frame: frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2")
house = ":".join("%02x" % byte for byte in answer[6:12])

for turn in range(2):
    answered = asked = 0
    for first in range(1, COUNT + 1, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, COUNT + 1))
        waiting = set(numbers)
        for number in numbers:
            source = (station(number), address(number), 4000)
            wire.send(frames.datagram(house, source, (TARGET, 19), b"?"))
        while waiting:
            frame = wire.receive(lambda frame: frame[6:12] == frames.mac(house))
            if frame is None:
                sys.exit("no answer to %d" % min(waiting))
            # What it announces of itself asks nobody.
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:40] == b"\x0a\x4e":
                # The RFC's probe of a neighbour that is known is for its station alone.
                asked += frame[:6] == b"\xff" * 6
                number = number_of(frame[38:42])
                own = (station(number), address(number))
                wire.send(frames.arp(frames.ARP, house, 2, own, (house, TARGET)))
            elif frame[12:14] == b"\x08\x00" and frame[23] == 17:
                number = number_of(frame[30:34])
                if number not in waiting or frame[:6] != frames.mac(station(number)):
                    sys.exit("a wrong answer to %d" % number)
                waiting.remove(number)
                answered += 1
    print("%d answered, %d asked for" % (answered, asked))
