#!/usr/bin/python3
"""Runs a program and kills it (-9) just before a change it makes to the file system.

    killat.py N FILE PROGRAM [ARGUMENT...]

N counts the system calls that make or move a file, a link or a directory, or write at a place in a file, or make
that durable, from 1, over all threads of the program. (strace counts for each thread alone, and which thread does what
differs from run to run.) Other programs that it starts are not traced. FILE gets the call it was killed before. Where there is no Nth change the program ends
by itself, and its exit code is given."""

import ctypes
import os
import platform
import signal
import sys

# System calls that change directories, or files that stay, by machine.
CHANGES = {
    "x86_64": {18: "pwrite64", 75: "fdatasync", 82: "rename", 83: "mkdir", 86: "link", 88: "symlink",
               258: "mkdirat", 264: "renameat", 265: "linkat", 266: "symlinkat", 316: "renameat2"},
    "aarch64": {68: "pwrite64", 83: "fdatasync", 34: "mkdirat", 36: "symlinkat", 37: "linkat", 38: "renameat",
                276: "renameat2"},
}
TRACEME, SETOPTIONS, SYSCALL, GET_SYSCALL_INFO = 0, 0x4200, 24, 0x420E
TRACESYSGOOD, TRACECLONE, EXITKILL = 1, 8, 1 << 20
ENTRY, WALL = 1, 0x40000000
SYSCALL_STOP = signal.SIGTRAP | 0x80

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
libc.ptrace.restype = ctypes.c_long


class SyscallInfo(ctypes.Structure):
    """struct ptrace_syscall_info, as far as its part for the entry goes."""

    _fields_ = [("op", ctypes.c_uint8), ("pad", ctypes.c_uint8 * 3), ("arch", ctypes.c_uint32),
                ("instruction", ctypes.c_uint64), ("stack", ctypes.c_uint64),
                ("number", ctypes.c_uint64), ("arguments", ctypes.c_uint64 * 6), ("rest", ctypes.c_uint64 * 4)]


def main():
    left, file, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    changes = CHANGES[platform.machine()]
    program = os.fork()
    if program == 0:
        libc.ptrace(TRACEME, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.execv(argv[0], argv)
    os.waitpid(program, 0)
    libc.ptrace(SETOPTIONS, program, 0, TRACESYSGOOD | TRACECLONE | EXITKILL)
    libc.ptrace(SYSCALL, program, 0, 0)
    while True:
        thread, status = os.waitpid(-1, WALL)
        if not os.WIFSTOPPED(status):
            if thread == program:
                return end_as(status)
            continue
        stopped_by = os.WSTOPSIG(status)
        if stopped_by == SYSCALL_STOP:
            name = changes.get(entered(thread))
            left -= name is not None
            if name and left == 0:
                with open(file, "w", encoding="utf-8") as note:
                    note.write(name)
                os.kill(program, signal.SIGKILL)
                continue
        # Stops that belong to tracing itself are no signals of the program's.
        own = stopped_by in (SYSCALL_STOP, signal.SIGTRAP, signal.SIGSTOP)
        libc.ptrace(SYSCALL, thread, 0, 0 if own else stopped_by)


def entered(thread):
    """The number of the system call that a thread is about to make; None when it comes back from one."""
    info = SyscallInfo()
    libc.ptrace(GET_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info))
    return info.number if info.op == ENTRY else None


def end_as(status):
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main()
