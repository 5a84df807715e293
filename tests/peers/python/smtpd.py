"""aiosmtpd as a server that keeps what it gets: smtpd.py PORT FOLDER [--tls CERT KEY] [--implicit] [--login USER PASSWORD] [--slow MS] [--silent]

Each message is FOLDER/N.eml, byte for byte, and FOLDER/N.json, its envelope. The local part of a recipient says what becomes of it:
refused, deferred-N (N times), dropped (the connection is), and with anything else it is taken.
"""

import argparse
import asyncio
import json
import os
import ssl

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("folder")
parser.add_argument("--tls", nargs=2)
parser.add_argument("--implicit", action="store_true")
parser.add_argument("--login", nargs=2)
parser.add_argument("--silent", action="store_true")
parser.add_argument("--slow", type=int, default=0)
arguments = parser.parse_args()
times = {}
number = len([name for name in os.listdir(arguments.folder) if name.endswith(".eml")])


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name.startswith("refused"):
            return "550 5.1.1 nobody is called that"
        if name.startswith("deferred-"):
            times[address] = times.get(address, 0) + 1
            if times[address] <= int(name.split("-")[1]):
                return "451 4.2.1 not now"
        if name.startswith("dropped"):
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        global number
        if arguments.slow:
            await asyncio.sleep(arguments.slow / 1000)
        here, number = number, number + 1
        path = os.path.join(arguments.folder, str(here))
        with open(path + ".eml", "wb") as file:
            file.write(envelope.original_content)
        told = {
            "from": "" if envelope.mail_from == "<>" else envelope.mail_from,
            "to": envelope.rcpt_tos,
            "mail_options": envelope.mail_options,
            "helo": session.host_name,
            "peer": session.peer[0],
            "tls": session.ssl is not None or arguments.implicit,
            "user": session.auth_data.decode() if session.auth_data else None,
        }
        with open(path + ".part", "w") as file:
            json.dump(told, file)
        os.rename(path + ".part", path + ".json")
        return "250 2.0.0 kept"


def authenticate(server, session, envelope, mechanism, data):
    user, password = arguments.login
    right = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=right, handled=False, auth_data=data.login)


async def serve():
    context = None
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls)
    options = dict(hostname="mx.test", data_size_limit=1 << 26, enable_SMTPUTF8=True)
    if context and not arguments.implicit:
        options.update(tls_context=context, require_starttls=bool(arguments.login))
    if arguments.login:
        options.update(authenticator=authenticate, auth_required=True, auth_require_tls=not arguments.implicit)
    loop = asyncio.get_running_loop()
    factory = asyncio.Protocol if arguments.silent else lambda: SMTP(Handler(), loop=loop, **options)
    wrapped = context if arguments.implicit else None
    server = await loop.create_server(factory, None, arguments.port, ssl=wrapped)
    print("serves", flush=True)
    await server.serve_forever()


asyncio.run(serve())
