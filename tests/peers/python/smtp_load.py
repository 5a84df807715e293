"""Sends messages to alice over several connections, each with a name, and tells of each one what became of it.

The arguments: the server's address, how many connections, how many messages in all, what names begin with, and how many bytes
each has at least.
"""

import smtplib
import sys
import threading

address, connections, messages, begins = sys.argv[1:5]
size = int(sys.argv[5]) if len(sys.argv) > 5 else 3000
lock = threading.Lock()


def tell(*words):
    with lock:
        print(*words, flush=True)


def work(worker):
    try:
        server = smtplib.SMTP(address, timeout=5)
        for number in range(int(messages) // int(connections)):
            name = f"<{begins}.{worker}.{number}@there.test>"
            body = f"Message-ID: {name}\r\n\r\n" + "0123456789abcdef\r\n" * (size // 18 + 1) + "the end\r\n"
            tell("sent", name)
            try:
                server.sendmail("carol@there.test", ["alice@here.test"], body)
                tell("taken", name)
            except smtplib.SMTPDataError as refused:
                tell("refused", refused.smtp_code, refused.smtp_error.decode())
    except (OSError, smtplib.SMTPException):
        # It was killed.
        return


threads = [threading.Thread(target=work, args=(n,)) for n in range(int(connections))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
