"""Python's pyftpdlib as a server: ftpd.py ADDRESS PORT ROOT"""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

address, port, root = sys.argv[1], int(sys.argv[2]), sys.argv[3]
authorizer = DummyAuthorizer()
authorizer.add_user("al@ice", "a:secret/", root, perm="elradfmwMT")
authorizer.add_anonymous(root, perm="elradfmwMT")
FTPHandler.authorizer = authorizer
# From port 20 it would take a right that the test need not have.
FTPHandler.use_sendfile = False
server = FTPServer((address, port), FTPHandler)
print("serves", flush=True)
server.serve_forever()
