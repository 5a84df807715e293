"""TCP clients with the kernel's sockets: tcp.py WHAT ADDRESS [NUMBER]. Prints what it found, or fails."""

import hashlib
import socket
import struct
import sys
import threading

ECHO, DISCARD, CHARGEN = 7, 9, 19
CHUNK = 1 << 20
BASE = hashlib.shake_256(b"taphouse").digest(CHUNK)


def connect(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(100)
    sock.connect((address, port))
    return sock


def chunks(size):
    """A stream whose every mebibyte differs from the others."""
    for number, start in enumerate(range(0, size, CHUNK)):
        cut = number * 4099 % CHUNK
        yield (BASE[cut:] + BASE[:cut])[: size - start]


def read_to_end(sock):
    digest, length = hashlib.sha256(), 0
    while True:
        data = sock.recv(CHUNK)
        if not data:
            return digest.hexdigest(), length
        digest.update(data)
        length += len(data)


def both_ways(address, size):
    """Sends, ends its half, and reads what comes back until the other half ends."""
    sock = connect(address, ECHO)
    result = []
    reader = threading.Thread(target=lambda: result.append(read_to_end(sock)))
    reader.start()
    digest = hashlib.sha256()
    for chunk in chunks(size):
        digest.update(chunk)
        sock.sendall(chunk)
    sock.shutdown(socket.SHUT_WR)
    reader.join()
    sock.close()
    assert result == [(digest.hexdigest(), size)], f"{result} instead of {size} bytes"
    print(f"{size} bytes came back")


def half_close(address, _count):
    """The end of ours, with nothing behind it, still lets all come back."""
    for size in [0, 1, 1460, 100_000]:
        sock = connect(address, ECHO)
        data = b"".join(chunks(size))
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        came = b""
        while part := sock.recv(CHUNK):
            came += part
        assert came == data, f"{len(came)} of {size} came back"
        sock.close()
    print("all came back")


def at_once(address, count):
    """All are open before one is used."""
    socks = [connect(address, ECHO) for _ in range(count)]
    for number, sock in enumerate(socks):
        sock.sendall(b"%8d" % number * 1000)
    for number, sock in enumerate(socks):
        wanted = b"%8d" % number * 1000
        came = b""
        while len(came) < len(wanted):
            part = sock.recv(CHUNK)
            assert part, f"{number} ended early"
            came += part
        assert came == wanted, f"{number} got another's bytes"
    for sock in socks:
        sock.close()
    print(f"{count} at once")


def one_after_another(address, count):
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
        ports.write("1024 65535")
    for number in range(count):
        sock = connect(address, ECHO)
        sock.sendall(b"%8d" % number)
        came = sock.recv(100)
        assert came == b"%8d" % number, f"{came} from {number}"
        sock.close()
    print(f"{count} one after another")


def refused(address, _count):
    try:
        connect(address, 999)
    except ConnectionRefusedError:
        print("refused")
        return
    raise AssertionError("nobody listens, and somebody answers")


def reset(address, count):
    """Ends connections with resets, amid all that they bring."""
    for number in range(count):
        sock = connect(address, [ECHO, DISCARD, CHARGEN][number % 3])
        sock.sendall(b"x" * 10_000)
        if number % 3 == 2:
            sock.recv(100)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    print(f"{count} reset")


def idle(address, _count):
    """Open, and used, until it is killed."""
    sock = connect(address, ECHO)
    sock.sendall(BASE)
    came = 0
    while came < len(BASE):
        came += len(sock.recv(CHUNK))
    print("open", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
