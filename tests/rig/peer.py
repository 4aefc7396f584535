"""Which process is at the other end of a local connection?"""

import os
import pathlib
import socket


def pids(address, port):
    """The processes that hold the IPv4 socket bound to this local address and port.

    The kernel's table is read a page at a time: where other sockets come and go meanwhile, a line can be missed, so
    it is read again until the socket is found."""
    for _ in range(1000):
        inode = socket_inode(address, port)
        found = inode and {int(process) for process in os.listdir("/proc")
                           if process.isdecimal() and holds(process, f"socket:[{inode}]")}
        if found:
            return found
    raise LookupError(f"nobody holds {address}:{port}")


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


def socket_inode(address, port):
    local = f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{port:04X}"
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == local:
            return fields[9]
    return None
