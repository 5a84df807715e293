"""Sends mail with smtplib in every way that the server offers, and looks whether it lies in the mailboxes as it was sent.

The arguments: the server's address, a user, the password, and the directory of all mailboxes.
"""

import os
import smtplib
import ssl
import sys

address, user, password, mail = sys.argv[1:]
new = os.path.join(mail, "alice", "new")
context = ssl._create_unverified_context()


def came(before):
    """The only message that is new, without our lines."""
    names = set(os.listdir(new)) - before
    assert len(names) == 1, names
    with open(os.path.join(new, names.pop()), "rb") as file:
        message = file.read()
    assert message.startswith(b"Return-Path: <")
    return message[message.index(b"+0000\r\n") + 7 :]


def binary(server, sender, content, parameters, sizes):
    """One message by BDAT."""
    assert server.mail(sender, parameters)[0] == 250
    assert server.rcpt("alice@here.test")[0] == 250
    at = 0
    for number, size in enumerate(sizes):
        last = " LAST" if number + 1 == len(sizes) else ""
        chunk = content[at:] if last else content[at : at + size]
        at += len(chunk)
        server.send(f"BDAT {len(chunk)}{last}\r\n".encode() + chunk)
        code, text = server.getreply()
        assert code == 250, (code, text)


with smtplib.SMTP(address, 587) as server:
    server.ehlo("client.there.test")
    assert not server.has_extn("auth") and server.has_extn("starttls")
    server.starttls(context=context)
    server.ehlo("client.there.test")
    assert server.has_extn("auth") and not server.has_extn("starttls")
    for extension in "pipelining size 8bitmime smtputf8 chunking binarymime enhancedstatuscodes dsn limits".split():
        assert server.has_extn(extension), extension
    server.login(user, password)
    for lines in [0, 1, 10, 10000]:
        before = set(os.listdir(new))
        body = b"Subject: x\r\n\r\n" + b"".join(b".line %d\r\n" % n for n in range(lines))
        server.sendmail("carol@there.test", ["alice@here.test"], body, ["BODY=8BITMIME", f"SIZE={len(body)}"])
        assert came(before) == body

with smtplib.SMTP(address) as server:
    server.ehlo("client.there.test")
    everything = bytes(range(256)) * 300
    for sizes in [[0], [1, 0], [100, 0, 7, 0], [60000, 5000, 0]]:
        before = set(os.listdir(new))
        binary(server, "carol@there.test", everything, ["BODY=BINARYMIME"], sizes)
        assert came(before) == everything, sizes
    text = b"Subject: x\r\n\r\n.\r\n..\r\nlast"
    before = set(os.listdir(new))
    binary(server, "carol@there.test", text, [], [3, 10, 0])
    assert came(before) == text
    # A message is forgotten by RSET, in the middle, too.
    server.mail("carol@there.test")
    server.rcpt("alice@here.test")
    server.send(b"BDAT 5\r\nabcde")
    assert server.getreply()[0] == 250
    assert server.rset()[0] == 250
    before = set(os.listdir(new))
    binary(server, "carol@there.test", text, [], [0])
    assert came(before) == text
    # The null sender, an international one, a source route, and DSN.
    for sender, parameters in [
        ("", []),
        ("jürgen@dört.test", ["SMTPUTF8"]),
        ("carol@there.test", ["RET=HDRS", "ENVID=QQ314159"]),
    ]:
        before = set(os.listdir(new))
        server.command_encoding = "utf-8"
        assert server.mail(sender, parameters)[0] == 250
        code, answer = server.docmd("RCPT", "TO:<@a.test,@b.test:alice@here.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;alice+40here")
        assert code == 250, answer
        assert server.data(text + b"\r\n")[0] == 250
        assert came(before) == text.replace(b"\r\n..", b"\r\n..") + b"\r\n"
    # All of a transaction at once.
    before = set(os.listdir(new))
    server.send(
        b"RSET\r\nMAIL FROM:<carol@there.test>\r\nRCPT TO:<eve@here.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n"
    )
    assert [server.getreply()[0] for _ in range(5)] == [250, 250, 550, 250, 354]
    server.send(b"one\r\n.\r\nNOOP\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\n")
    assert [server.getreply()[0] for _ in range(4)] == [250, 250, 250, 250]
    assert came(before) == b"one\r\n"
    assert server.verify("alice")[0] == 252 and server.expn("all")[0] == 550
    assert server.help() and server.noop()[0] == 250

print("all is well")
