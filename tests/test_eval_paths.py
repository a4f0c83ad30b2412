"""Files are written whole, where a name leads; what cannot be written is told beforehand."""

from __future__ import annotations

import argparse
import errno
import os
import threading
from pathlib import Path

import pytest

from eval.run.paths import output_path, overwritten, write_whole


def test_a_file_is_written_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    write_whole(path, "one\r\n")
    write_whole(path, "two\n")
    assert path.read_bytes() == b"two\n"
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "three\ud800")

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space") as caught:
        write_whole(path, "four\n")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"two\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = output_path(str(tmp_path / ("x" * 255)))
    write_whole(path, "whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path, there: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "rows.jsonl", tmp_path / "rows.jsonl"
    if there:
        target.write_text("before")
    link.symlink_to("elsewhere/rows.jsonl")
    write_whole(output_path(str(link)), "after")
    assert link.is_symlink()
    assert target.read_text() == "after"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert output_path(str(pipe)) == pipe
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "rows")
    reader.join(10)
    assert (got, pipe.is_fifo()) == (["rows"], True)


def test_a_pipe_whose_reader_has_enough_is_no_trouble(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: os.close(os.open(pipe, os.O_RDONLY)))
    reader.start()
    write_whole(pipe, "rows" * 100_000)
    reader.join(10)


def test_a_device_is_written_into() -> None:
    write_whole(output_path("/dev/null"), "rows")
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(Path("/dev/full"), "rows")
    assert caught.value.filename == "/dev/full"
    assert Path("/dev/null").is_char_device()


def test_a_loop_and_a_folder_that_is_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for name in ("loop", "file/rows", "none/rows", "."):
        with pytest.raises(argparse.ArgumentTypeError, match="cannot be written"):
            output_path(str(tmp_path / name))


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **kinds: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    # taken away like this, since a superuser may write anywhere
    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(argparse.ArgumentTypeError, match=r"rows' cannot be written \(Permission denied\)"):
        output_path(str(tmp_path / "rows"))


def test_what_is_read_or_written_is_not_written_over(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    (documents / "sea").mkdir(parents=True)
    questions = tmp_path / "questions.jsonl"
    questions.touch()
    (tmp_path / "link").symlink_to(questions)
    (tmp_path / "hard").hardlink_to(questions)
    read = [documents, questions]
    for wrong in (
        "link",
        "hard",
        "documents/sea/harbour.txt",
        "documents/../questions.jsonl",
        "documents/corpus.jsonl",
    ):
        assert "is to be read" in (overwritten([tmp_path / wrong], read) or ""), wrong
    assert overwritten([tmp_path / "documents" / "rows.jsonl", tmp_path / "report.html"], read) is None
    assert "written twice" in (overwritten([tmp_path / "new", documents / ".." / "new"], read) or "")
