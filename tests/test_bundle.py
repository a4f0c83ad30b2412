"""A bundle is whole or not there, and installs and answers where there is no network."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sealed_support import sealed

from index.embedded.edition import EncoderId, open_current, publish
from index.encoders.encoder import PACKAGED
from index.encoders.packaged import PACKAGED_SHA256
from index.errors import CorpusMissing, EditionDamaged, EditionIncompatible, ModelError, SettingsError
from rag.settings import Settings
from ui.command.bundle import own_wheel, write_bundle
from ui.command.requirements import installed_for

ROOT = Path(__file__).parent.parent
FILES = {
    "index/__init__.py": "",
    "index/what, where.txt": "α\n",
    "quoth-7.dist-info/METADATA": "Metadata-Version: 2.1\nName: quoth\nVersion: 7\n",
    "quoth-7.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "quoth-7.dist-info/entry_points.txt": "[console_scripts]\nquoth = index:main\n",
}


def silent(_: str) -> None:
    pass


def make_edition(corpus: Path, encoder: str = PACKAGED) -> Path:
    """An edition of one file, which is all that a bundle cares about."""
    publish(
        corpus, lambda folder: (folder / "file").write_text("content") and None,
        encoder=EncoderId(encoder, PACKAGED_SHA256, 384), language="en", passage_tokens=160, documents=1, passages=1,
    )  # fmt: skip
    return corpus


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(corpus=make_edition(tmp_path / "corpus"))


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip is told of no place to look at."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    for taken in (tmp_path / "full", tmp_path / "full" / "mine"):
        with pytest.raises(SettingsError, match=r"there already and not an empty folder\. Name a new folder"):
            write_bundle(taken, settings, silent)
    assert (tmp_path / "full" / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    "own",
    [
        {"encoder": "my/encoder"},
        {"reader": "transformers:my/reader"},
        {"reranker": "my/reranker"},
        {"calibration": Path("my/calibration.json")},
    ],
)
def test_a_model_of_ones_own_is_refused_and_named(tmp_path: Path, own: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(own))} is '.*my/.*', which is in no package"):
        write_bundle(tmp_path / "bundle", Settings(corpus=tmp_path, **own), silent)
    assert not (tmp_path / "bundle").exists()


def test_a_corpus_is_needed_whole_and_of_the_packaged_encoder(tmp_path: Path) -> None:
    with pytest.raises(CorpusMissing):
        write_bundle(tmp_path / "bundle", Settings(corpus=tmp_path / "none"), silent)
    with pytest.raises(EditionIncompatible):
        write_bundle(tmp_path / "bundle", Settings(corpus=make_edition(tmp_path / "other", "my/encoder")), silent)
    damaged = make_edition(tmp_path / "damaged")
    (open_current(damaged)[0] / "file").write_text("c0ntent")
    with pytest.raises(EditionDamaged):
        write_bundle(tmp_path / "bundle", Settings(corpus=damaged), silent)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["damaged", "other"]


@pytest.mark.usefixtures("no_index")
def test_without_packages_there_is_a_remedy_and_nothing_is_left(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"pip cannot get .*\. Bundle on a machine whose pip reaches") as raised:
        write_bundle(tmp_path / "deep" / "bundle", settings, silent)
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "deep").iterdir()) == []


@pytest.fixture
def installed(tmp_path: Path) -> importlib.metadata.Distribution:
    """A small quoth, installed by pip from a wheel."""
    wheel = tmp_path / "quoth-7-py3-none-any.whl"
    digests = {name: hashlib.sha256(content.encode()).digest() for name, content in FILES.items()}
    hashes = {name: base64.urlsafe_b64encode(digest).decode().rstrip("=") for name, digest in digests.items()}
    record = "".join(f'"{name}",sha256={hashed},\n' for name, hashed in hashes.items()) + "quoth-7.dist-info/RECORD,,\n"
    with zipfile.ZipFile(wheel, "w") as packed:
        for name, content in {**FILES, "quoth-7.dist-info/RECORD": record}.items():
            packed.writestr(name, content)
    return install(wheel, tmp_path / "installed")


def install(wheel: Path, into: Path) -> importlib.metadata.Distribution:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", into, wheel]
    subprocess.run(command, check=True, timeout=300)
    return next(iter(importlib.metadata.distributions(name="quoth", path=[str(into)])))


def test_what_is_installed_is_packed_again_as_it_came(
    tmp_path: Path, installed: importlib.metadata.Distribution
) -> None:
    (tmp_path / "wheels").mkdir()
    wheel = own_wheel(installed, tmp_path / "wheels")
    assert wheel.name == "quoth-7-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as packed:
        content = {name: packed.read(name).decode() for name in packed.namelist()}
    assert content.pop("quoth-7.dist-info/RECORD").count("sha256=") == len(FILES)
    assert content == FILES
    again = install(wheel, tmp_path / "again")
    assert {str(file) for file in again.files or ()} >= set(FILES)
    assert (tmp_path / "again" / "bin" / "quoth").exists()


def test_what_was_changed_since_it_was_installed_is_not_packed(
    tmp_path: Path, installed: importlib.metadata.Distribution
) -> None:
    changed = tmp_path / "installed" / "index" / "what, where.txt"
    changed.write_text("β\n", encoding="utf-8")
    with pytest.raises(ModelError, match="it was changed since it was installed"):
        own_wheel(installed, tmp_path)
    changed.unlink()
    with pytest.raises(ModelError, match="No such file"):
        own_wheel(installed, tmp_path)


def test_packages_are_followed_through_extras_and_markers_and_around_circles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, version, needs in (
        ("Try_One", "1.0+local", ["try-two[more]>=2", 'try-none; python_version < "3"']),
        ("try-two", "2.5", ["try-one", 'try-three<3; extra == "more"', 'try-four; extra == "most"']),
        ("try-three", "3.0", []),
    ):
        about = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {need}" for need in needs)]
        (about / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    versions = {"try-one": "1.0+local", "try-three": "3.0", "try-two": "2.5"}
    unfit = "try-two needs try-three<3, and there is 3.0"
    assert installed_for(["try.one==1.0"]) == (versions, [unfit])
    assert installed_for(["try-one", "try-gone>1"]) == (versions, ["quoth needs try-gone, which is missing", unfit])


@pytest.mark.slow
def test_a_bundle_installs_and_answers_where_there_is_only_loopback(tmp_path: Path) -> None:
    run = sealed("sh", tmp_path / "bundle" / "install.sh", tmp_path / "made" / "quoth")
    corpus, bundle = tmp_path / "corpus", tmp_path / "bundle"
    quoth = [sys.executable, "-m", "ui.command.cli"]
    subprocess.run([*quoth, "index", "seeds", "--corpus", corpus], cwd=ROOT, check=True, timeout=600)
    written = write_bundle(bundle, Settings(corpus=corpus), silent)
    assert sorted(entry.name for entry in bundle.iterdir()) == [
        "README.txt", "SHA256SUMS", "corpus", "install.sh", "wheels",
    ]  # fmt: skip
    assert written.packages == len(list((bundle / "wheels").iterdir()))
    assert open_current(bundle / "corpus")[1] == open_current(corpus)[1]
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []

    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "PIP_NO_INDEX": "1",
        "QUOTH_CORPUS": str(tmp_path / "made" / "corpus"),
    }

    def outcome(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=1800
        )

    readme = bundle / "README.txt"
    whole = readme.read_text()
    readme.write_text(whole.replace("quoth", "qu0th", 1))
    refused = outcome(run)
    assert refused.returncode == 1
    assert "README.txt: FAILED" in refused.stdout
    assert not (tmp_path / "made").exists()
    readme.write_text(whole)

    done = outcome(run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Start it with:  QUOTH_CORPUS=" in done.stdout
    made = str(tmp_path / "made" / "quoth" / "bin" / "quoth")
    found = json.loads(outcome(sealed(made, "doctor", "--offline", "--json")).stdout)
    assert [finding for finding in found if not finding["good"]] == []
    assert {"subject": "file reader.safetensors", "good": True} in [
        {key: finding[key] for key in ("subject", "good")} for finding in found if "as it was" in finding["detail"]
    ]
    asked = outcome(sealed(made, "ask", "What gifts did Putin bring Kim Jong Un?", "--json"))
    row = json.loads(asked.stdout)
    assert any("tea set" in shown["text"] for shown in row["citations"] + row["closest"]), asked.stderr
