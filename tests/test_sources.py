"""Files become documents as they are, or the error names the file and what is wrong with it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import SourceError
from index.sources.read import passed_over, read
from index.sources.sidecar import METADATA_SUFFIX


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def describe(file: Path, about: Any) -> None:
    written = about if isinstance(about, str) else json.dumps(about)
    file.with_name(file.name + METADATA_SUFFIX).write_text(written, encoding="utf-8")


def refused(*paths: Path) -> str:
    """The one line with which these paths are refused."""
    with pytest.raises(SourceError) as caught:
        read(paths)
    message = str(caught.value)
    assert message.isprintable()
    assert caught.value.remedy
    return message


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1).filter(str.strip))
def test_a_text_is_kept_character_for_character(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = write(tmp_path_factory.mktemp("texts"), "a.txt", text)
    (document,) = read([file])
    assert document.text == text.removeprefix("\ufeff")


def test_newlines_are_kept_as_they_came(tmp_path: Path) -> None:
    text = "One.\r\nTwo.\rThree.\nFour.\u2028Five."
    (document,) = read([write(tmp_path, "a.txt", text)])
    assert document.text == text


def test_a_signature_is_no_part_of_the_text(tmp_path: Path) -> None:
    (document,) = read([write(tmp_path, "a.txt", b"\xef\xbb\xbfText.")])
    assert document.text == "Text."


def test_without_a_metadata_file_the_name_or_the_heading_is_the_title(tmp_path: Path) -> None:
    (plain,) = read([write(tmp_path, "annual_report 2024.txt", "# No heading in plain text")])
    (markdown,) = read([write(tmp_path, "a.md", "Some text.\n\n#  The real title ##\n\nMore.\n")])
    assert plain.title == "annual report 2024"
    assert plain.source == str(tmp_path / "annual_report 2024.txt")
    assert (plain.date, plain.groups, plain.examples, plain.language) == (None, (), (), "en")
    assert markdown.title == "The real title"


def test_a_metadata_file_says_what_is_known(tmp_path: Path) -> None:
    file = write(tmp_path, "a.txt", "Text.")
    about = {
        "title": "Ein Titel",
        "date": "2024-06",
        "source": "https://example.com/a",
        "language": "de",
        "examples": ["What?", "Why?"],
        "groups": ["staff", "Größe 木"],
    }
    describe(file, about)
    (document,) = read([file])
    assert (document.title, document.date, document.source) == ("Ein Titel", "2024-06", "https://example.com/a")
    assert (document.language, document.examples) == ("de", ("What?", "Why?"))
    assert document.groups == ("staff", "Größe 木")


def test_a_source_of_null_is_unstated(tmp_path: Path) -> None:
    file = write(tmp_path, "a.txt", "Text.")
    describe(file, {"source": None})
    assert read([file])[0].source is None


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("{\n1}", "not JSON (Expecting property name enclosed in double quotes, line 2, column 1)"),
        ("", "not JSON"),
        ("[1]", "expected a JSON object"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ({"title": 7}, "title is 7, expected a string"),
        ({"source": ["x"]}, "expected a string"),
        ({"language": False}, "expected a string"),
        ({"groups": "staff"}, "groups is 'staff', expected a list of names"),
        ({"groups": None}, "expected a list of names"),
        ({"groups": []}, "groups is [], expected a list of names"),
        ({"groups": [["staff"]]}, "expected a list of names"),
        ({"groups": {"staff": True}}, "expected a list of names"),
        ({"groups": [""]}, "groups holds ''"),
        ({"groups": ["staff", "board, staff"]}, "groups holds 'board, staff'"),
        ({"groups": [" staff"]}, "groups holds ' staff'"),
        ({"groups": ["staff\n"]}, "groups holds"),
        ({"groups": ["sta\u200bff"]}, "groups holds"),
        ({"groups": ["staff\u00a0"]}, "groups holds"),
        ({"Groups": ["staff"]}, "the key 'Groups' does not say who may read"),
        ({"group": "staff"}, "the key 'group' does not say who may read"),
        ({"examples": ["x", 1]}, "expected a list of strings"),
        ({"date": "18 June 2024"}, "date is '18 June 2024', expected 2024"),
        ({"date": "2024-13"}, "date"),
        ({"date": "2024-02-30"}, "date"),
        ({"date": ""}, "date"),
        ({"title": "half a \ud800 pair"}, "surrogate"),
        ({"examples": ["half a \udc00 pair"]}, "surrogate"),
    ],
)
def test_a_wrong_metadata_file_is_named(tmp_path: Path, about: Any, said: str) -> None:
    file = write(tmp_path, "a.txt", "Text.")
    describe(file, about)
    message = refused(file)
    assert message.startswith(f"{file}{METADATA_SUFFIX}: ")
    assert said in message


@pytest.mark.parametrize("keys", [("doc_id", "title", "text"), ("_id", "title", "text")])
def test_jsonl_in_both_shapes(tmp_path: Path, keys: tuple[str, str, str]) -> None:
    rows = [("one", "Title 1", "Text one.\r\nMore."), ("two", "", "Text two.")]
    lines = [json.dumps(dict(zip(keys, row, strict=True))) for row in rows]
    file = write(tmp_path, "corpus.jsonl", "\n\n".join(lines) + "\n")
    one, two = read([file])
    assert (one.title, one.text, one.source) == ("Title 1", "Text one.\r\nMore.", f"{file}#one")
    assert (two.title, two.text) == ("two", "Text two.")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "expected a JSON object"),
        ('"text"', "expected a JSON object"),
        ('{"doc_id": "b"}', "text is missing, expected a string"),
        ('{"text": "b"}', "doc_id is missing, expected a string"),
        ('{"doc_id": 7, "text": "b"}', "doc_id is 7"),
        ('{"doc_id": "b", "text": "x", "title": 3}', "title is 3"),
        ('{"doc_id": "b", "text": "x", "title": false}', "title is False, expected a string"),
        ('{"doc_id": "b", "text": "x", "groups": "staff"}', "groups is 'staff', expected a list of names"),
        ('{"doc_id": "b", "text": "x", "groups": []}', "groups is [], expected a list of names"),
        ('{"doc_id": "b", "text": "x", "groups": ["a,b"]}', "groups holds 'a,b'"),
        ('{"doc_id": "b", "text": "x", "GROUPS": ["a"]}', "the key 'GROUPS' does not say who may read"),
        ('{"doc_id": "b", "text": " "}', "it is empty"),
        ('{"doc_id": "a", "text": "b"}', "doc_id 'a' is already on line 1"),
        ('{"doc_id": "b", "text": "half a \\ud800 pair"}', "\\ud800 is half of a surrogate pair"),
        ('{"doc_id": "b", "text": "x", "title": "half a \\ud800 pair"}', "\\ud800 is half of a surrogate pair"),
        ('{"doc_id": "b\\udc00", "text": "x"}', "\\udc00 is half of a surrogate pair"),
        ('{"doc_id": "b", "text": "x", "n": ' + "9" * 5000 + "}", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_wrong_line_of_jsonl_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = write(tmp_path, "corpus.jsonl", '{"doc_id": "a", "text": "Good."}\n' + line + "\n")
    message = refused(file)
    assert message.startswith(f"{file}: line 2: ")
    assert said in message


def test_a_whole_pair_of_surrogates_is_a_character(tmp_path: Path) -> None:
    (document,) = read([write(tmp_path, "corpus.jsonl", '{"doc_id": "a", "text": "\\ud83d\\ude00"}')])
    assert document.text == "\U0001f600"


def test_an_empty_jsonl_file(tmp_path: Path) -> None:
    assert "it is empty" in refused(write(tmp_path, "corpus.jsonl", "\n \n"))


def test_a_text_that_occurs_twice_is_one_document(tmp_path: Path) -> None:
    first = write(tmp_path, "a.txt", "The same text.")
    write(tmp_path, "b.txt", "The same text.")
    (document,) = read([tmp_path, first])
    assert document.source == str(first)


def test_a_text_that_occurs_twice_is_read_by_the_same_groups_or_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path, "a.txt", "The same text."), write(tmp_path, "b.txt", "The same text.")
    describe(second, {"groups": ["staff", "board"]})
    message = refused(tmp_path)
    assert message.startswith(
        f"{first} and {second} hold the same text, but everyone may read the one and staff, board"
    )
    assert "Give them the same groups or leave one out" in message
    describe(first, {"groups": ["staff"]})
    assert str(second) in refused(tmp_path)
    # who may read is a set
    describe(first, {"groups": ["board", "staff"], "title": "First"})
    (document,) = read([tmp_path])
    assert (document.title, document.groups) == ("First", ("board", "staff"))


def test_the_same_holds_of_lines_of_jsonl_and_of_lines_and_files(tmp_path: Path) -> None:
    def lines(*groups: list[str] | None) -> Path:
        records = [
            {"doc_id": str(n), "text": "The same text."} | ({} if its is None else {"groups": its})
            for n, its in enumerate(groups)
        ]
        return write(tmp_path, "corpus.jsonl", "\n".join(map(json.dumps, records)))

    file = lines(["staff"], None)
    assert refused(file).startswith(f"{file}#0 and {file}#1 hold the same text")
    (document,) = read([lines(["staff"], ["staff"])])
    assert document.groups == ("staff",)
    other = write(tmp_path, "other.md", "---\ngroups: [board]\n---\nThe same text.")
    assert refused(file, other).startswith(f"{file}#0 and {other} hold the same text")


FRONT = """---
title: "Ein Titel"
date: 2024-06-18
source: https://example.com/a
language: de
groups: [staff, "Größe 木"]
examples:
  - What?
  - "Why?"
tags: [of, no, interest]
---
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("signature", ["", "\ufeff"])
def test_front_matter_says_what_is_known_and_is_no_part_of_the_text(
    tmp_path: Path, newline: str, signature: str
) -> None:
    text = f"{newline}# A heading{newline}{newline}Text.{newline}---{newline}More."
    file = write(tmp_path, "a.md", signature + FRONT.replace("\n", newline) + text)
    (document,) = read([file])
    assert document.text == text
    assert (document.title, document.date, document.source) == ("Ein Titel", "2024-06-18", "https://example.com/a")
    assert (document.language, document.examples) == ("de", ("What?", "Why?"))
    assert document.groups == ("staff", "Größe 木")


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1).filter(str.strip))
def test_a_text_after_front_matter_is_kept_character_for_character(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    (document,) = read([write(tmp_path_factory.mktemp("texts"), "a.markdown", FRONT + text)])
    assert (document.text, document.groups) == (text, ("staff", "Größe 木"))


@pytest.mark.parametrize(
    ("block", "date"),
    [
        ("date: 2024", "2024"),
        ("date: 2024-06", "2024-06"),
        ("date: 2024-06-18 10:00:00 +02:00", "2024-06-18"),
        ("", None),
    ],
)
def test_a_date_in_front_matter_is_as_exact_as_it_is_written(tmp_path: Path, block: str, date: str | None) -> None:
    (document,) = read([write(tmp_path, "a.md", f"---\n{block}\n---  \n# Title\n\nText.")])
    assert (document.title, document.date, document.groups) == ("Title", date, ())


def test_only_markdown_has_front_matter_and_only_at_its_start(tmp_path: Path) -> None:
    for name, text in (
        ("a.txt", "---\ntitle: A\n---\nText."),
        ("b.md", "\n" + FRONT + "Text."),
        ("c.md", "----\n\nText.\n\n---\n"),
    ):
        (document,) = read([write(tmp_path, name, text)])
        assert (document.text, document.groups) == (text, ())


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("key", ["groups", "Group", '"groups"', "  groups "])
def test_a_text_that_is_no_markdown_does_not_lose_its_groups_in_silence(tmp_path: Path, key: str, newline: str) -> None:
    for first in ("", f"title: A{newline}"):
        file = write(tmp_path, "a.txt", f"---{newline}{first}{key}: [staff]{newline}---{newline}Text.")
        assert "names groups, but only Markdown can have front matter" in refused(file)
    write(tmp_path, "a.txt", f"\n---\n{key}: [staff]\n---\nText.")
    assert read([file])[0].groups == ()


@pytest.mark.parametrize(
    "name", ["report.meta.json", "corpus.jsonl.meta.json", "report.txt.META.JSON", "other.txt.meta.json"]
)
def test_a_metadata_file_of_no_document_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "report.txt", "Text.")
    write(tmp_path, "corpus.jsonl", json.dumps({"doc_id": "1", "text": "Line."}))
    write(tmp_path, "paper.pdf.meta.json", "{}")
    write(tmp_path, "paper.pdf", "no text")
    assert len(read([tmp_path])) == 2
    file = write(tmp_path, name, json.dumps({"groups": ["board"]}))
    assert refused(tmp_path).startswith(f"{file}: a metadata file without a document")


def test_what_is_said_twice_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "a.md", "Text.")
    write(tmp_path, f"a.md{METADATA_SUFFIX}", '{"groups": ["board"], "groups": ["staff"]}')
    assert 'an object has the key "groups" twice' in refused(file)
    lines = write(tmp_path, "b.jsonl", '{"doc_id": "1", "text": "Line.", "groups": ["board"], "groups": ["staff"]}')
    assert 'an object has the key "groups" twice' in refused(lines)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("groups: [board]\ngroups: [staff]\n---\n", "front matter: not YAML (the key groups twice, line 2)"),
        ("groups: [staff\n---\n", "front matter: not YAML (expected ',' or ']', but got '<stream end>', line 3)"),
        ("title: A\n\tgroups: [staff]\n---\n", "not YAML"),
        ("title: \x07\n---\n", "not YAML"),
        ("groups: [staff]\n", "it opens with --- and is not closed"),
        ("groups: [staff]\n...\n", "it opens with --- and is not closed"),
        ("groups [staff]\n---\n", "expected keys and values, not 'groups [staff]'"),
        ("- groups\n---\n", "expected keys and values"),
        ("groups:\n---\n", "groups is None, expected a list of names"),
        ("groups: staff\n---\n", "groups is 'staff', expected a list of names"),
        ("groups: [2024]\n---\n", "groups holds 2024, expected a list of names"),
        ("groups: [no]\n---\n", "groups holds False, expected a list of names"),
        ("groups: [staff, ]\n...\nmore: 1\n---\n", "not YAML"),
        ("groups: []\n---\n", "groups is [], expected a list of names"),
        ('groups: ["a, b"]\n---\n', "groups holds 'a, b'"),
        ('groups: ["\\x07"]\n---\n', "groups holds"),
        ("Groups: [staff]\n---\n", "the key 'Groups' does not say who may read"),
        ("group: staff\n---\n", "the key 'group' does not say who may read"),
        ("language: no\n---\n", "language is False, expected a string"),
        ("title: 2024\n---\n", "title is 2024, expected a string"),
        ('date: "\\ud800"\n---\n', "date is '\\ud800'"),
        ('groups: ["\\ud800"]\n---\n', "groups holds '\\ud800'"),
        ('title: "\\ud800"\n---\n', "title is '\\ud800', expected a string of Unicode characters"),
        ('examples: ["\\udc00"]\n---\n', "examples holds '\\udc00', expected a list of strings of Unicode"),
        ("date: 2024-02-30\n---\n", "not YAML"),
        ("date: 18 June 2024\n---\n", "date is '18 June 2024', expected 2024"),
        ("date: true\n---\n", "date is True, expected 2024"),
        ("title: !!int ''\n---\n", "not YAML"),
        ("title: !!bool maybe\n---\n", "not YAML"),
        ("title: !!timestamp soon\n---\n", "not YAML"),
        ("title: !!python/object/apply:os.getcwd []\n---\n", "not YAML"),
        ("title: 0x" + "f" * 5000 + "\n---\n", "title is a number without end, expected a string"),
        ("date: 0x" + "f" * 5000 + "\n---\n", "not YAML"),
        ("title: " + "[" * 1500 + "\n---\n", "not YAML"),
        ("groups: &a [*a]\n---\n", "expected a list of names"),
        (
            "a: &a [x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi"))
            + "groups: *i\n---\n",
            "expected a list of names",
        ),
        ("title: " + "x" * 70_000 + "\n---\n", "it has 70,008 characters, more than 65,536"),
        ("title: A\n---\n\n \n", "it is empty"),
    ],
)  # fmt: skip
def test_wrong_front_matter_is_refused_and_never_means_everyone(tmp_path: Path, block: str, said: str) -> None:
    file = write(tmp_path, "a.md", f"---\n{block}" + ("" if said == "it is empty" else "Text.\n"))
    message = refused(file)
    assert message.startswith(f"{file}: ")
    assert said in message


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["groups", ": ", "[", "]", "{", "}", "\n", "- ", "&a ", "*a", "!!int ", "<<", '"', "'", "|", "---"]
            ),
            st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5),
        ),
        max_size=12,
    ).map("".join)
)
def test_whatever_front_matter_says_it_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, block: str) -> None:
    file = write(tmp_path_factory.mktemp("texts"), "a.md", f"---\n{block}\n---\nText.")
    # no other error
    with suppress(SourceError):
        (document,) = read([file])
        assert document.text.endswith("Text.")


def test_what_front_matter_and_metadata_file_both_say_is_to_be_the_same(tmp_path: Path) -> None:
    file = write(tmp_path, "a.md", "---\ngroups: [staff, board]\ntitle: A\n---\nText.")
    describe(file, {"groups": ["board", "staff"], "title": "A", "date": "2024"})
    (document,) = read([file])
    assert (document.title, document.date, set(document.groups)) == ("A", "2024", {"staff", "board"})
    for about, key in (({"groups": ["staff"]}, "groups"), ({"title": "B"}, "title"), ({"title": None}, "title")):
        describe(file, about)
        message = refused(file)
        assert message.startswith(f"{key} is ")
        assert f"in the front matter of {file}, but" in message
        assert f"in {file}{METADATA_SUFFIX}. " in message


def test_a_folder_is_walked_in_order_of_name_without_what_is_hidden_or_no_text(tmp_path: Path) -> None:
    for name in ("b.txt", "a.MD", "sub/c.markdown", "sub/deep/d.text", "corpus.jsonl"):
        write(tmp_path, name, json.dumps({"doc_id": name, "text": name}))
    for name in (".hidden.txt", ".git/e.txt", "f.pdf", "other.jsonl", "g", "sub/.h/i.md"):
        write(tmp_path, name, b"\xff\xfe")
    (tmp_path / "folder.txt").mkdir()
    assert [Path(str(document.source)).name for document in read([tmp_path])] == [
        "a.MD", "b.txt", "corpus.jsonl#corpus.jsonl", "c.markdown", "d.text",
    ]  # fmt: skip


def test_a_file_that_is_named_is_read_whatever_its_suffix(tmp_path: Path) -> None:
    assert read([write(tmp_path, "README", "Text.")])[0].text == "Text."


def test_no_path() -> None:
    assert "no path" in refused()


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing.txt").startswith(f"{tmp_path}/nothing.txt: No such file or directory. ")


def test_a_path_too_long_to_be_one(tmp_path: Path) -> None:
    assert "x" * 300 in refused(tmp_path / ("x" * 300))


def test_a_folder_with_nothing_readable(tmp_path: Path) -> None:
    write(tmp_path, "a.bin", b"\0")
    message = refused(tmp_path)
    assert message.startswith(f"{tmp_path}: nothing readable")
    assert ".md" in message


@pytest.mark.parametrize("content", ["", " \r\n\t", "\ufeff"])
def test_an_empty_file(tmp_path: Path, content: str) -> None:
    assert refused(write(tmp_path, "a.txt", content)).startswith(f"{tmp_path}/a.txt: it is empty")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Caf\xe9 au lait", "byte 3 is 0xe9"),
        ("Text.".encode("utf-16"), "byte 3 is 0x00"),
        (b"Text \xed\xa0\x80", "byte 5 is 0xed"),
        (b"Text \xc0\x80", "byte 5 is 0xc0"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "byte 7 is 0x00"),
        (b"\xef\xbb\xbfText \xff", "byte 8 is 0xff"),
    ],
)
def test_what_is_not_utf8_is_named_with_its_first_wrong_byte(tmp_path: Path, content: bytes, said: str) -> None:
    file = write(tmp_path, "a.txt", content)
    message = refused(file)
    assert message.startswith(f"{file}: ")
    assert said in message


def test_a_folder_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "Good.")
    bad = write(tmp_path, "b.txt", b"\xff")
    assert refused(tmp_path).startswith(f"{bad}: ")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_line_of_50_megabytes_is_no_prose(tmp_path: Path, newline: str) -> None:
    file = write(tmp_path, "a.txt", f"First line.{newline}" + "x" * 50_000_000)
    message = refused(file)
    assert message.startswith(f"{file}: line 2 is 50,000,000 characters long")


def test_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone")
    assert refused(tmp_path).startswith(f"{tmp_path}/a.txt: No such file")
    assert refused(tmp_path / "a.txt").startswith(f"{tmp_path}/a.txt: No such file")


def test_a_folder_in_place_of_a_metadata_file(tmp_path: Path) -> None:
    file = write(tmp_path, "a.txt", "Text.")
    (tmp_path / f"a.txt{METADATA_SUFFIX}").mkdir()
    assert "Is a directory" in refused(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = write(tmp_path, "a.txt", "Text.")
    file.chmod(0)
    assert refused(file).startswith(f"{file}: Permission denied")


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "wb") as stream:
        stream.write(b"Text.")
    message = refused(tmp_path)
    assert "caf\\udce9.txt" in message
    assert "name" in message


def test_what_is_no_text_is_passed_over_and_named(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "Text.")
    describe(write(tmp_path, "sub/b.md", "More."), {"title": "B"})
    write(tmp_path, "c.pdf", "no text")
    # waiting for a pipe would never end
    os.mkfifo(tmp_path / "d.txt")
    assert {document.text for document in read([tmp_path])} == {"Text.", "More."}
    assert passed_over([tmp_path]) == [tmp_path / "c.pdf", tmp_path / "d.txt"]


def test_a_pipe_is_no_document(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "d.txt")
    with pytest.raises(SourceError, match=r"d\.txt: neither a file nor a folder"):
        read([tmp_path / "d.txt"])


def test_a_name_too_long_to_have_metadata_beside_it(tmp_path: Path) -> None:
    file = write(tmp_path, "n" * 250 + ".txt", "Text.")
    assert read([file])[0].text == "Text."


def test_a_comment_in_a_code_block_is_no_title(tmp_path: Path) -> None:
    file = write(tmp_path, "code.md", "```sh\n# comment\n```\n\n# The title\n\nText.\n")
    assert read([file])[0].title == "The title"


@pytest.mark.parametrize("line", ["--- # who may read", "---\ttitle: A", "--- x"])
def test_front_matter_that_does_not_quite_open_is_refused(tmp_path: Path, line: str) -> None:
    assert "its first line has more than ---" in refused(
        write(tmp_path, "a.md", f"{line}\ngroups: [staff]\n---\nText.")
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_plain_text_with_front_matter_that_names_groups_is_refused_whatever_its_newlines(
    tmp_path: Path, newline: str
) -> None:
    file = tmp_path / "minutes.txt"
    file.write_bytes(newline.join(["---", "title: Minutes", "groups: [board]", "---", "The lighthouse."]).encode())
    with pytest.raises(SourceError, match="groups"):
        read([file])
