"""The built program as a user meets it: help, templates, completion, man pages, errors and exit codes."""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def find_program():
    candidates = [os.environ.get("TESSERA")]
    if os.environ.get("TESSERA_BUILD"):
        candidates.append(os.path.join(os.environ["TESSERA_BUILD"], "tessera"))
    candidates += [str(ROOT / "build" / "release" / "tessera"), str(ROOT / "build" / "tessera")]
    for candidate in candidates:
        if candidate and os.path.isfile(candidate):
            return candidate
    return None


TESSERA = find_program()
pytestmark = pytest.mark.skipif(TESSERA is None, reason="skipped: the program is not built")


def tessera(*args, code=0, **kwargs):
    """Runs the program; fails the test unless it ends with `code`."""
    done = subprocess.run([TESSERA, *map(str, args)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **kwargs)
    assert done.returncode == code, f"exit {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
    return done


def steps():
    return [line.split()[0] for line in tessera("steps").stdout.splitlines()]


def verbs():
    return steps() + ["steps", "help", "config", "man", "completion"]


def uncommented(template):
    return re.sub(r"(?m)^#(?=\S)", "", template)


# ---- help

def test_without_arguments_it_lists_the_verbs():
    listed = tessera().stdout
    assert listed == tessera("help").stdout == tessera("--help").stdout == tessera("-h").stdout
    for verb in verbs():
        assert re.search(rf"(?m)^  {verb} +\S", listed), verb


def test_it_tells_its_version():
    assert re.fullmatch(r"tessera \d+\.\d+\.\d+\S*( .*)?\nParquet: (none|Arrow \d+\.\d+\.\d+)\n", tessera("--version").stdout)


def test_every_verb_has_help_two_ways():
    for verb in verbs():
        text = tessera("help", verb).stdout
        assert text.startswith(f"tessera {verb} — ")
        assert f"Usage: tessera {verb}" in text
        assert text == tessera(verb, "--help").stdout


def test_help_of_a_step_names_every_key():
    for step in steps():
        text = tessera("help", step).stdout
        sections = json.loads(tessera("config", "--schema", step).stdout)["properties"]
        for section, about in sections.items():
            for key in about["properties"]:
                assert f"{section}.{key}" in text, (step, section, key)


def test_help_fits_the_terminal():
    env = dict(os.environ, COLUMNS="72")
    for step in steps():
        for line in tessera("help", step, env=env).stdout.split("Example:")[0].splitlines():
            assert len(line) <= 72 or " " not in line.strip() or line.startswith(("tessera ", "Usage:")), line


# ---- files of options

def test_templates_parse_back_to_the_defaults(tmp_path):
    for step in steps():
        template = tessera("config", "--template", step).stdout
        bare, active = tmp_path / f"{step}.toml", tmp_path / f"{step}-active.toml"
        bare.write_text(template)
        active.write_text(uncommented(template))
        assert "sets 0 options" in tessera("config", "--check", bare, step).stdout
        sections = json.loads(tessera("config", "--schema", step).stdout)["properties"]
        total = sum(len(s["properties"]) for s in sections.values())
        checked = tessera("config", "--check", active, step).stdout
        assert f"sets {total} options" in checked
        values = dict(line.split("  (")[0].split(" = ", 1) for line in checked.splitlines()[:-1])
        for section, about in sections.items():
            for key, field in about["properties"].items():
                want, found = field["default"], values[f"{section}.{key}"]
                if isinstance(want, bool):
                    assert found == str(want).lower()
                elif isinstance(want, (int, float)):
                    assert float(found) == pytest.approx(want, rel=1e-15)
                elif isinstance(want, str):
                    assert found == want


def test_schemas_hold_their_own_defaults():
    for step in steps():
        schema = json.loads(tessera("config", "--schema", step).stdout)
        assert schema["schema"] == "tessera/options/1" and schema["title"] == step
        for section in schema["properties"].values():
            for field in section["properties"].values():
                default = field["default"]
                if "enum" in field:
                    assert default in field["enum"]
                if default is not None and "minimum" in field:
                    assert field["minimum"] <= default
                if default is not None and "maximum" in field:
                    assert default <= field["maximum"]


def test_a_file_of_options_is_refused_with_its_line(tmp_path):
    file = tmp_path / "x y.toml"
    step = steps()[0]
    file.write_text("[run]\n\nthread = 3\n")
    assert tessera("config", "--check", file, step, code=2).stderr == f"tessera: unknown option 'run.thread' (line 3 of {file}); did you mean run.threads?\n"
    assert tessera(step, "-c", file, code=2).stderr == f"tessera: unknown option 'run.thread' (line 3 of {file}); did you mean run.threads?\n"
    file.write_text("[run]\nthreads = -3\n")
    assert "run.threads (line 2 of" in tessera("config", "--check", file, step, code=2).stderr
    file.write_text("[run\n")
    assert "not valid TOML at line 1" in tessera("config", "--check", file, step, code=2).stderr
    assert str(tmp_path / "none.toml") in tessera(step, "-c", tmp_path / "none.toml", code=2).stderr


# ---- what is refused, and how

@pytest.mark.parametrize("arguments, message", [
    (["stps"], "unknown verb 'stps'; did you mean steps?"),
    (["help", "confg"], "unknown verb 'confg'; did you mean config?"),
    (["--nonsense"], "a verb comes first, found '--nonsense'; 'tessera help' lists the verbs"),
    (["config"], "config: give one of --template STEP, --schema STEP, --table STEP, --check FILE STEP"),
    (["config", "--tabel", "x"], "unknown option '--tabel'; did you mean --table?"),
    (["steps", "extra"], "expected no inputs, found one: 'extra'"),
    (["help", "help", "steps"], "expected the name of one step, found one more: 'steps'"),
    (["completion", "tcsh"], "unknown shell 'tcsh'; expected bash, zsh or fish"),
    (["man"], "expected the name of one step, or --all DIR, found nothing"),
])
def test_wrong_requests_end_with_two_and_one_line(arguments, message):
    done = tessera(*arguments, code=2)
    assert done.stderr == f"tessera: {message}\n"
    assert done.stdout == ""


@pytest.mark.parametrize("arguments, message", [
    (["--threds", "3"], "unknown option '--threds'; did you mean --threads?"),
    (["--threads", "-3"], "run.threads (--threads): -3 is out of range; expected a whole number from 0 to 4096"),
    (["--threads", "two"], "run.threads (--threads): 'two' is not a whole number; expected a whole number from 0 to 4096"),
    (["--threads"], "option --threads needs a value: --threads N"),
    (["--set", "run.memry=4G"], "unknown option 'run.memry' (--set); did you mean run.memory?"),
    (["--set", "run.memory"], "--set run.memory: expected section.option=value"),
    (["--log-format", "xml"], "run.log_format (--log-format): 'xml' is not among the choices; expected one of text, json"),
    (["--memory", "4X"], "run.memory (--memory): '4X' is no amount of memory; expected one like 4G, 800M or 25%"),
    (["--memory", "200%"], "run.memory (--memory): '200%' is no percentage; expected one above 0 and up to 100, as in 25%"),
    (["--verbose=3"], "option --verbose takes no value ('3' was given)"),
])
def test_every_step_refuses_wrong_options(arguments, message):
    for step in steps():
        assert tessera(step, *arguments, code=2).stderr == f"tessera: {message}\n"


def test_errors_are_json_when_asked_for():
    step = steps()[0]
    for arguments in (["--log-format", "json", "--threds", "3"], ["--threds", "3", "--log-format=json"], ["--set", "run.log_format=json", "--threds"]):
        lines = tessera(step, *arguments, code=2).stderr.splitlines()
        assert json.loads(lines[-1]) == {"schema": "tessera/error/1", "kind": "usage", "exit_code": 2,
                                         "message": "unknown option '--threds'; did you mean --threads?"}


def test_what_the_arguments_hold_does_not_steer_the_terminal():
    assert "\x1b" not in tessera("ste\x1b[31mps", code=2).stderr


def test_standard_output_that_is_full_is_an_error_and_one_that_is_closed_is_not():
    with open("/dev/full", "w") as full:
        done = subprocess.run([TESSERA, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3 and "standard output cannot be written" in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([TESSERA, "help"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 0 and done.stderr == ""


# ---- a run: messages and interruption. simulate serves as a step that takes as long as wanted.

def long_run(folder, *options, **kwargs):
    return subprocess.Popen([TESSERA, "simulate", "-o", str(folder), "--frames", "400", *options], stdin=subprocess.DEVNULL, **kwargs)


@pytest.mark.parametrize("sent, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_run_with_their_exit_code(tmp_path, sent, code):
    run = long_run(tmp_path / "out", "--log-format", "json", stderr=subprocess.PIPE, text=True)
    for line in run.stderr:
        if "stage" in json.loads(line):
            break  # work has begun
    run.send_signal(sent)
    run.send_signal(sent)  # told twice at once is told once
    lines = run.stderr.read().splitlines()
    assert run.wait(60) == code
    assert json.loads(lines[-1]) == {"schema": "tessera/error/1", "kind": "interrupted", "exit_code": code, "message": "interrupted"}


def test_every_json_line_has_a_schema(tmp_path):
    lines = tessera("simulate", "-o", tmp_path / "out", "--frames", "2", "--log-format", "json").stderr.splitlines()
    found = [json.loads(line) for line in lines]
    assert {line["schema"] for line in found} <= {"tessera/log/1", "tessera/progress/1"}
    last = [line for line in found if line["schema"] == "tessera/progress/1"][-1]
    assert last["done"] == last["total"] and last["eta_s"] == 0


def test_a_terminal_gets_a_bar_and_a_pipe_none(tmp_path):
    assert "\r" not in tessera("simulate", "-o", tmp_path / "one", "--frames", "2").stderr
    assert tessera("simulate", "-o", tmp_path / "two", "--frames", "2", "-q").stderr == ""
    ours, theirs = pty.openpty()
    run = subprocess.Popen([TESSERA, "simulate", "-o", str(tmp_path / "three"), "--frames", "2"], stdin=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how Linux says that the other side is closed
            break
        if not part:
            break
        shown += part
    assert run.wait(60) == 0
    assert b"[" in shown and b"\r" in shown and b" 0 %" in shown


# ---- completion

def completed(script, *words):
    """What bash offers for the last of `words`."""
    quoted = " ".join("'" + w.replace("'", "'\\''") + "'" for w in words)
    program = f"source '{script}'; compopt() {{ :; }}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _tessera; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.run(["bash", "-c", program], check=True, capture_output=True, text=True).stdout.split()


def test_bash_completes_verbs_flags_choices_and_keys(tmp_path):
    script = tmp_path / "tessera.bash"
    script.write_text(tessera("completion", "bash").stdout)
    subprocess.run(["bash", "-n", str(script)], check=True)
    step = steps()[0]
    assert completed(script, "tessera", "st") == ["steps"]
    assert step in completed(script, "tessera", "")
    assert "--log-format" in completed(script, "tessera", step, "--lo")
    assert completed(script, "tessera", step, "--log-format", "") == ["text", "json"]
    assert completed(script, "tessera", step, "--log-format", "=", "j") == ["json"]
    assert completed(script, "tessera", step, "--set", "run.thre") == ["run.threads="]
    assert completed(script, "tessera", step, "--set", "run.log_format", "=", "") == ["text", "json"]
    assert completed(script, "tessera", "config", "--template", step[:3]) == [s for s in steps() if s.startswith(step[:3])]
    assert completed(script, "tessera", "completion", "f") == ["fish"]


def test_bash_completes_file_names(tmp_path):
    script = tmp_path / "tessera.bash"
    script.write_text(tessera("completion", "bash").stdout)
    (tmp_path / "frame_1.fits").touch()
    assert completed(script, "tessera", steps()[0], str(tmp_path / "fra")) == [str(tmp_path / "frame_1.fits")]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_accept_their_scripts(tmp_path, shell):
    script = tmp_path / "script"
    script.write_text(tessera("completion", shell).stdout)
    for step in steps():
        assert step in script.read_text()
    if not shutil.which(shell):
        pytest.skip(f"skipped: no {shell}")
    subprocess.run([shell, "-n", str(script)], check=True)


# ---- man pages and documentation

def test_man_pages_of_all_verbs_are_written_and_clean(tmp_path):
    folder = tmp_path / "man pages" / "man1"
    tessera("man", "--all", folder)
    names = {page.name for page in folder.iterdir()}
    assert names == {"tessera.1"} | {f"tessera-{verb}.1" for verb in verbs()}
    for page in folder.iterdir():
        assert page.read_bytes().isascii()
    for verb in verbs():
        assert tessera("man", verb).stdout == (folder / f"tessera-{verb}.1").read_text()
    if not shutil.which("groff"):
        pytest.skip("skipped: no groff")
    for page in folder.iterdir():
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", str(page)], check=True, capture_output=True, text=True)
        assert done.stderr == "", page.name
        plain = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
        for part in ("NAME", "SYNOPSIS", "EXIT STATUS") + (() if page.name == "tessera.1" else ("--help",)):
            assert part in plain, (page.name, part)


def test_man_pages_do_not_change_from_day_to_day(tmp_path):
    assert tessera("man", "steps").stdout == tessera("man", "steps", env=dict(os.environ, TZ="Asia/Tokyo", LC_ALL="C")).stdout


def test_a_folder_that_cannot_be_made_ends_with_three(tmp_path):
    (tmp_path / "file").touch()
    assert str(tmp_path / "file" / "man") in tessera("man", "--all", tmp_path / "file" / "man", code=3).stderr


def test_pages_of_the_steps_are_up_to_date():
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "make_docs.py"), "--check", "--tessera", TESSERA], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
