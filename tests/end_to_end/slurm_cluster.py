"""A Slurm of one controller and two nodes on this host, without systemd and control groups, for tests."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo", "munged", "munge", "unmunge")

CONFIG = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmctldPort={port}
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=100000,defer
ReturnToService=2
MinJobAge=2
MailProg=/bin/true
SlurmdParameters=config_overrides
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{port1}-{port2}] CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=all Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


def path_of(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def why_not():
    """The reason that no cluster can be started here, or None."""
    missing = [p for p in PROGRAMS if not path_of(p)]
    if missing:
        return f"skipped: no Slurm here ({', '.join(missing)} not found)"
    if os.geteuid() != 0:
        return "skipped: a Slurm of our own is started as root only"
    return None


def free_ports(count):
    """Neighbouring ports that nobody listens on."""
    for first in range(21000 + os.getpid() % 2000 * 5, 60000, 5):
        try:
            for port in range(first, first + count):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise RuntimeError("no free ports")


class Cluster:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = {}
        host = socket.gethostname().split(".")[0]
        for name in ("state", "log", "run", "spool/n1", "spool/n2", "munge"):
            (self.folder / name).mkdir(parents=True)
        port = free_ports(3)
        (self.folder / "slurm.conf").write_text(CONFIG.format(host=host, folder=self.folder, port=port, port1=port + 1, port2=port + 2))
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
        try:
            self.start_munge()
            self.start("ctld", [path_of("slurmctld"), "-D"])
            for node in ("n1", "n2"):
                self.start(node, [path_of("slurmd"), "-D", "-N", node])
            self.wait_for(lambda: self.run("sinfo", "-h", "-o", "%D %t").strip() == "2 idle", "two idle nodes")
        except BaseException:
            self.stop()
            raise

    def start_munge(self):
        """munged wants folders and a key that only its user can write."""
        folder = self.folder / "munge"
        (folder / "key").write_bytes(os.urandom(64))
        os.chmod(folder / "key", 0o400)
        os.chmod(folder, 0o711)
        self.start("munged", [path_of("munged"), "--foreground", "--force", "--num-threads=2", f"--key-file={folder}/key", f"--socket={folder}/socket",
                              f"--pid-file={folder}/pid", f"--log-file={folder}/log", f"--seed-file={folder}/seed"])
        self.wait_for(lambda: (folder / "socket").exists(), "munge's socket")

    def start(self, name, command):
        with open(self.folder / "log" / f"{name}.out", "ab") as log:
            self.processes[name] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def run(self, *command):
        return subprocess.run([path_of(command[0]), *command[1:]], env=self.environment, capture_output=True, text=True, timeout=30).stdout

    def wait_for(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not come; {self.run('sinfo')} {self.run('squeue')}")
            time.sleep(0.1)

    def kill_node(self, node):
        """Its daemon dies, and the controller is told what it would find out minutes later."""
        self.processes[node].kill()
        self.processes[node].wait()
        self.run("scontrol", "update", f"nodename={node}", "state=down", "reason=killed")

    def let_requeued_start(self):
        """A job that lost its node waits two minutes (BeginTime); a test does not."""
        for line in self.run("squeue", "-h", "-r", "-o", "%i %r").splitlines():
            if line.endswith("BeginTime"):
                self.run("scontrol", "update", f"jobid={line.split()[0]}", "StartTime=now")

    def stop(self):
        self.run("scancel", "-u", "root") if "ctld" in self.processes else None
        for name in ("n1", "n2", "ctld", "munged"):
            process = self.processes.get(name)
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
