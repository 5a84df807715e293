"""Clients of our FTP server that break off, stand still or look where they should not: ftp_hostile.py WHAT ADDRESS SIZE"""

import ftplib
import hashlib
import io
import select
import socket
import sys
import threading
import time

what, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])


def connect():
    ftp = ftplib.FTP(timeout=20)
    ftp.connect(address, 21)
    ftp.login()
    ftp.voidcmd("TYPE I")
    return ftp


def content(seed):
    return hashlib.shake_128(str(seed).encode()).digest(size)


def fetched(ftp, command):
    parts = []
    ftp.retrbinary(command, parts.append)
    return b"".join(parts)


def code(ftp, command):
    """The code of the answer, whatever it is."""
    try:
        return ftp.sendcmd(command)[:3]
    except (ftplib.error_perm, ftplib.error_temp) as why:
        return str(why)[:3]


def codes(ftp, count):
    return [ftp.getmultiline()[:3] for _ in range(count)]


def port(ftp):
    return ftplib.parse229(ftp.sendcmd("EPSV"), ftp.sock.getpeername())[1]


def abor(ftp):
    ftp.sock.sendall(b"ABOR\r\n")


def abor_as_telnet(ftp):
    """As RFC 959 §4.1.3 has it: interrupt, and a data mark that is urgent."""
    ftp.sock.sendall(b"\xff\xf4\xff", socket.MSG_OOB)
    ftp.sock.sendall(b"\xf2ABOR\r\n")


def aborted():
    old, new = b"old", content("new")
    for interrupt in (abor, abor_as_telnet):
        ftp = connect()

        def works():
            """Nothing is left of what was aborted, and nothing is owed."""
            assert ftp.sendcmd("NOOP").startswith("200")
            assert fetched(ftp, "RETR kept") == old
            assert sorted(ftp.nlst()) == ["kept", "large"]
            # ftplib lists in TYPE A and stays there: line ends of what is stored next would be converted.
            ftp.voidcmd("TYPE I")

        ftp.storbinary("STOR kept", io.BytesIO(old))
        # Nothing at all; and a port that somebody was expected at.
        interrupt(ftp)
        assert codes(ftp, 1) == ["226"]
        works()
        unused = port(ftp)
        interrupt(ftp)
        assert codes(ftp, 1) == ["226"]
        try:
            socket.create_connection((address, unused), timeout=5).recv(1)
            raise AssertionError("nobody is expected there any more")
        except ConnectionError:
            pass
        works()
        # Before there is a data connection.
        for command in ("RETR large", "STOR kept", "APPE kept", "LIST"):
            port(ftp)
            assert code(ftp, command) == "150"
            interrupt(ftp)
            assert codes(ftp, 2) == ["426", "226"], command
            works()
        # With one, and nothing on it.
        for command in ("STOR kept", "APPE kept", "STOR none"):
            sock = ftp.transfercmd(command)
            interrupt(ftp)
            assert codes(ftp, 2) == ["426", "226"], command
            sock.close()
            works()
        # In the middle.
        sock = ftp.transfercmd("RETR large")
        sock.recv(100_000)
        interrupt(ftp)
        assert codes(ftp, 2) == ["426", "226"]
        sock.close()
        works()
        sock = ftp.transfercmd("STOR kept")
        sock.sendall(new)
        interrupt(ftp)
        assert codes(ftp, 2) == ["426", "226"]
        sock.close()
        works()
        # When all was sent, and is perhaps being given its name: it is there if and only if that was said.
        for number in range(20):
            sock = ftp.transfercmd("STOR kept")
            sock.sendall(new)
            sock.close()
            time.sleep(number / 2000)
            interrupt(ftp)
            lines = [ftp.getmultiline() for _ in range(2)]
            first, last = [line[:3] for line in lines]
            assert first in ("226", "426") and last == "226", lines
            got = fetched(ftp, "RETR kept")
            assert got == (new if first == "226" else old), (number, lines, len(got))
            ftp.storbinary("STOR kept", io.BytesIO(old))
        # After the end.
        ftp.storbinary("STOR kept", io.BytesIO(old))
        interrupt(ftp)
        assert codes(ftp, 1) == ["226"]
        works()
        # Nobody listens where we are to connect.
        with socket.socket(ftp.af) as nobody:
            nobody.bind((ftp.sock.getsockname()[0], 0))
            ftp.sendeprt(*nobody.getsockname()[:2])
            assert code(ftp, "RETR kept") == "150"
            assert codes(ftp, 1) == ["425"]
        works()
        ftp.delete("kept")
        ftp.quit()
    print("aborted")


def stalled():
    """Readers that read nothing, and writers of a byte a second, beside somebody who works."""
    held, slow, talkers = [], [], []
    for number in range(200):
        ftp = connect()
        held.append((ftp, ftp.transfercmd("RETR large")))
    for number in range(20):
        ftp = connect()
        slow.append((ftp, ftp.transfercmd(f"STOR slow{number}")))
        talkers.append(connect())
    over, bytes_each = threading.Event(), 0

    def dribble():
        nonlocal bytes_each
        while not over.wait(1):
            for _, sock in slow:
                sock.sendall(b"x")
            for ftp in talkers:
                ftp.sock.sendall(b"X")
            bytes_each += 1

    thread = threading.Thread(target=dribble)
    thread.start()
    time.sleep(3)
    ftp = connect()
    for number in range(4):
        data, start = content(number), time.monotonic()
        ftp.storbinary("STOR good", io.BytesIO(data))
        assert fetched(ftp, "RETR good") == data
        took = time.monotonic() - start
        assert took < 10, took
        assert "good" in ftp.nlst()
    over.set()
    thread.join()
    ftp.delete("good")
    ftp.voidcmd("TYPE I")
    for number, (other, sock) in enumerate(slow):
        sock.close()
        assert other.voidresp().startswith("226")
        assert ftp.size(f"slow{number}") == bytes_each
        ftp.delete(f"slow{number}")
    for talker in talkers:
        talker.sock.sendall(b"\r\n")
        assert talker.getline().startswith("500")
    # What was not read is still all there.
    other, sock = held[100]
    digest = hashlib.sha256()
    while part := sock.recv(1 << 20):
        digest.update(part)
    sock.close()
    assert other.voidresp().startswith("226")
    for other, sock in held:
        sock.close()
        other.close()
    print("stalled", digest.hexdigest())


def acknowledged():
    """226 comes when the client's TCP has all of it, and not before."""
    ftp = connect()
    ftp.storbinary("STOR small", io.BytesIO(content("small")))
    with socket.socket(ftp.af) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect((address, port(ftp)))
        assert code(ftp, "RETR small") == "150"
        assert select.select([ftp.sock], [], [], 1.5)[0] == []
        got = b""
        while part := sock.recv(100_000):
            got += part
    assert got == content("small")
    assert ftp.voidresp().startswith("226")
    # Whoever goes before that is not told that it has it.
    sock = socket.socket(ftp.af)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((address, port(ftp)))
    assert code(ftp, "RETR small") == "150"
    time.sleep(0.3)
    sock.close()
    assert codes(ftp, 1) == ["426"]
    ftp.delete("small")
    print("acknowledged")


def links():
    ftp = connect()
    lines = []
    ftp.retrlines("LIST", lines.append)
    for line in ("link.txt -> text.txt", "there -> folder"):
        assert any(one.startswith("lrwx") and one.endswith(" " + line) for one in lines), lines
    assert any(" escape -> " in line for line in lines), lines
    kinds = {name: facts["type"] for name, facts in ftp.mlsd()}
    assert kinds["link.txt"] == "OS.unix=slink:text.txt" and kinds["text.txt"] == "file", kinds
    assert kinds["outside"].startswith("OS.unix=slink:/"), kinds
    ftp.voidcmd("TYPE I")
    # Inside they lead where they lead.
    assert fetched(ftp, "RETR link.txt") == b"hello\n"
    assert code(ftp, "CWD there") == "250" and ftp.nlst() == ["inner"]
    ftp.cwd("/")
    ftp.voidcmd("TYPE I")
    assert code(ftp, "SIZE link.txt") == "213"
    for command in ("RETR outside", "SIZE outside", "MDTM outside", "APPE outside", "MLST outside", "CWD escape", "RETR escape/secret",
                    "MLSD escape", "STOR escape/new", "DELE escape/secret", "MKD escape/new", "RNFR escape/secret"):
        if command.split()[0] in ("RETR", "STOR"):
            with socket.create_connection((address, port(ftp)), timeout=5):
                got = code(ftp, command)
                # An upload finds out when it begins.
                got = codes(ftp, 1)[0] if got == "150" else got
        else:
            got = code(ftp, command)
        assert got == "550", (command, got)
    # It is the link that is replaced and removed.
    ftp.storbinary("STOR outside", io.BytesIO(b"ours"))
    assert fetched(ftp, "RETR outside") == b"ours"
    ftp.delete("outside")
    ftp.delete("escape")
    print("links")


globals()[what]()
