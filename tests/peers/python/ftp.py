"""What Python's ftplib makes of our server: ftp.py WHAT ADDRESS SIZE"""

import ftplib
import hashlib
import io
import socket
import sys
import time

what, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])


def connect():
    ftp = ftplib.FTP(timeout=20)
    ftp.connect(address, 21)
    ftp.login()
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


def both_ways():
    for passive in (True, False):
        ftp = connect()
        ftp.set_pasv(passive)
        name = f"file-{passive}-{len(address)}"
        data = content(name)
        assert ftp.storbinary(f"STOR {name}", io.BytesIO(data)).startswith("226")
        assert fetched(ftp, f"RETR {name}") == data
        parts = []
        ftp.retrbinary(f"RETR {name}", parts.append, rest=1000)
        assert b"".join(parts) == data[1000:]
        assert ftp.size(name) == size
        assert name in ftp.nlst()
        facts = dict(ftp.mlsd())[name]
        assert facts["type"] == "file" and facts["size"] == str(size), facts
        lines = []
        ftp.retrlines("LIST", lines.append)
        assert any(line.endswith(" " + name) for line in lines), lines
        assert ftp.sendcmd(f"MFMT 20010203040506 {name}").startswith("213 Modify=20010203040506;")
        assert ftp.sendcmd(f"MDTM {name}") == "213 20010203040506"
        # Lines: LF here, CRLF on the wire.
        ftp.storlines("STOR text", io.BytesIO(b"one\r\ntwo\nthree\n"))
        assert fetched(ftp, "RETR text") == b"one\ntwo\nthree\n"
        ftp.sendcmd("TYPE A")
        parts = []
        with ftp.transfercmd("RETR text") as sock:
            while part := sock.recv(100):
                parts.append(part)
        ftp.voidresp()
        assert b"".join(parts) == b"one\r\ntwo\r\nthree\r\n"
        ftp.sendcmd("TYPE I")
        assert ftp.storbinary("APPE text", io.BytesIO(b"four")).startswith("226")
        assert fetched(ftp, "RETR text") == b"one\ntwo\nthree\nfour"
        ftp.mkd("folder \"q\"")
        assert ftp.cwd("folder \"q\"") and ftp.pwd() == "/folder \"q\""
        ftp.rename("/text", "moved")
        assert ftp.nlst() == ["moved"]
        ftp.delete("moved")
        ftp.cwd("..")
        ftp.rmd("folder \"q\"")
        ftp.delete(name)
        ftp.quit()
    print("both ways")


def interrupted():
    """Half of a file, then a reset: its name keeps what it was, and it can be continued."""
    ftp = connect()
    data = content("new")
    ftp.storbinary("STOR kept", io.BytesIO(b"old"))
    for name in ("kept", "none"):
        ftp.voidcmd("TYPE I")
        sock = ftp.transfercmd(f"STOR {name}")
        sock.sendall(data[: size // 2])
        time.sleep(0.5)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        sock.close()
        try:
            ftp.voidresp()
            raise AssertionError("226 for half of it")
        except ftplib.error_temp as why:
            assert str(why).startswith("426"), why
    assert fetched(ftp, "RETR kept") == b"old"
    assert code(ftp, "RETR none") == "550"
    assert sorted(ftp.nlst()) == ["kept"]
    ftp.voidcmd("TYPE I")
    there = ftp.size("none")
    assert 0 < there <= size // 2, there
    ftp.storbinary("STOR none", io.BytesIO(data[there:]), rest=there)
    assert fetched(ftp, "RETR none") == data
    ftp.delete("none")
    ftp.delete("kept")
    print("interrupted")


def refused():
    ftp = connect()
    own = "1,2,3,4" if ":" in address else "10,77,0,1"
    for command, expected in [
        ("CWD ..", "550"),
        ("RETR ../../etc/passwd", "550"),
        ("RETR /../etc/passwd", "550"),
        ("RETR /etc/passwd", "550"),
        ("RETR escape/passwd", "550"),
        ("CWD escape", "550"),
        ("RETR outside", "550"),
        ("RETR none", "550"),
        ("CWD none", "550"),
        ("RMD /", "550"),
        ("PORT 10,77,0,9,200,0", "522" if ":" in address else "504"),
        (f"PORT {own},0,25", "522" if ":" in address else "504"),
        ("EPRT |1|10.77.0.9|50000|", "522" if ":" in address else "504"),
        ("EPRT |2|fd77::9|50000|", "504" if ":" in address else "522"),
        ("PORT 1,2,3", "501"),
        ("RETR text.txt", "425"),
        ("SIZE a\0b", "501"),
        ("EPSV 3", "501"),
        ("NONSENSE", "500"),
        ("RNTO x", "503"),
        ("STRU R", "504"),
        ("MODE B", "504"),
        ("TYPE E", "504"),
        ("REST x", "501"),
        ("MFMT 20230230000000 text.txt", "501"),
        ("SIZE .text.txt.upload~", "553"),
        ("EPSV ALL", "200"),
        ("PASV", "503"),
        ("EPRT |1|10.77.0.1|50000|", "503"),
    ]:
        got = code(ftp, command)
        assert got == expected, (command, got, expected)
    # Neither UTF-8 nor without IAC.
    for raw in (b"SIZE a\xff\xffb\r\n", b"SIZE \xc3\x28\r\n"):
        ftp.sock.sendall(raw)
        assert ftp.getline().startswith("501"), raw
    # A mebibyte, and telnet's interrupt in front of a command.
    ftp.sock.sendall(b"A" * (1 << 20) + b"\r\n")
    assert ftp.getline().startswith("500")
    ftp.sock.sendall(b"\xff\xf4\xff\xf2ABOR\r\n")
    assert ftp.getline().startswith("226")
    # ABOR in the middle of a transfer, whose data nobody reads.
    ftp = connect()
    ftp.voidcmd("TYPE I")
    sock = ftp.transfercmd("RETR large")
    time.sleep(0.3)
    ftp.sock.sendall(b"ABOR\r\n")
    lines = [ftp.getline(), ftp.getline()]
    assert [line[:3] for line in lines] == ["426", "226"], lines
    sock.close()
    assert ftp.sendcmd("NOOP").startswith("200")
    # Somebody else's password.
    other = ftplib.FTP(timeout=20)
    other.connect(address, 21)
    assert code(other, "RETR text.txt") == "530"
    start = time.monotonic()
    assert code(other, "USER alice") == "331"
    assert code(other, "PASS wrong") == "530"
    assert time.monotonic() - start > 0.9
    start = time.monotonic()
    assert code(other, "USER alice") == "331"
    assert code(other, "PASS wrong") == "530"
    assert time.monotonic() - start > 1.9
    print("refused")


def read_only():
    ftp = connect()
    for command in ("STOR x", "APPE x", "STOU", "DELE text.txt", "MKD x", "RMD x", "RNFR text.txt", "SITE UTIME 20010203040506 text.txt",
                    "MFMT 20010203040506 text.txt"):
        assert code(ftp, command) == "550", command
    assert fetched(ftp, "RETR text.txt") == b"hello\n"
    print("read only")


def nobody_connects():
    ftp = connect()
    ftp.sendcmd("EPSV")
    assert code(ftp, "RETR text.txt") == "150"
    start = time.monotonic()
    ftp.sock.settimeout(60)
    assert ftp.getline().startswith("425")
    assert time.monotonic() - start > 25
    print("nobody connected")


def crowd():
    """So many clients at once, each with five files of its own and one that all fetch."""
    import concurrent.futures
    import threading

    together = threading.Barrier(size)

    def one(number):
        ftp = connect()
        together.wait(60)
        for file in range(5):
            data = hashlib.shake_128(f"{number} {file}".encode()).digest(10_000 + number)
            ftp.storbinary(f"STOR {number}-{file}", io.BytesIO(data))
            assert fetched(ftp, f"RETR {number}-{file}") == data
        common = hashlib.sha256(fetched(ftp, "RETR common")).hexdigest()
        ftp.quit()
        return common

    threading.stack_size(256 << 10)
    with concurrent.futures.ThreadPoolExecutor(size) as pool:
        hashes = set(pool.map(one, range(size)))
    assert len(hashes) == 1, hashes
    print(f"{size} at once")


def upload_for_ever():
    """Many uploads, of which those that got 226 are named."""
    import threading

    def one(number):
        try:
            ftp = connect()
            for file in range(10_000):
                name = f"{number}-{file % 5}"
                data = hashlib.shake_128(f"{name} {file}".encode()).digest(200_000)
                ftp.storbinary(f"STOR {name}", io.BytesIO(data))
                print(f"stored {name} {hashlib.sha256(data).hexdigest()}", flush=True)
        except (OSError, EOFError, ftplib.Error):
            pass

    threads = [threading.Thread(target=one, args=(number,)) for number in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def full():
    """A file that does not fit: over one that is there, and under a new name."""
    ftp = connect()
    ftp.storbinary("STOR old", io.BytesIO(b"old"))
    for name in ("old", "new"):
        try:
            ftp.storbinary(f"STOR {name}", io.BytesIO(content(name)))
            raise AssertionError("226 for what does not fit")
        except ftplib.error_temp as why:
            assert str(why).startswith("452"), why
        except ConnectionError:
            # It was told while we were still sending.
            assert ftp.getline().startswith("452")
    assert fetched(ftp, "RETR old") == b"old"
    assert ftp.nlst() == ["old"]
    print("full")


def under_tls():
    for passive in (True, False):
        ftp = ftplib.FTP_TLS(timeout=20)
        ftp.connect(address, 21)
        assert code(ftp, "PROT P") == "503"
        ftp.login()
        for command, expected in [("PROT P", "503"), ("PBSZ x", "501"), ("PBSZ 0", "200"), ("PROT S", "536"), ("PROT X", "504"),
                                  ("CCC", "534"), ("AUTH TLS", "503")]:
            assert code(ftp, command) == expected, command
        ftp.prot_p()
        ftp.set_pasv(passive)
        data = content("tls")
        assert ftp.storbinary("STOR tls", io.BytesIO(data)).startswith("226")
        assert fetched(ftp, "RETR tls") == data
        assert "tls" in ftp.nlst() and "tls" in dict(ftp.mlsd())
        # An end that TLS did not say is no end: nothing of it has a name.
        sock = ftp.transfercmd("STOR cut")
        sock.sendall(data[:100_000])
        raw = socket.socket(fileno=sock.detach())
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(20)
        try:
            while raw.recv(1000):
                pass
        except ConnectionError:
            pass
        raw.close()
        try:
            ftp.voidresp()
            raise AssertionError("226 for what was cut")
        except ftplib.error_temp as why:
            assert str(why).startswith("426"), why
        assert "cut" not in ftp.nlst()
        # The client says TLS, and talks nonsense.
        with ftplib.FTP.ntransfercmd(ftp, "RETR tls")[0] as sock:
            sock.sendall(b"nonsense" * 1000)
            assert ftp.getline()[:3] in ("425", "426")
        ftp.delete("tls")
        ftp.close()
    print("under tls")


def injected():
    """Commands that somebody puts behind AUTH in the clear are not obeyed under TLS."""
    import ssl

    for behind in (b"DELE kept\r\n", b"DELE kept\r\n" * 1000):
        sock = socket.create_connection((address, 21), timeout=20)
        assert sock.recv(1000).startswith(b"220")
        sock.sendall(b"USER anonymous\r\n")
        assert sock.recv(1000).startswith(b"331")
        sock.sendall(b"PASS x\r\n")
        assert sock.recv(1000).startswith(b"230")
        sock.sendall(b"AUTH TLS\r\n" + behind)
        assert sock.recv(1000).startswith(b"234")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with context.wrap_socket(sock) as secure:
                # The login in the clear does not count any more either.
                secure.sendall(b"DELE kept\r\nNOOP\r\n")
                said = b""
                while said.count(b"\r\n") < 2:
                    said += secure.recv(1000)
                assert said.startswith(b"530 ") and b"\r\n200 " in said, said
        except (ssl.SSLError, ConnectionError):
            # What does not come in one piece breaks the handshake instead.
            assert len(behind) > 100
    print("not injected")


globals()[what]()
