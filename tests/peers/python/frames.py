"""Frames written and read by hand, through a packet socket."""

import socket
import struct
import time

IP, ARP, RARP = 0x0800, 0x0806, 0x8035
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    return socket.inet_aton(text)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def arp(kind, station, operation, sender, target):
    """An ARP or RARP packet in its frame; sender and target are an Ethernet and an IP address each."""
    packet = struct.pack("!HHBBH", 1, IP, 6, 4, operation)
    packet += mac(sender[0]) + ip(sender[1]) + mac(target[0]) + ip(target[1])
    return mac(station) + mac(sender[0]) + struct.pack("!H", kind) + packet


def datagram(station, source, destination, payload):
    """A UDP datagram in its frame; source is an Ethernet and an IP address and a port, destination the last two."""
    udp = struct.pack("!HHHH", source[2], destination[1], 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    header += ip(source[1]) + ip(destination[0])
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return mac(station) + mac(source[0]) + struct.pack("!H", IP) + header + udp


class Wire:
    def __init__(self, name, kind=3):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
        self.socket.bind((name, kind))

    def send(self, frame):
        self.socket.send(frame.ljust(60, b"\0"))

    def receive(self, wanted, seconds=10):
        """The next frame from the house that is wanted, or None."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame, (_, _, direction, _, _) = self.socket.recvfrom(65536)
            except TimeoutError:
                return None
            if direction != socket.PACKET_OUTGOING and wanted(frame):
                return frame
        return None
