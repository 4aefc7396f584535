"""Which process is at the other end of a local connection?"""

import pathlib
import socket


def pids(address, port):
    """The processes that hold the IPv4 socket bound to this local address and port."""
    inode = socket_inode(address, port)
    held = f"socket:[{inode}]"
    found = set()
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink().name == held:
                found.add(int(link.parts[2]))
        except OSError:  # not ours to read, or gone meanwhile
            continue
    return found


def socket_inode(address, port):
    local = f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{port:04X}"
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == local:
            return fields[9]
    raise LookupError(f"nobody holds {address}:{port}")
