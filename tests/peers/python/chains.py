"""Sends echo requests behind every chain of up to four IPv6 extension headers, in every order, good and bad, and compares each answer
with the one that the RFCs ask for.

The arguments: the interface, the Ethernet address of who is asked, and whether it takes each chain from a source of its own
("many", so that its limit of errors is not met) or from one ("one"). Who is asked has the address fd77::2.
"""

import collections
import ipaddress
import itertools
import struct
import sys
import time

from frames import Wire, checksum, mac

IPV6, ICMPV6 = 0x86DD, 58
HOUSE = ipaddress.ip_address("fd77::2").packed
STATION = "02:00:00:00:00:99"
# Each header by a letter: its number and what it is.
HEADERS = {
    "H": (0, "hop-by-hop options"),
    "D": (60, "destination options"),
    "d": (60, "destination options with one that must be known"),
    "s": (60, "destination options with one for which silence is asked"),
    "o": (60, "destination options with one that goes on behind the end"),
    "L": (60, "destination options that go on behind the end of the packet"),
    "R": (43, "routing, no segments left"),
    "r": (43, "routing, a segment left"),
    "F": (44, "atomic fragment"),
    "A": (51, "AH"),
    "E": (50, "ESP"),
    "N": (59, "no next header"),
    "U": (253, "a header that nobody knows"),
}
# What begins behind these is not looked at.
ENDS = {"A", "E", "N", "s", "L"}


def header(kind, following):
    start = bytes([following])
    if kind in "HD":
        return start + bytes([0, 1, 4, 0, 0, 0, 0])
    if kind in "ds":
        return start + bytes([0, 1, 0, 0x9E if kind == "d" else 0x5E, 2, 0, 0])
    if kind == "o":
        return start + bytes([0, 1, 0, 1, 9, 0, 0])
    if kind == "L":
        return start + bytes([255, 1, 4, 0, 0, 0, 0])
    if kind in "Rr":
        return start + bytes([0, 253, kind == "r", 0, 0, 0, 0])
    if kind == "F":
        return start + bytes([0, 0, 0]) + b"\1\2\3\4"
    return start + bytes([4, 0, 0]) + b"\0\0\1\0" + b"\0\0\0\1" + bytes(12)


def expected(chain):
    """The answer of the first header that does not let the packet pass, and which that is (RFC 8200 §4, RFC 4443 §3.4, RFC 4302
    §3.4.2, RFC 4303 §3.4.2)."""
    position, field = 40, 6
    for count, kind in enumerate(chain):
        if kind == "H" and count > 0:
            return ("problem", 1, field), kind
        if kind == "d":
            return ("problem", 2, position + 4), kind
        if kind == "r":
            return ("problem", 0, position + 2), kind
        if kind == "o":
            return ("problem", 0, position + 4), kind
        if kind == "U":
            return ("problem", 1, field), kind
        if kind in ENDS:
            return ("silence",), kind
        field = position
        position += len(header(kind, 0))
    return ("reply",), "echo"


def packet(number, chain, source):
    following = [HEADERS[kind][0] for kind in chain[1:]] + [ICMPV6]
    between = b"".join(header(kind, after) for kind, after in zip(chain, following))
    body = struct.pack("!BBHHH", 128, 0, 0, 0x77, number) + b"chain"
    pseudo = source + HOUSE + struct.pack("!II", len(body), ICMPV6)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    payload = between + body
    first = HEADERS[chain[0]][0] if chain else ICMPV6
    return struct.pack("!IHBB", 6 << 28, len(payload), first, 64) + source + HOUSE + payload


def answer(frame):
    """The number of the chain that a frame answers, and how."""
    if frame[12:14] != b"\x86\xdd" or frame[20] != ICMPV6 or frame[:6] != mac(STATION):
        return None
    message = frame[54:]
    if message[0] == 129:
        return struct.unpack("!H", message[6:8])[0], ("reply",)
    if message[0] == 4:
        quoted = message.rfind(b"chain")
        number = struct.unpack("!H", message[quoted - 2:quoted])[0]
        return number, ("problem", message[1], struct.unpack("!I", message[4:8])[0])
    return None


name, house, sources = sys.argv[1:4]
chains = [chain for length in range(5) for chain in itertools.product(HEADERS, repeat=length)]
wire = Wire(name, IPV6)
got = {}


def collect(seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        frame = wire.receive(lambda frame: answer(frame) is not None, left)
        if frame is not None:
            number, what = answer(frame)
            got[number] = what if number not in got else ("twice",)


for number, chain in enumerate(chains):
    source = ipaddress.ip_address("fd77::99").packed
    if sources == "many":
        source = source[:12] + struct.pack("!I", 0x10000 + number)
    wire.send(mac(house) + mac(STATION) + b"\x86\xdd" + packet(number, chain, source))
    if number % 20 == 19:
        # The kernel limits its errors to all to a thousand a second.
        collect(0.01 if sources == "many" else 0.04)
collect(1)

differences = collections.Counter()
for number, chain in enumerate(chains):
    (wanted, judge), what = expected(chain), got.get(number, ("silence",))
    if wanted != what:
        difference = (judge, wanted[:2], what[:2])
        differences[difference] += 1
        if differences[difference] == 1:
            print(f"for example {' '.join(chain)}: {wanted} expected, {what} came")
for (judge, wanted, what), count in sorted(differences.items()):
    meaning = HEADERS[judge][1] if judge in HEADERS else "the echo request"
    print(f"{count} chains that end with {meaning}: {wanted} expected, {what} came")
print(f"{len(chains)} chains, {sum(differences.values())} answers differ")
