"""The set-up script against a pretended Debian, and the counting of test results."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Debian:
    """A folder of stand-ins for dpkg-query and apt-get, first in PATH, that write down how they were called."""

    def __init__(self, folder, installed="", plan="", uid=0, sudo=False):
        self.folder, self.log = folder, folder / "log"
        self.log.touch()
        self.script("dpkg-query", f'for p in {installed}; do echo "$p installed"; done; exit 1')
        self.script("apt-get", f'echo "$*" >>{self.log}; case " $* " in *" -s "*) printf "{plan}";; esac')
        self.script("id", f"echo {uid}")
        if sudo:
            self.script("sudo", f'echo "sudo $*" >>{self.log}; exec "$@"')
        for tool in ("bash", "env", "awk", "comm", "sort", "grep", "dirname", "cat"):
            (folder / tool).symlink_to(Path("/usr/bin") / tool)

    def script(self, name, body):
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def setup(self, *groups):
        return subprocess.run([ROOT / "scripts/setup.sh", *groups], env={"PATH": str(self.folder)}, capture_output=True, text=True, timeout=60)

    def calls(self):
        return self.log.read_text().splitlines()


def test_setup_does_nothing_when_everything_is_there(tmp_path):
    debian = Debian(tmp_path, installed="swarp source-extractor montage python3-drizzle python3-reproject python3-venv")
    done = debian.setup("peers")
    assert (done.returncode, done.stdout, done.stderr, debian.calls()) == (0, "", "", [])


def test_setup_installs_only_what_is_missing_and_waits_for_the_lock(tmp_path):
    debian = Debian(tmp_path, installed="swarp source-extractor python3-drizzle python3-reproject python3-venv", plan="Inst montage\\n")
    done = debian.setup("peers")
    assert done.returncode == 0, done.stderr
    assert [c.split()[-1] for c in debian.calls()] == ["update", "montage", "montage"]
    assert all("DPkg::Lock::Timeout=600" in c for c in debian.calls())
    assert "swarp" not in " ".join(debian.calls()) and " -y " in debian.calls()[-1]


def test_setup_refuses_to_remove_packages(tmp_path):
    debian = Debian(tmp_path, plan="Inst montage\\nRemv python3-scipy\\n")
    done = debian.setup("peers")
    assert done.returncode == 1 and "Remv python3-scipy" in done.stderr
    assert not any(" -y " in c for c in debian.calls())


def test_setup_asks_sudo_when_not_root_and_says_what_to_do_without_it(tmp_path):
    with_sudo = Debian(tmp_path, uid=1000, sudo=True)
    assert with_sudo.setup("peers").returncode == 0
    assert sum(c.startswith("sudo ") for c in with_sudo.calls()) == 2
    (tmp_path / "alone").mkdir()
    alone = Debian(tmp_path / "alone", uid=1000)
    done = alone.setup("peers")
    assert done.returncode == 3 and "apt-get install montage python3-drizzle python3-reproject python3-venv source-extractor swarp" in done.stderr and alone.calls() == []


def test_setup_refuses_groups_it_does_not_know(tmp_path):
    done = Debian(tmp_path).setup("peers", "everything")
    assert done.returncode == 2 and "'everything'" in done.stderr


CTEST = """<?xml version="1.0"?><testsuite>
<testcase name="A.Passes" status="run"/>
<testcase name="A.Fails" status="fail"><failure message=""/></testcase>
<testcase name="A.Skips" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>
<testcase name="test_x_NOT_BUILT" status="notrun"><skipped message="Unable to find executable"/></testcase>
</testsuite>"""
PYTEST = """<testsuites><testsuite><testcase name="ok"/><testcase name="also"/>
<testcase name="broken"><error message="x"/></testcase><testcase name="later"><skipped/></testcase></testsuite></testsuites>"""


def summarise(*files):
    return subprocess.run([sys.executable, ROOT / "scripts/summarise_tests.py", *files], capture_output=True, text=True, timeout=60)


def test_results_of_all_kinds_are_added_up(tmp_path):
    (tmp_path / "c.xml").write_text(CTEST)
    (tmp_path / "p.xml").write_text(PYTEST)
    done = summarise(tmp_path / "c.xml", tmp_path / "p.xml")
    assert done.stdout.splitlines()[-1] == "3 passed, 3 failed, 2 skipped"
    assert done.returncode == 1
    assert {line.split()[-1] for line in done.stdout.splitlines()[:-1]} == {"A.Fails", "test_x_NOT_BUILT", "broken"}


def test_results_without_failures_are_a_success(tmp_path):
    (tmp_path / "p.xml").write_text("<testsuite><testcase name='ok'/></testsuite>")
    done = summarise(tmp_path / "p.xml")
    assert (done.returncode, done.stdout) == (0, "1 passed, 0 failed, 0 skipped\n")


@pytest.mark.parametrize("content", [None, "", "<testsuite/>", "<testsuite><testcase"])
def test_results_that_are_missing_broken_or_empty_are_failures(tmp_path, content):
    if content is not None:
        (tmp_path / "r.xml").write_text(content)
    done = summarise(tmp_path / "r.xml")
    assert done.returncode == 1 and done.stdout.endswith("0 passed, 1 failed, 0 skipped\n")
