"""aiosmtpd with the Maildir handler that comes with it, on port 25: maildir.py FOLDER"""

import asyncio
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP


async def serve():
    handler = Mailbox(sys.argv[1])
    loop = asyncio.get_running_loop()
    factory = lambda: SMTP(handler, hostname="mx.here.test", data_size_limit=1 << 26, loop=loop)
    server = await loop.create_server(factory, "0.0.0.0", 25)
    await server.serve_forever()


asyncio.run(serve())
