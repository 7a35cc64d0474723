"""`make install`, looked at the way a user of the library and of the command sees it."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("TESSERA_BUILD", ROOT / "build" / "release"))

CLIENT_CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(client LANGUAGES CXX)
find_package(tessera 0.1 REQUIRED)
add_executable(client client.cpp)
target_link_libraries(client PRIVATE tessera::tessera)
"""

CLIENT = """
#include <cstdio>
#include <vector>
#include "tessera/base/version.h"
#include "tessera/core/header.h"
#include "tessera/core/statistics.h"
#include "tessera/io/fits.h"
int main() {
  const std::vector<double> values{1, 2, 6};
  tessera::Header header;
  header.set("OBJECT", std::string{"M31"});
  std::printf("%s %g %s\\n", tessera::version(), tessera::statistics::median(values), header.text("OBJECT")->c_str());
}
"""


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    assert (BUILD / "tessera").is_file(), f"build first: {BUILD / 'tessera'} is not there"
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", folder)
    return folder


def test_a_small_client_finds_and_links_the_library(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(CLIENT_CMAKE)
    (tmp_path / "client.cpp").write_text(CLIENT)
    run("cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    version, median, name = run(tmp_path / "build" / "client").split()
    assert (median, name) == ("2", "M31")
    assert version in run(prefix / "bin" / "tessera", "--version")


def test_every_installed_header_compiles_by_itself(prefix, tmp_path):
    headers = sorted((prefix / "include").rglob("*.h"))
    assert len(headers) > 20
    everything = tmp_path / "everything.cpp"
    everything.write_text("".join(f'#include "{h.relative_to(prefix / "include")}"\n' for h in headers))
    run("g++", "-std=c++20", "-fsyntax-only", "-I", prefix / "include", everything)


def test_the_command_runs_where_it_was_installed(prefix, tmp_path):
    listed = run(prefix / "bin" / "tessera", "help", cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    assert "mosaic" in listed


def test_profiles_manual_pages_and_completion_lie_in_the_usual_places(prefix):
    profiles = {p.name for p in (prefix / "share/tessera/profiles").iterdir()}
    assert profiles == {p.name for p in (ROOT / "profiles").glob("*.toml")} and "spitzer-irac.toml" in profiles
    for page in ("tessera.1", "tessera-mosaic.1"):
        assert (prefix / "share/man/man1" / page).read_text().lstrip().startswith((".TH", '.\\"', "'\\\""))
    for script in ("bash-completion/completions/tessera", "zsh/site-functions/_tessera", "fish/vendor_completions.d/tessera.fish"):
        assert "mosaic" in (prefix / "share" / script).read_text()


def test_bash_takes_the_completion_script(prefix):
    run("bash", "-n", prefix / "share/bash-completion/completions/tessera")


def test_staged_installation_stays_under_destdir(tmp_path):
    run("cmake", "--install", BUILD, "--prefix", "/opt/tessera", env={**os.environ, "DESTDIR": str(tmp_path)})
    assert (tmp_path / "opt/tessera/bin/tessera").is_file()
    assert not Path("/opt/tessera/bin/tessera").exists()


def test_nothing_installed_names_the_build_folder(prefix):
    for path in prefix.rglob("*.cmake"):
        text = path.read_text()
        assert str(ROOT) not in text and str(BUILD) not in text, path
