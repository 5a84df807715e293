"""Says to a mail server what is meant to confuse it, and compares each answer with what the RFCs want.

The arguments: the server's address, the directory of all mailboxes, and `mend` when line ends are mended.
"""

import os
import socket
import ssl
import sys
import time

address, mail = sys.argv[1:3]
mends = len(sys.argv) > 3
ENVELOPE = b"EHLO client.there.test\r\nMAIL FROM:<carol@there.test>\r\nRCPT TO:<alice@here.test>\r\n"


class Client:
    def __init__(self, port=25):
        self.sock = socket.create_connection((address, port), timeout=20)
        self.text = b""
        self.expect(220)

    def reply(self):
        while True:
            lines = self.text.split(b"\r\n")
            for number, line in enumerate(lines[:-1]):
                if line[3:4] == b" ":
                    self.text = b"\r\n".join(lines[number + 1 :])
                    return line.decode()
            data = self.sock.recv(65536)
            if not data:
                return "gone"
            self.text += data

    def expect(self, *codes):
        for code in codes:
            got = self.reply()
            assert got.startswith(str(code)), (code, got)

    def say(self, data, *codes):
        self.sock.sendall(data)
        self.expect(*codes)

    def data(self):
        self.say(ENVELOPE, 250, 250, 250)
        self.say(b"DATA\r\n", 354)


def stored(box="alice"):
    folder = os.path.join(mail, box, "new")
    texts = []
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            texts.append(file.read())
    return texts


# One message is one message, whatever is in it.
hidden = b"MAIL FROM:<eve@there.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\nfrom eve\r\n.\r\n"
for end in [
    b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\r\n",
    b"\n.\r", b"\r.\n",
]:
    client = Client()
    client.data()
    before = len(stored())
    client.sock.sendall(b"Subject: x\r\n\r\nbefore" + end + hidden)
    nul = b"\0" in end
    client.expect("250" if mends and not nul else "550 5.6.0" if nul else "550 5.6.11")
    # What is hidden is no command: the next answer is that to the next one.
    client.say(b"VRFY nobody\r\n", 252)
    assert len(stored("bob")) == 0
    assert len(stored()) == before + (1 if mends and not nul else 0)
if mends:
    for text in stored():
        assert b"\n" not in text.replace(b"\r\n", b"") and b"\r" not in text.replace(b"\r\n", b"")
    print("all is well")
    sys.exit()

# A command ends with CR and LF, and is text.
client = Client()
client.say(b"EHLO a\nMAIL FROM:<x@y>\r\n", "500 5.5.2")
client.say(b"NOOP\0\r\n", "500 5.5.2")
client.say(b"NO\rOP\r\n", "500 5.5.2")
client.say(b"\xff\xfe\r\n", "500 5.5.2")
client.say(b"XYZZY\r\n", "500 5.5.2")
client.say(b"NOOP " + b"A" * (1 << 20) + b"\r\n", "500 5.5.2")
client.say(b"NOOP\r\n", 250)
for _ in range(19):
    client.say(b"XYZZY\r\n", "500 5.5.2")
client.say(b"XYZZY\r\n", "500 5.5.2", "421 4.7.0")
assert client.reply() == "gone"

# The order of things.
client = Client()
for command, code in [
    (b"MAIL FROM:<a@b>", 503), (b"RCPT TO:<alice@here.test>", 503), (b"DATA", 503), (b"BDAT 0 LAST", 503),
    (b"EHLO", 501), (b"AUTH PLAIN AAAA", 503), (b"EHLO x", 250), (b"AUTH PLAIN AAAA", "538 5.7.11"),
    (b"RCPT TO:<alice@here.test>", 503), (b"MAIL FROM:a@b", 501), (b"MAIL FROM:<a b>", 501), (b"MAIL FROM:<a@b> FOO=1", 555),
    (b"MAIL FROM:<a@b> REQUIRETLS", 555), (b"MAIL FROM:<a@b> HOLDFOR=60", 555),
    (b"MAIL FROM:<a@b> SIZE=999999999999", "552 5.3.4"), ("MAIL FROM:<ä@b>".encode(), "553 5.6.7"),
    (b"MAIL FROM:<a@b>", 250), (b"MAIL FROM:<a@b>", 503), (b"DATA", "554 5.5.1"), (b"RCPT TO:<>", "501 5.1.3"),
    (b"RCPT TO:<nobody@here.test>", "550 5.1.1"), (b"RCPT TO:<dave@elsewhere.test>", "550 5.7.1"),
    (b"RCPT TO:<alice@here.test@elsewhere.test>", 501), (b"RCPT TO:<alice%elsewhere.test@here.test>", "550 5.1.1"),
    (b"RCPT TO:<\"alice@elsewhere.test\"@here.test>", "550 5.1.1"), (b"RCPT TO:<alice@[10.99.9.9]>", "550 5.7.1"),
    (b"RCPT TO:<alice@[junk]>", "501"), (b"RCPT TO:<Postmaster>", 250), (b"STARTTLS", 503), (b"RSET", 250),
    (b"HELO y", 250), (b"AUTH PLAIN AAAA", 503), (b"ETRN x", 502),
]:
    client.say(command + b"\r\n", code)

# Nobody relays by a chunk without recipients; what was announced is thrown away all the same.
client.say(b"EHLO x\r\nMAIL FROM:<a@b>\r\nBDAT 12 LAST\r\nQUIT\r\nNOOP\r\nNOOP\r\n", 250, 250, "554 5.5.1", 250)
client.say(b"RSET\r\n", 250)

# Ten thousand recipients: a thousand are enough.
client.say(b"MAIL FROM:<a@b>\r\n", 250)
answers = []
for _ in range(100):
    client.sock.sendall(b"RCPT TO:<alice@here.test>\r\n" * 100)
    answers += [client.reply()[:9] for _ in range(100)]
assert answers == ["250 2.1.5"] * 1000 + ["452 4.5.3"] * 9000, set(answers)
before = len(stored())
client.say(b"DATA\r\n", 354)
client.say(b"once\r\n.\r\n", 250)
assert len(stored()) == before + 1

# A line of a mebibyte is a line: all of it arrives.
client.data()
line = b"x" * (1 << 20)
client.say(line + b"\r\n.\r\n", 250)
assert any(text.endswith(b"\r\n" + line + b"\r\n") for text in stored())

# Commands that somebody in between put behind STARTTLS are not obeyed.
client = Client()
client.say(b"EHLO x\r\n", 250)
client.say(b"STARTTLS\r\nMAIL FROM:<eve@there.test>\r\nRCPT TO:<bob@here.test>\r\n", 220)
secure = ssl._create_unverified_context().wrap_socket(client.sock)
client.sock = secure
assert client.text == b""
client.say(b"RCPT TO:<bob@here.test>\r\n", 503)
client.say(b"MAIL FROM:<a@b>\r\n", 503)
client.say(b"EHLO x\r\n", 250)
client.say(b"STARTTLS\r\n", 503)

# Bad base64, a cancelled login, and a login within a message.
client.say(b"AUTH PLAIN !!!\r\n", "501 5.5.2")
client.say(b"AUTH PLAIN\r\n", 334)
client.say(b"*\r\n", "501 5.7.0")
client.say(b"AUTH GSSAPI\r\n", "504 5.5.4")
client.say(b"AUTH LOGIN\r\n", 334)
client.say(b"YWxpY2U=\r\n", 334)
client.say(b"*\r\n", "501 5.7.0")
client.say(b"MAIL FROM:<a@b>\r\n", 250)
client.say(b"AUTH PLAIN AAAA\r\n", 503)

# Who leaves in the middle of a message leaves nothing; who stalls there holds nobody up.
stalled = Client()
stalled.data()
stalled.sock.sendall(b"half a ")
gone = Client()
gone.data()
gone.sock.sendall(b"half a message\r\n")
before = len(stored())
gone.sock.close()
client = Client()
client.data()
client.say(b"whole\r\n.\r\n", 250)
assert len(stored()) == before + 1
stalled.sock.sendall(b"line\r\n.\r\n")
stalled.expect(250)
time.sleep(0.2)
assert len(stored()) == before + 2
assert len(stored("bob")) == 0
assert os.listdir(os.path.join(mail, "alice", "tmp")) == []

print("all is well")
