"""Files of variables: what is read, what is refused with its line, and who wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay import env_file
from forebay.errors import UsageError


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / ".env"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return env_file.read(path)

    return read


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("A=", ""),
        ("export A=1", "1"),
        ("  A = 1  ", "1"),
        ("A=20000 # 20kb", "20000"),
        ("A=#1", "#1"),
        ("A='one # two'", "one # two"),
        ('A="one \\"two\\"\\n"', 'one "two"\n'),
        ("A='one\ntwo'", "one\ntwo"),
        ("A=x=y", "x=y"),
        ("A=Ünï", "Ünï"),
        ("\ufeffA=1", "1"),
        ("A=1\r", "1"),
    ],
)
def test_a_value_is_read_as_it_is_meant(line, value, read):
    assert read(f"# before\n\n{line}\n#after\nB=2\n" if line[0] != "\ufeff" else f"{line}\nB=2") == {
        "A": value,
        "B": "2",
    }


def test_nothing_is_put_in_place_of_a_name(read, monkeypatch):
    monkeypatch.setenv("SECRET", "s")
    assert read('A=${SECRET}\nB="$SECRET"\nC=${A:-x}') == {"A": "${SECRET}", "B": "$SECRET", "C": "${A:-x}"}


@pytest.mark.parametrize("bad", ["A", "export A", "A B=1", "=1", "A='1", 'A="1" 2', "A: 1", "[section]", "A=\0", "{"])
@pytest.mark.parametrize("before", ["", "\n", "# one\n\n\nB=2\n", "B=2\r\n\r\n", "B='\n\n'\n"])
def test_a_line_that_cannot_be_read_is_told_by_its_number(bad, before, read):
    number = before.count("\n") + 1
    with pytest.raises(UsageError, match=rf"^line {number} of .*\.env cannot be read$") as caught:
        read(f"{before}{bad}\n\nC=3\n")
    assert "NAME=value" in caught.value.hint


def test_a_secret_on_a_line_that_cannot_be_read_is_not_told(read):
    with pytest.raises(UsageError) as caught:
        read("PASSWORD='hunter2")
    assert "hunter2" not in caught.value.what + caught.value.hint


def test_a_name_that_stands_twice_is_told_with_both_lines(read):
    with pytest.raises(UsageError, match=r"^A stands twice in .*: in lines 1 and 4$"):
        read("A=1\nB=2\n\nA=1\n")


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path, read):
    with pytest.raises(UsageError, match="No such file"):
        env_file.read(tmp_path / "none")
    with pytest.raises(UsageError, match="directory"):
        env_file.read(tmp_path)
    with pytest.raises(UsageError, match=r"UTF-8 \(byte 2\)"):
        read(b"A=\xff")


def test_what_the_environment_has_wins_even_when_it_is_empty(tmp_path):
    (tmp_path / ".env").write_text("A=1\nB=2\nC=3")
    environment = {"A": "a", "B": ""}
    env_file.add_to(environment, tmp_path / ".env")
    assert environment == {"A": "a", "B": "", "C": "3"}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_any_text_in_single_quotes_comes_back(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("env") / ".env"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    path.write_bytes(f"A='{escaped}'\nB=2\n".encode())
    assert env_file.read(path) == {"A": text, "B": "2"}
