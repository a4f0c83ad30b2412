"""The file of API keys: begun by several at once, private, and named where it cannot be used."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from index.errors import SettingsError
from ui.access import SCOPES
from ui.keyring import FILE, Keyring

ROOT = Path(__file__).parent.parent

OPENER = """
import sys
from pathlib import Path
from ui.keyring import Keyring

folders = [Path(line) for line in sys.argv[1:]]
sys.stdin.readline()
for folder in folders:
    Keyring.open(folder).make("ada", [], ["ask"], 1)
"""


def test_several_processes_begin_a_keyring_at_once(tmp_path: Path) -> None:
    folders = [tmp_path / str(n) / "data" for n in range(10)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, *map(str, folders)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, complaint = process.communicate()
        assert process.returncode == 0, complaint
    for folder in folders:
        with closing(Keyring.open(folder)) as keyring:
            assert len(keyring.keys()) == len(processes)


def test_who_begins_a_keyring_waits_for_who_began_before(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    opener = threading.Thread(target=lambda: Keyring.open(tmp_path).close())
    opener.start()
    opener.join(0.2)
    assert not (tmp_path / FILE).exists()
    os.close(descriptor)
    opener.join()
    assert (tmp_path / FILE).exists()


def test_the_folder_and_the_file_are_nobody_elses_to_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Keyring.open(tmp_path / "data").close()
    finally:
        os.umask(before)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600


def test_where_there_can_be_no_keys_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be made"):
        Keyring.open(tmp_path / "file" / "data")
    (tmp_path / FILE).write_text("no database" * 1000)
    with pytest.raises(SettingsError, match="no API keys can be kept there"):
        Keyring.open(tmp_path)


def test_a_file_that_can_no_longer_be_used_is_said(tmp_path: Path) -> None:
    with closing(Keyring.open(tmp_path)) as keyring:
        _, secret = keyring.make("ada", [], SCOPES, 1)
        keyring._database.execute("DROP TABLE keys")  # as good as a damaged file, and sooner done
        for use in (keyring.keys, lambda: keyring.person(secret), lambda: keyring.make("ada", [], SCOPES, 1)):
            with pytest.raises(SettingsError, match=r"keys\.sqlite cannot be used"):
                use()
