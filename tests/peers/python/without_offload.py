"""Makes the kernel finish checksums itself before a frame leaves through an interface: `ethtool -K … tx off`."""

import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL, STXCSUM = 0x8946, 0x17
value = array.array("I", [STXCSUM, 0])
request = struct.pack("16sP", sys.argv[1].encode(), value.buffer_info()[0])
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), SIOCETHTOOL, request.ljust(40, b"\0"))
