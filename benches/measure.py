"""One run of a program, and what it cost."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass
class Cost:
    wall: float
    """Seconds of CPU of the program and all it started."""
    cpu: float
    """The part of it that the programs it started cost."""
    hooks: float
    output: str
    requests: int = 0
    connections: int = 0
    processes: int = 0
    """Bytes, of the program alone."""
    memory: int = 0

    @property
    def own(self):
        return max(self.cpu - self.hooks, 0.0)


def timed(argv, directory, environment, code, script):
    """Runs a program to its end. What it started is the hooks', unless it is a script: then the hooks say what they cost."""
    hook_cpu, output = directory / "hook-cpu", directory / "output"
    hook_cpu.unlink(missing_ok=True)
    if script:
        environment = {**environment, "RIG_HOOK_CPU": str(hook_cpu)}
    with open(output, "wb") as out:
        started = time.monotonic()
        process = subprocess.Popen(argv, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        # Ended, but still there to be looked at.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall = time.monotonic() - started
    own = time.clock_gettime(cpu_clock(process.pid))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    check(argv, process.returncode, code, output)
    whole = usage.ru_utime + usage.ru_stime
    noted = sum(map(int, hook_cpu.read_text().split())) / 1e9 if hook_cpu.exists() else 0.0
    return Cost(wall, whole, noted if script else max(whole - own, 0.0), output.read_text(errors="replace"))


def counted(argv, directory, environment, code, rig):
    """The same once more under strace, which counts and makes it slow."""
    trace, output = directory / "trace", directory / "output"
    before = rig.requests()
    with open(output, "wb") as out:
        # The tracer is the grandchild, so that the program is ours.
        strace = ["strace", "-D", "-q", "-f", "--seccomp-bpf", "-e", "trace=connect,execve", "-o", trace]
        process = subprocess.Popen([*strace, *argv], cwd=directory, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        memory = 0
        while process.poll() is None:
            memory = max(memory, high_water(process.pid))
            time.sleep(0.0005)
    check(argv, process.returncode, code, output)
    text = settled(trace)
    address = rig.facts["HYDRANT_CA"].split("/")[2].split(":")
    to_ca = re.compile(rf'connect\(.*htons\({address[1]}\).*"{re.escape(address[0])}"')
    starts = re.findall(r"^\d+ +execve\(.*", text, re.MULTILINE)
    # A shell tries each directory of PATH; the program itself is no process that it started.
    succeeded = [line for line in starts if not re.search(r"= -1 ", line)]
    return Cost(0.0, 0.0, 0.0, output.read_text(errors="replace"), rig.requests() - before,
                len(to_ca.findall(text)), len(succeeded) - 1, memory)


def settled(trace):
    """What strace wrote, which may end a moment after the program."""
    text = trace.read_text(errors="replace")
    for _ in range(100):
        time.sleep(0.01)
        again = trace.read_text(errors="replace")
        if again == text and "+++ exited" in text:
            break
        text = again
    return text


def cpu_clock(pid):
    """The clock of a process' own CPU time, all its threads and none of its children: what clock_getcpuclockid(3) gives."""
    return (~pid << 3) | 2


def high_water(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            line = next((line for line in file if line.startswith("VmHWM:")), "VmHWM: 0")
    except OSError:
        return 0
    return int(line.split()[1]) * 1024


def check(argv, code, expected, output):
    if code != expected:
        sys.exit(f"figures: {argv[0]} ended with {code}, not {expected}:\n"
                 f"{output.read_text(errors='replace')[-2000:]}")
