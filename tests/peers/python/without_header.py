"""Runs a program in a sandbox whose kernel refuses `virtio_net_hdr` on a TAP: TUNSETVNETHDRSZ fails with EINVAL.

The arguments: the program and its own.
"""

import ctypes
import errno
import os
import struct
import sys

SYSCALL_IOCTL = {"x86_64": 16, "aarch64": 29}[os.uname().machine]
TUNSETVNETHDRSZ = 0x400454D8
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
NUMBER, SECOND_ARGUMENT = 0, 24
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2

program = [
    (LOAD, 0, 0, NUMBER),
    (JUMP_IF_EQUAL, 0, 3, SYSCALL_IOCTL),
    (LOAD, 0, 0, SECOND_ARGUMENT),
    (JUMP_IF_EQUAL, 0, 1, TUNSETVNETHDRSZ),
    (RETURN, 0, 0, FAIL | errno.EINVAL),
    (RETURN, 0, 0, ALLOW),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
# `struct sock_fprog`: how many lines, and where they are.
described = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
prctl = ctypes.CDLL(None, use_errno=True).prctl
for arguments in (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, FILTER, described, 0, 0):
    words = [word if isinstance(word, bytes) else ctypes.c_ulong(word) for word in arguments[1:]]
    if prctl(ctypes.c_int(arguments[0]), *words) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
