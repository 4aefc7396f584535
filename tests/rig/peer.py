"""Which process is at the other end of a local connection?"""

import os
import pathlib
import socket

ESTABLISHED = "01"


def pids(connection):
    """The processes that hold the other end of this IPv4 socket.

    The kernel's table is read a page at a time: where other sockets come and go meanwhile, a line can be missed, so
    it is read again until the socket is found."""
    there, here = (written(address) for address in (connection.getpeername(), connection.getsockname()))
    for _ in range(1000):
        inode = socket_inode(there, here)
        found = inode and {int(process) for process in os.listdir("/proc")
                           if process.isdecimal() and holds(process, f"socket:[{inode}]")}
        if found:
            return found
    raise LookupError(f"nobody holds {there}")


def holds(process, held):
    directory = f"/proc/{process}/fd"
    try:
        descriptors = os.listdir(directory)
    except OSError:  # not ours to read, or gone meanwhile
        return False
    return any(target(f"{directory}/{descriptor}") == held for descriptor in descriptors)


def target(link):
    try:
        return os.readlink(link)
    except OSError:
        return None


def socket_inode(local, remote):
    """The inode of a connection by both its ends: the local one alone may be that of an older connection too, which
    the kernel remembers for a while."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:4] == [local, remote, ESTABLISHED]:
            return fields[9]
    return None


def written(address):
    """An address as the kernel's table has it."""
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
