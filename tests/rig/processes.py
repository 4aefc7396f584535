"""Programs of a rig: started in the background, found again by their pid files, stopped by pid."""

import os
import pathlib
import signal
import subprocess
import time


def start(directory, name, argv, environment=None):
    """Starts a program in a session of its own; its output goes to NAME.log, its pid to NAME.pid."""
    with open(directory / f"{name}.log", "wb") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    (directory / f"{name}.pid").write_text(f"{process.pid} {started(process.pid)}\n")
    return process


def started(pid):
    """When a process started, in clock ticks since boot: with the pid, it names one process for good.
    Zero when there is no such process, or only its unreaped rest."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def stop_all(directory, grace=3.0):
    """Stops every program of a rig: asks, waits, then kills. Other processes are never touched,
    not even where one has been given the pid of a program that is gone."""
    running = []
    for file in directory.glob("*.pid"):
        pid, born = map(int, file.read_text().split())
        if born and started(pid) == born:
            os.kill(pid, signal.SIGTERM)
            running.append((pid, born))
        file.unlink()
    deadline = time.monotonic() + grace
    while running and time.monotonic() < deadline:
        running = [(pid, born) for pid, born in running if started(pid) == born]
        time.sleep(0.005)
    for pid, _ in running:
        os.kill(pid, signal.SIGKILL)
    while any(started(pid) == born for pid, born in running):
        time.sleep(0.005)
    reap()


def reap():
    """Collects children that have ended, when the rig's programs are ours."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
