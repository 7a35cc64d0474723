"""tessera flags: values to names and back, and what is refused."""
import json

import pytest

from tools import tessera


def test_a_value_is_decoded_and_its_names_give_it_back():
    lines = tessera("flags", 4297064449).stdout.splitlines()
    assert lines[0].startswith("4297064449 ") and [line.split()[:2] for line in lines[1:]] == [["0", "TRANSIENT"], ["21", "SOURCE"], ["32", "CONTAINS_BAD_PIXEL"]]
    assert tessera("flags", "transient+source,CONTAINS_BAD_PIXEL").stdout.splitlines() == lines
    assert tessera("flags", "0x100200001").stdout.splitlines() == lines
    assert "no flag is set" in tessera("flags", 0).stdout


def test_json_holds_every_bit_even_those_without_a_name():
    value = (1 << 63) + (1 << 3) + (1 << 10)
    answer = json.loads(tessera("flags", "--json", value).stdout)[0]
    assert answer["value"] == value
    assert [(b["bit"], b["name"], b["fit_ignores"]) for b in answer["flags"]] == [(3, "bit_3", False), (10, "HOT", True), (63, "bit_63", False)]


@pytest.mark.parametrize("word, says", [("12x", "'12x' is no flag value"), ("18446744073709551616", "is no flag value"), ("HOTT", "no flag 'HOTT'; known: TRANSIENT"), ("1.5", "is no flag value")])
def test_what_is_no_value_is_refused_in_one_line(word, says):
    done = tessera("flags", word, code=2)
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
