"""The rooms of src/tessera: who may include whom, where third-party headers and threads stand, and how long files are.

The rooms and their arrows are read from CMakeLists.txt, so the build and this test cannot disagree.
"""

import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS_FOLDER = ROOT / "src" / "tessera"
SCIENCE = {"reproject", "background", "outlier", "coadd", "geometry", "simulate", "picture", "psf", "psf_coadd", "fit", "photometry", "detect", "catalog"}
MAY_START_THREADS = {"parallel", "pipeline"}
LONGEST_FILE = 600

# A header of this project, of the C++ library or of the system is anything not named here.
THIRD_PARTY = re.compile(
    r"^(fitsio|longnam|wcslib/|wcs|lin|tab|erfa|Eigen/|unsupported/Eigen|nlohmann/|toml\+\+/|pugixml|openssl/|cairo|zlib"
    r"|gtest/|gmock/|benchmark/|ast)"
)


@lru_cache(maxsize=None)
def declared_rooms():
    """{room: set of rooms it may include} as tessera_room(...) calls state them."""
    text = re.sub(r"#.*", "", (ROOT / "CMakeLists.txt").read_text())
    rooms = {}
    for name, rest in re.findall(r"tessera_room\((\w+)\s*([^)]*)\)", text):
        words = rest.split()
        keyword, allowed = None, set()
        for word in words:
            if word in ("ROOMS", "LINK"):
                keyword = word
            elif keyword == "ROOMS":
                allowed.add(word)
        rooms[name] = allowed
    return rooms


def sources(*folders):
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in (".h", ".cpp", ".hpp"))


def code_of(path):
    """The text without comments and string literals' contents, line structure kept."""
    text = path.read_text()
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def includes(path):
    """(line number, header, quoted?) of each #include."""
    for number, line in enumerate(code_of(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def room_of(path):
    return path.relative_to(ROOMS_FOLDER).parts[0]


def where(path, number):
    return f"{path.relative_to(ROOT)}:{number}"


def test_the_rooms_are_declared_from_left_to_right():
    rooms = declared_rooms()
    assert len(rooms) > 10
    seen = set()
    for name, allowed in rooms.items():
        assert allowed <= seen, f"room {name} is declared before {sorted(allowed - seen)}"
        seen.add(name)


def test_every_folder_with_content_is_a_declared_room():
    found = {room_of(p) for p in sources("src/tessera")}
    assert found <= set(declared_rooms())


def test_rooms_include_only_rooms_they_may():
    rooms = declared_rooms()
    wrong = []
    for path in sources("src/tessera"):
        allowed = rooms[room_of(path)] | {room_of(path)}
        for number, header, _ in includes(path):
            if header.startswith("tessera/") and header.split("/")[1] not in allowed:
                wrong.append(f"{where(path, number)}: room {room_of(path)} includes {header}")
    assert not wrong, "\n".join(wrong)


def test_headers_of_rooms_are_named_in_full():
    wrong = [
        f"{where(path, number)}: {header}"
        for path in sources("src/tessera")
        for number, header, quoted in includes(path)
        if quoted != header.startswith("tessera/")
    ]
    assert not wrong, "write #include \"tessera/<room>/<name>.h\" for ours and <…> for others\n" + "\n".join(wrong)


def test_included_files_of_ours_exist():
    wrong = [
        f"{where(path, number)}: {header}"
        for path in sources("src/tessera", "apps")
        for number, header, _ in includes(path)
        if header.startswith("tessera/") and not (ROOT / "src" / header).is_file()
    ]
    assert not wrong, "\n".join(wrong)


def test_science_rooms_know_no_files_pipelines_or_threads():
    wrong = []
    for room in SCIENCE & set(declared_rooms()):
        wrong += [f"{room} may use {other}" for other in declared_rooms()[room] & {"io", "pipeline", "parallel", "steps"}]
    for path in sources(*(f"src/tessera/{room}" for room in SCIENCE)):
        for number, header, _ in includes(path):
            if re.match(r"tessera/(io|pipeline|parallel|steps)/", header):
                wrong.append(f"{where(path, number)}: includes {header}")
    assert not wrong, "\n".join(wrong)


def test_third_party_headers_stand_in_cpp_files_and_private_headers_only():
    """NAME_private.h is shared by the .cpp files of one room, and is not installed."""
    wrong = [
        f"{where(path, number)}: {header}"
        for path in sources("src/tessera", "apps")
        if path.suffix != ".cpp" and not path.name.endswith("_private.h")
        for number, header, _ in includes(path)
        if THIRD_PARTY.match(header)
    ]
    assert not wrong, "\n".join(wrong)


def test_private_headers_stay_in_their_room():
    wrong = [
        f"{where(path, number)}: {header}"
        for path in sources("src/tessera", "apps")
        for number, header, _ in includes(path)
        if header.endswith("_private.h") and (path.suffix != ".cpp" or room_of(path) != header.split("/")[1])
    ]
    assert not wrong, "\n".join(wrong)


def test_threads_are_started_by_the_drivers_only():
    starts = re.compile(r"\bstd::(jthread|async|thread\s*[({\w])|\bpthread_create\b|#\s*pragma\s+omp|std::execution::")
    wrong = []
    for path in sources("src/tessera"):
        if room_of(path) in MAY_START_THREADS:
            continue
        for number, line in enumerate(code_of(path).splitlines(), 1):
            if starts.search(line):
                wrong.append(f"{where(path, number)}: {line.strip()}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", ["src", "apps", "tests", "bench", "scripts", "cmake"])
def test_no_file_is_too_long(folder):
    kinds = {".h", ".cpp", ".hpp", ".py", ".sh", ".cmake"}
    wrong = []
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in kinds and path.is_file():
            lines = path.read_text().count("\n")
            if lines > LONGEST_FILE:
                wrong.append(f"{path.relative_to(ROOT)}: {lines} lines")
    assert not wrong, "\n".join(wrong)


def test_headers_begin_by_saying_what_they_are():
    wrong = []
    for path in sources("src/tessera"):
        if path.suffix == ".h":
            name = path.relative_to(ROOMS_FOLDER).as_posix()
            first, *rest = path.read_text().splitlines()
            if not first.startswith(f"/// {name} — ") or "#pragma once" not in rest:
                wrong.append(f"{name}: begins '{first}'")
    assert not wrong, "each header starts with '/// room/name.h — what it is' and has #pragma once\n" + "\n".join(wrong)


def test_the_checks_themselves_see_what_is_wrong(tmp_path):
    bad = tmp_path / "bad.h"
    bad.write_text('// #include <fitsio.h>\n#include <fitsio.h>\n/* #include "x.h" */\n  #  include "tessera/io/fits.h"\n')
    assert list(includes(bad)) == [(2, "fitsio.h", False), (4, "tessera/io/fits.h", True)]
    assert THIRD_PARTY.match("fitsio.h") and THIRD_PARTY.match("toml++/toml.h") and THIRD_PARTY.match("wcslib/wcs.h")
    assert not any(map(THIRD_PARTY.match, ("fmt/format.h", "vector", "tessera/wcs/sky_wcs.h", "sys/stat.h", "tuple")))
    assert declared_rooms()["base"] == set() and "io" in declared_rooms()["pipeline"]
