"""An edition is published whole or not at all, and is opened only as it was published."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_support import HashEncoder, OtherHashEncoder, documents_of, make_corpus, query_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.corpus import open_corpus
from index.embedded import edition
from index.embedded.corpus import EmbeddedCorpus
from index.embedded.edition import KEPT, EncoderId, open_current
from index.errors import CorpusBusy, CorpusError, CorpusMissing, EditionDamaged, EditionIncompatible
from index.publish import publish
from index.types import Counts, Document

TEXTS = ("The river rises in the hills.\r\n\r\nIt is long.", "A lighthouse \U0001f5fc stands there. It is empty.")

shared_folder = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_corpus(tmp_path / "corpus", *TEXTS).close()
    return tmp_path / "corpus"


def opened(folder: Path) -> EmbeddedCorpus:
    return EmbeddedCorpus.open(folder, HashEncoder())


def contents(folder: Path) -> list[str]:
    with closing(opened(folder)) as corpus:
        return [document.text for document in documents_of(corpus)]


def edition_files(folder: Path) -> list[Path]:
    """Every file of the current edition but its manifest."""
    path, manifest = open_current(folder)
    return [path / name for name in sorted(manifest.files)]


@contextmanager
def rewritten(file: Path, content: bytes) -> Iterator[None]:
    before = file.read_bytes()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(before)


def flipped(content: bytes, bit: int) -> bytes:
    place, bit = divmod(bit % (8 * len(content)), 8)
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def refused(folder: Path, kind: type[CorpusError]) -> str:
    with pytest.raises(CorpusError) as caught:
        opened(folder)
    assert type(caught.value) is kind
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_what_is_opened_is_what_was_published(tmp_path: Path) -> None:
    documents = [
        Document.of(
            "Text one. \ufeff More.\r\n\r\nEnd.", title="Title “1”", source="https://example.com", date="2024-06",
            language="de", groups=("staff", "board"), examples=("Was?",),
        ),
        Document.of("Text two.", title="2"),
    ]  # fmt: skip
    told: list[tuple[int, int]] = []
    manifest = publish(tmp_path, documents, HashEncoder(), progress=lambda done, total: told.append((done, total)))
    with closing(opened(tmp_path)) as corpus:
        assert documents_of(corpus) == documents
        assert corpus.edition == manifest.name
        assert manifest.documents == 2
        assert (corpus.created, corpus.language) == (manifest.created, manifest.language)
        assert corpus.counts == Counts(manifest.documents, manifest.passages)
        assert corpus.sentences(documents[1].id)[0].span.end == len("Text two.")
        with pytest.raises(KeyError):
            corpus.document("none of this id")
    assert told[0] == (0, manifest.passages)
    assert told[-1] == (manifest.passages, manifest.passages)


def test_every_file_of_an_edition_is_listed_with_its_checksum(folder: Path) -> None:
    path, manifest = open_current(folder)
    there = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    assert there == {*manifest.files, "manifest.json"}
    for name, about in manifest.files.items():
        content = (path / name).read_bytes()
        assert (about.size, about.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_nothing_to_index_leaves_the_corpus_as_it_was(folder: Path) -> None:
    with pytest.raises(CorpusError, match="no document"):
        publish(folder, [], HashEncoder())
    assert contents(folder) == list(TEXTS)


def test_documents_of_blanks_leave_the_corpus_as_it_was(folder: Path) -> None:
    with pytest.raises(CorpusError, match="nothing but blanks"):
        make_corpus(folder, " \r\n", "")
    assert contents(folder) == list(TEXTS)


def test_no_corpus(tmp_path: Path) -> None:
    assert str(tmp_path) in refused(tmp_path, CorpusMissing)
    assert refused(tmp_path / "nothing", CorpusMissing)


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    for file in edition_files(folder):
        beside = file.rename(file.with_name("beside"))
        assert refused(folder, EditionDamaged).startswith(f"{file}: No such file")
        beside.rename(file)
    assert contents(folder) == list(TEXTS)


def test_a_folder_in_place_of_a_file_is_named(folder: Path) -> None:
    file = edition_files(folder)[0]
    file.unlink()
    file.mkdir()
    assert str(file) in refused(folder, EditionDamaged)


@shared_folder
@given(data=st.data())
def test_a_truncated_file_is_named(folder: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(edition_files(folder)))
    content = file.read_bytes()
    with rewritten(file, content[: data.draw(st.integers(0, len(content) - 1))]):
        message = refused(folder, EditionDamaged)
    assert message.startswith(f"{file}: it has ")
    assert f"expected {len(content)}" in message


@shared_folder
@given(data=st.data(), bit=st.integers(min_value=0))
def test_a_flipped_bit_is_named(folder: Path, data: st.DataObject, bit: int) -> None:
    file = data.draw(st.sampled_from(edition_files(folder)))
    with rewritten(file, flipped(file.read_bytes(), bit)):
        assert refused(folder, EditionDamaged).startswith(f"{file}: its sha256 is ")


@shared_folder
@given(bit=st.integers(min_value=0))
def test_a_flipped_bit_of_the_manifest_is_named(folder: Path, bit: int) -> None:
    manifest = open_current(folder)[0] / "manifest.json"
    with rewritten(manifest, flipped(manifest.read_bytes(), bit)):
        assert refused(folder, EditionDamaged).startswith(f"{manifest}: ")


@shared_folder
@given(bit=st.integers(min_value=0))
def test_a_flipped_bit_of_the_pointer_opens_no_other_edition(folder: Path, bit: int) -> None:
    pointer, (_, manifest) = folder / "current", open_current(folder)
    content = flipped(pointer.read_bytes(), bit)
    with rewritten(pointer, content):
        # a line feed that becomes another blank changes nothing
        if content.decode("latin-1").split() == pointer.with_name("current").read_text("latin-1").split() and (
            content.split() == f"{manifest.name} {manifest_checksum(folder, manifest.name)}".encode().split()
        ):
            assert open_current(folder)[1] == manifest
        else:
            assert refused(folder, EditionDamaged)


def manifest_checksum(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / "editions" / name / "manifest.json").read_bytes()).hexdigest()


GARBAGE = [
    b"", b"\n", b"one", b"one two three", b"\xff\xfe \xff", b"../.. 0", b"/etc 0", b". 0", b"-- 0", b"nothing 0",
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_pointer_of_garbage_is_damage_and_indexing_again_mends_it(folder: Path, garbage: bytes) -> None:
    (folder / "current").write_bytes(garbage)
    message = refused(folder, EditionDamaged)
    assert str(folder) in message
    assert "quoth index" in message
    make_corpus(folder, "Another text.").close()
    assert contents(folder) == ["Another text."]


def test_a_missing_pointer_is_damage_where_there_are_editions(folder: Path) -> None:
    (folder / "current").unlink()
    assert refused(folder, EditionDamaged).startswith(f"{folder}/current: ")


def test_a_missing_or_garbled_manifest_is_damage(folder: Path) -> None:
    manifest = open_current(folder)[0] / "manifest.json"
    for content in (b"", b"{}", b"[]", b"7", b"\xff", b"[" * 100_000):
        with rewritten(manifest, content):
            assert refused(folder, EditionDamaged).startswith(f"{manifest}: ")
    manifest.unlink()
    assert refused(folder, EditionDamaged).startswith(f"{manifest}: No such file")


@pytest.mark.parametrize("edit", [lambda given: given | {"format": 1}, lambda given: {"format": "next"}])
def test_an_edition_of_another_format_is_called_that(
    folder: Path, edit: Callable[[dict[str, object]], dict[str, object]]
) -> None:
    path, manifest = open_current(folder)
    file = path / "manifest.json"
    file.write_text(json.dumps(edit(json.loads(file.read_bytes()))))
    (folder / "current").write_text(f"{manifest.name} {manifest_checksum(folder, manifest.name)}\n")
    message = refused(folder, EditionIncompatible)
    assert message.startswith(f"{file}: ")
    assert message.endswith("this quoth reads format 2. Index the documents again with quoth index.")


def test_an_edition_of_another_encoder_is_called_that(folder: Path) -> None:
    with pytest.raises(EditionIncompatible, match=r"encoder 'hash'.*'other'"):
        open_corpus(folder, OtherHashEncoder())


@pytest.mark.parametrize("change", [{"checksum": "2" * 64}, {"dimension": 33}, {"name": "renamed"}])
def test_the_encoder_is_known_by_name_checksum_and_dimension(folder: Path, change: dict[str, str | int]) -> None:
    _, manifest = open_current(folder)
    edition.check_encoder(manifest, manifest.encoder, folder)
    with pytest.raises(EditionIncompatible):
        edition.check_encoder(manifest, replace(manifest.encoder, **change), folder)


def publish_files(folder: Path, write: Callable[[Path], None]) -> edition.Manifest:
    about = EncoderId("hash", "0" * 64, 32)
    with edition.drafting(folder) as draft:
        write(draft)
        return edition.publish(folder, draft, encoder=about, language="en", passage_tokens=160, documents=1, passages=1)


def test_one_publisher_at_a_time(folder: Path) -> None:
    def publish_too(staging: Path) -> None:
        (staging / "file").write_text("first")
        with pytest.raises(CorpusBusy, match="another process"):
            publish(folder, [Document.of("Second.", title="2")], HashEncoder())

    name = publish_files(folder, publish_too).name
    assert open_current(folder)[1].name == name


def test_a_lock_that_nobody_holds_any_more_stops_no_one(folder: Path) -> None:
    with (folder / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(CorpusBusy):
            make_corpus(folder, "Another text.")
    make_corpus(folder, "Another text.").close()


def test_the_last_few_editions_are_kept_and_each_names_its_parent(folder: Path) -> None:
    published = [open_current(folder)[1]]
    for n in range(KEPT + 2):
        with closing(make_corpus(folder, f"Text number {n}.")) as corpus:
            published.append(open_current(folder)[1])
            assert corpus.edition == published[-1].name
    assert [manifest.parent for manifest in published] == [None, *(manifest.name for manifest in published[:-1])]
    kept = sorted(path.name for path in (folder / "editions").iterdir())
    assert kept == sorted(manifest.name for manifest in published[-KEPT:])


def test_an_open_corpus_keeps_its_edition_whatever_is_published(folder: Path) -> None:
    with closing(opened(folder)) as corpus:
        path, _ = open_current(folder)
        for n in range(KEPT + 1):
            make_corpus(folder, f"Text number {n}.").close()
        assert not path.exists()
        assert [document.text for document in documents_of(corpus)] == list(TEXTS)
        (hit,) = corpus.search(query_for(TEXTS[0]), 1)
        assert hit.passage.text == TEXTS[0]
        assert [passage.document.text for passage in corpus.like("lighthouse", 5)] == [TEXTS[-1]]
    assert contents(folder) == [f"Text number {KEPT}."]


def test_a_failure_while_writing_leaves_the_corpus_as_it_was(folder: Path) -> None:
    def fail(staging: Path) -> None:
        (staging / "file").write_text("half")
        raise KeyboardInterrupt

    before = sorted(folder.rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        publish_files(folder, fail)
    assert sorted(folder.rglob("*")) == before
    assert contents(folder) == list(TEXTS)


def test_what_a_crash_left_is_cleared(folder: Path) -> None:
    (folder / ".staging-crashed" / "lexical").mkdir(parents=True)
    (folder / ".staging-crashed" / "lexical" / "half").write_text("x")
    make_corpus(folder, "Another text.").close()
    assert not list(folder.glob(".staging-*"))


@pytest.mark.parametrize("place", ["/proc/quoth", "/dev/null", "/dev/null/corpus"])
def test_a_place_that_cannot_be_written(place: str) -> None:
    with pytest.raises(CorpusError, match=f"{place}: the corpus cannot be written"):
        make_corpus(Path(place), "Some text.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(folder: Path) -> None:
    folder.chmod(0o555)
    try:
        with pytest.raises(CorpusError, match="Permission denied"):
            make_corpus(folder, "Another text.")
        assert contents(folder) == list(TEXTS)
    finally:
        folder.chmod(0o755)


FULL_DISK = """
import resource, sys
from pathlib import Path
from corpus_support import make_corpus
from index.errors import CorpusError
from index.text.tokens import count_tokens
folder, previous = Path(sys.argv[1]), Path(sys.argv[1]).joinpath("current").read_bytes()
text = " ".join(f"Sentence number {n} tells of the river." for n in range(600))
count_tokens([text])  # tiktoken keeps its vocabulary in a temporary file: not what is tried here
for limit in (0, 500, 2_000, 8_000, 20_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        make_corpus(folder, text)
    except CorpusError as error:
        assert type(error) is CorpusError and "cannot be written" in str(error), error
    else:
        raise AssertionError(f"published within {limit} bytes a file")
    assert folder.joinpath("current").read_bytes() == previous
    assert not list(folder.glob(".staging-*"))
"""


def test_a_disk_that_is_full(folder: Path) -> None:
    run_script(FULL_DISK, folder)
    assert contents(folder) == list(TEXTS)


KILLED = """
import os, random, signal, sys, threading, time
from contextlib import closing
from pathlib import Path
from corpus_support import make_corpus, documents_of, HashEncoder
from index.embedded import edition
from index.corpus import Corpus, open_corpus
from index.text.tokens import count_tokens
from tqdm import tqdm

# its own is shared with the children, and one that is killed would keep it for ever
tqdm.set_lock(threading.RLock())

folder, random = Path(sys.argv[1]), random.Random(sys.argv[2])
# the calls that change something on the disk: before each of them, and thus after each, is an instant to be killed at
STEPS = {"open", "write", "close", "fsync", "rename", "replace", "mkdir", "rmdir", "unlink", "chmod", "flock"}

def publish_text(text):
    with edition.drafting(folder / "texts") as draft:
        (draft / "deeper").mkdir()
        (draft / "deeper" / "text").write_text(text)
        edition.publish(folder / "texts", draft, encoder=edition.EncoderId("hash", "0" * 64, 32), language="en",
                        passage_tokens=160, documents=1, passages=1)

def current_text():
    path, _ = edition.open_current(folder / "texts")
    return (path / "deeper" / "text").read_text()

def die_at(at):
    steps = 0
    def count(frame, event, called):
        nonlocal steps
        if event == "c_call" and called.__name__ in STEPS:
            steps += 1
            if steps == at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)

def in_a_child(act, delay=None):
    child = os.fork()
    if child == 0:
        act()
        os._exit(0)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == 0

# an edition of one file, killed at each step that its publication takes
publish_text("0")
current, at, finished = "0", 0, False
while not finished:
    at += 1
    finished = in_a_child(lambda: (die_at(at), publish_text(str(at))))
    assert current_text() in (current, str(at)), current_text()
    current = current_text()
assert current == str(at) and at > 40, at

# a whole corpus, killed at any instant
def whole():
    with closing(open_corpus(folder / "corpus", HashEncoder())) as corpus:
        (document,) = documents_of(corpus)
        assert "".join(document[sentence.span] for sentence in corpus.sentences(document.id)) == document.text
        return document.text

count_tokens(["loaded before the children are made, not in each"])
make_corpus(folder / "corpus", "The first text.").close()
current = whole()
for attempt in range(25):
    text = f"Attempt {attempt} wrote this. " * 40
    in_a_child(lambda: make_corpus(folder / "corpus", text), delay=random.uniform(0, 0.04))
    assert whole() in (current, text)
    current = whole()
make_corpus(folder / "corpus", "The last text.").close()
assert whole() == "The last text."
assert not list(folder.glob("*/.staging-*"))
"""


def test_killed_at_any_instant_the_last_edition_stays_whole(tmp_path: Path) -> None:
    run_script(KILLED, tmp_path, "20240618")


def run_script(script: str, *arguments: str | Path) -> None:
    """In a process of its own: it is killed, or has its files limited."""
    tests = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
