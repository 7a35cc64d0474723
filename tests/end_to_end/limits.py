"""Runs under limits: a hard ceiling on memory (a control group where one can be made), few open files; and what a run really took."""
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import threading
import time

from tools import TESSERA

MIB = 2**20
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def own_group(controller):
    """Folder of this process's control group for `controller` ("" in version 2), as far as it can be seen from here."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None


@contextlib.contextmanager
def memory_group(limit_bytes):
    """A control group that kills what takes more than `limit_bytes`; None where none can be made (no root, no controller)."""
    name = f"tessera-test-{os.getpid()}-{threading.get_ident()}"
    places = []
    for mount, controller, file in (("/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "", "memory.max")):
        path = own_group(controller)
        for parent in ([pathlib.Path(mount + path)] if path else []) + [pathlib.Path(mount)]:
            places.append((parent / name, file))
    for group, file in places:
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / file).write_text(str(limit_bytes))
            yield group
            return
        except OSError:
            continue
        finally:
            for _ in range(50):
                try:
                    group.rmdir()
                    break
                except OSError:
                    time.sleep(0.02)
    yield None


def folder_bytes(folder):
    """Disk that the files below a folder take; files may come and go meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(parent, name)).st_blocks * 512
    return total


def resident_peak(pid):
    """Largest resident size so far of a process that runs the program; 0 while it is still the copy of this interpreter that will become it, or gone. (ru_maxrss begins with the interpreter's size.)"""
    try:
        if os.path.realpath(f"/proc/{pid}/exe") != os.path.realpath(TESSERA):
            return 0
        return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024
    except (OSError, AttributeError):
        return 0


def recorded_peak(out):
    """What the run says of itself at its end."""
    record = pathlib.Path(out) / "run.json"
    return max((s["peak_bytes"] for s in json.loads(record.read_text())["stages"]), default=0) if record.exists() else 0


class Run:
    """A finished run: its exit code, messages, peak resident size, CPU and wall seconds, and the most disk that `out` took."""

    def __init__(self, args, out, limit_bytes=None, open_files=None, environment=None):
        shutil.rmtree(out, ignore_errors=True)
        self.disk = self.peak = 0
        with memory_group(limit_bytes) if limit_bytes else contextlib.nullcontext() as group:
            self.limited = group is not None

            def prepare():
                if group:
                    (group / "cgroup.procs").write_text(str(os.getpid()))
                if open_files:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))

            began = time.monotonic()
            child = subprocess.Popen([TESSERA, *map(str, args), "-o", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=prepare,
                                     env={**os.environ, **(environment or {})})
            ended = threading.Event()

            def watch():
                while not ended.wait(0.02):
                    self.peak = max(self.peak, resident_peak(child.pid))
                    self.disk = max(self.disk, folder_bytes(out))

            watcher = threading.Thread(target=watch)
            watcher.start()
            self.messages = child.stderr.read()
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = self.code = os.waitstatus_to_exitcode(status)
            ended.set()
            watcher.join()
        self.wall = time.monotonic() - began
        self.cpu = used.ru_utime + used.ru_stime
        self.peak = max(self.peak, recorded_peak(out))
        self.disk_in_the_end = folder_bytes(out)
        self.disk = max(self.disk, self.disk_in_the_end)


class Forecast:
    """What --dry-run says a run will take, in bytes and CPU seconds."""

    def __init__(self, args, out):
        done = subprocess.run([TESSERA, *map(str, args), "-o", str(out), "--dry-run"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.text = done.stdout
        self.memory = self._bytes(r"memory +([\d.]+) (\w+) forecast")
        self.disk = self._bytes(r"disk +([\d.]+) (\w+) while running")
        self.disk_in_the_end = self._bytes(r"while running, ([\d.]+) (\w+) in the end")

    def _bytes(self, pattern):
        number, unit = re.search(pattern, self.text).groups()
        return float(number) * UNITS[unit]
