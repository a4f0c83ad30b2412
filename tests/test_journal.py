"""The journal: what it stores, for how long, who may change it, and which failures it survives."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from index.errors import SettingsError
from ui.journal import journal as module
from ui.journal.journal import Gap, Journal, read_gaps

ROOT = Path(__file__).parent.parent


def opened(folder: Path, *, days: int = 90, named: bool = True) -> Journal:
    return Journal(folder / "journal.sqlite", days=days, named=named)


def ask(journal: Journal, id: str, *, answered: bool = False, user: str | None = None) -> None:
    journal.asked(id, f"Question {id}?", answered, 0.25, "edition", user)


def gaps(folder: Path, *, days: int = 90) -> list[Gap]:
    return read_gaps(folder / "journal.sqlite", days=days)


def ids(folder: Path, *, days: int = 90) -> list[str]:
    return [gap.id for gap in gaps(folder, days=days)]


def stored(folder: Path, columns: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(folder / "journal.sqlite")
    try:
        return database.execute(f"SELECT {columns} FROM asked ORDER BY id").fetchall()
    finally:
        database.close()


def test_gaps_are_unanswered_questions_and_negative_feedback(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    before = time.time()
    ask(journal, "1")
    for id in "2345":
        ask(journal, id, answered=True)
    assert journal.feedback("2", "down", "Wrong\nyear", None)
    assert journal.feedback("3", "up", "", None)
    # what is thought last holds
    assert journal.feedback("4", "down", "no", None)
    assert journal.feedback("4", "up", "yes, after all", None)
    first, second = gaps(tmp_path)
    assert before <= first.at <= second.at <= time.time()
    assert first == Gap("1", "Question 1?", "unanswered", "", "edition", first.at)
    assert second == Gap("2", "Question 2?", "down", "Wrong\nyear", "edition", second.at)
    journal.close()
    assert gaps(tmp_path) == [first, second]


def test_old_questions_are_no_gaps_even_before_they_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path, days=30)
    ask(journal, "1")
    assert ids(tmp_path, days=30) == ["1"]
    later = time.time() + 31 * 86_400
    monkeypatch.setattr("ui.journal.journal.time", lambda: later)
    assert ids(tmp_path, days=30) == []
    assert ids(tmp_path, days=32) == ["1"]


def test_only_the_person_who_asked_gives_feedback(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    ask(journal, "1", answered=True, user="ada")
    ask(journal, "2", answered=True)
    assert not journal.feedback("1", "down", "", "bob")
    assert not journal.feedback("1", "down", "", None)
    assert not journal.feedback("2", "down", "", "ada")
    assert not journal.feedback("3", "down", "", "ada")
    assert not journal.feedback("' OR 1 = 1 --", "down", "", "ada")
    assert gaps(tmp_path) == []
    assert journal.feedback("1", "down", "", "ada")
    assert ids(tmp_path) == ["1"]


def test_names_are_stored_only_if_that_is_set(tmp_path: Path) -> None:
    journal = opened(tmp_path, named=False)
    ask(journal, "1", answered=True, user="ada")
    assert stored(tmp_path, "user") == [(None,)]
    assert b"ada" not in (tmp_path / "journal.sqlite-wal").read_bytes()
    assert journal.feedback("1", "down", "", "ada")


def test_old_questions_are_deleted_at_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = 1_700_000_000.0
    monkeypatch.setattr(module, "time", lambda: started)
    journal = opened(tmp_path)
    journal.asked("1", "Something very private", False, 0.0, "edition", None)
    monkeypatch.setattr(module, "time", lambda: started + 86_400)
    ask(journal, "2")
    journal.close()
    monkeypatch.setattr(module, "time", lambda: started + 30 * 86_400 + 1)
    opened(tmp_path, days=30)
    assert stored(tmp_path, "id") == [("2",)]
    # nor does the file say it any more
    for file in tmp_path.iterdir():
        assert b"private" not in file.read_bytes()


def test_old_questions_are_deleted_once_a_day_of_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_700_000_000.0
    monkeypatch.setattr(module, "time", lambda: now)
    journal = opened(tmp_path, days=2)
    for day in range(5):
        ask(journal, str(day))
        now += 86_400
    assert stored(tmp_path, "id") == [("2",), ("3",), ("4",)]
    assert ids(tmp_path, days=2) == ["3", "4"]


def test_answered_questions_without_feedback_are_deleted_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = 1_700_000_000.0
    monkeypatch.setattr(module, "time", lambda: started)
    journal = opened(tmp_path)
    ask(journal, "unanswered", user="ada")
    journal.asked("unjudged", "Something very private", True, 0.9, "edition", "ada")
    for verdict in ("up", "down"):
        ask(journal, verdict, answered=True, user="ada")
        assert journal.feedback(verdict, verdict, "", "ada")
    # as long as it may be named it can be judged
    monkeypatch.setattr(module, "time", lambda: started + 86_399)
    ask(journal, "late", answered=True, user="ada")
    assert len(stored(tmp_path, "id")) == 5
    monkeypatch.setattr(module, "time", lambda: started + 86_401)
    ask(journal, "later", answered=True, user="ada")
    assert stored(tmp_path, "id") == [("down",), ("late",), ("later",), ("unanswered",), ("up",)]
    assert not journal.feedback("unjudged", "down", "", "ada")
    assert journal.feedback("late", "down", "", "ada")
    for file in tmp_path.iterdir():
        assert b"private" not in file.read_bytes()
    journal.close()
    # and at opening
    monkeypatch.setattr(module, "time", lambda: started + 3 * 86_400)
    opened(tmp_path)
    assert ids(tmp_path) == ["down", "unanswered", "late"]
    assert stored(tmp_path, "id") == [("down",), ("late",), ("unanswered",), ("up",)]


def test_reading_the_gaps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "journal.sqlite"
    with pytest.raises(SettingsError, match="there is no journal"):
        read_gaps(file, days=30)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingsError, match="there is no journal"):
        read_gaps(tmp_path / ("x" * 300), days=30)
    file.touch()
    with pytest.raises(SettingsError, match="belongs to another program"):
        read_gaps(file, days=30)
    assert file.stat().st_size == 0
    journal = opened(tmp_path)
    ask(journal, "1")
    journal.close()
    monkeypatch.setattr(module, "time", lambda: time.time() + 1000 * 86_400)
    assert read_gaps(file, days=30) == []
    assert stored(tmp_path, "id") == [("1",)]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_files_are_private(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        journal = opened(tmp_path)
        ask(journal, "1")
    finally:
        os.umask(before)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"journal.sqlite": 0o600, "journal.sqlite-wal": 0o600, "journal.sqlite-shm": 0o600}


def test_a_file_that_others_can_read_becomes_private(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "journal.sqlite").chmod(0o644)
    copy = tmp_path / "journal.sqlite-old"
    copy.touch(mode=0o640)
    opened(tmp_path)
    assert (tmp_path / "journal.sqlite").stat().st_mode & 0o777 == 0o600
    assert copy.stat().st_mode & 0o777 == 0o640


def text(file: Path) -> None:
    file.write_text("Notes of mine. " * 100)


def other_database(file: Path) -> None:
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE asked (id TEXT)")
    database.commit()
    database.close()


def of_another_program(file: Path) -> None:
    database = sqlite3.connect(file)
    database.execute("PRAGMA application_id = 1")
    database.commit()
    database.close()


def of_another_version(file: Path) -> None:
    Journal(file, days=1, named=False).close()
    database = sqlite3.connect(file)
    database.execute("PRAGMA user_version = 7")
    database.commit()
    database.close()


def damaged(file: Path) -> None:
    journal = Journal(file, days=90, named=False)
    for number in range(200):
        ask(journal, f"{number:03} {'x' * 100}")
    journal.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\x99" * (len(content) - 4096)
    file.write_bytes(content)


@pytest.mark.parametrize("make", [text, other_database, of_another_program, of_another_version, damaged, Path.mkdir])
def test_a_file_that_is_not_a_journal_is_refused_and_unchanged(tmp_path: Path, make: object) -> None:
    assert callable(make)
    file = tmp_path / "journal.sqlite"
    make(file)
    before = file.read_bytes() if file.is_file() else None
    mode = file.stat().st_mode
    with pytest.raises(SettingsError) as refused:
        Journal(file, days=90, named=True)
    assert str(file) in str(refused.value)
    with pytest.raises(SettingsError):
        read_gaps(file, days=30)
    assert (file.read_bytes() if file.is_file() else None) == before
    assert file.stat().st_mode == mode


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    # what a crash leaves that came between making the file and writing to it
    (tmp_path / "journal.sqlite").touch()
    journal = opened(tmp_path)
    ask(journal, "1")
    assert ids(tmp_path) == ["1"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"No such file or directory.*Set QUOTH_DATA"):
        Journal(tmp_path / "none" / "journal.sqlite", days=1, named=False)
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="Not a directory"):
        Journal(tmp_path / "file" / "journal.sqlite", days=1, named=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SettingsError, match="Permission denied"):
        opened(tmp_path)


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    # a full disk, as SQLite sees it
    (pages,) = journal._database.execute("PRAGMA page_count").fetchone()
    journal._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SettingsError, match="full"):
        journal.asked("1", "x" * 100_000, False, 0.0, "edition", None)
    assert gaps(tmp_path) == []


def test_threads_can_share_a_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)

    def work(name: str) -> None:
        for number in range(20):
            ask(journal, f"{name}{number}", user=name)
            assert journal.feedback(f"{name}{number}", "down", "", name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gaps(tmp_path)) == 80
    assert {verdict for (verdict,) in stored(tmp_path, "verdict")} == {"down"}


WRITER = """
import sys, threading
from pathlib import Path
from ui.journal.journal import Journal

journal = Journal(Path(sys.argv[1]), days=90, named=True)
most = int(sys.argv[3])
out = threading.Lock()

def work(name):
    number = 0
    while number < most:
        id = f"{sys.argv[2]}-{name}-{number}"
        journal.asked(id, "Why?", True, .5, "edition", name)
        known = journal.feedback(id, "down", id, name)
        with out:
            # one write each: a line that is there is whole
            sys.stdout.write(f"{id} {known}\\n")
            sys.stdout.flush()
        number += 1

threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in ("ada", "bob")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def writer(file: Path, name: str, most: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), name, str(most)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("most", [1, 40])
def test_acknowledged_writes_survive_kill_9(tmp_path: Path, most: int) -> None:
    file = tmp_path / "journal.sqlite"
    process = writer(file, "one", 1_000_000)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(most)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    acknowledged += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    assert all(line.endswith(" True\n") for line in acknowledged)
    opened(tmp_path)
    kept = {gap.id: gap.comment for gap in gaps(tmp_path)}
    assert {line.split()[0] for line in acknowledged} <= set(kept)
    assert all(id == comment for id, comment in kept.items())


def test_processes_can_share_a_file_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    processes = [writer(file, str(number), 10) for number in range(3)]
    assert [len(process.communicate()[0].splitlines()) for process in processes] == [20] * 3
    assert [process.returncode for process in processes] == [0] * 3
    assert len(read_gaps(file, days=30)) == 60
