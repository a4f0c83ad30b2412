"""A bundle is whole or not there, and it installs and answers without a network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sealed_support import sealed

from index.embedded.edition import EncoderId, drafting, open_current, publish
from index.encoders.encoder import PACKAGED
from index.encoders.packaged import PACKAGED_SHA256
from index.errors import CorpusMissing, EditionDamaged, EditionIncompatible, SettingsError
from ui.command.bundle import write_bundle
from ui.settings import ServerSettings as Settings

ROOT = Path(__file__).parent.parent


def make_edition(corpus: Path, encoder: str = PACKAGED) -> Path:
    """An edition of one file, which is all that a bundle cares about."""
    with drafting(corpus) as draft:
        (draft / "file").write_text("content")
        publish(
            corpus, draft, encoder=EncoderId(encoder, PACKAGED_SHA256, 384),
            language="en", passage_tokens=160, documents=1, passages=1,
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


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    for taken in (tmp_path / "full", tmp_path / "full" / "mine"):
        with pytest.raises(SettingsError, match=r"not an empty folder\. Name a new folder"):
            write_bundle(taken, settings)
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
def test_a_model_without_a_package_is_refused(tmp_path: Path, own: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(own))} is '.*my/.*', and a bundle holds only"):
        write_bundle(tmp_path / "bundle", Settings(corpus=tmp_path, **own))
    assert not (tmp_path / "bundle").exists()


def test_a_missing_damaged_or_incompatible_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusMissing):
        write_bundle(tmp_path / "bundle", Settings(corpus=tmp_path / "none"))
    with pytest.raises(EditionIncompatible):
        write_bundle(tmp_path / "bundle", Settings(corpus=make_edition(tmp_path / "other", "my/encoder")))
    damaged = make_edition(tmp_path / "damaged")
    (open_current(damaged)[0] / "file").write_text("c0ntent")
    with pytest.raises(EditionDamaged):
        write_bundle(tmp_path / "bundle", Settings(corpus=damaged))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["damaged", "other"]


@pytest.mark.usefixtures("no_index")
def test_without_packages_nothing_is_written(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(
        SettingsError, match=r"pip wheel failed \(.*\)\. Bundle on a machine whose pip reaches"
    ) as raised:
        write_bundle(tmp_path / "deep" / "bundle", settings)
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "deep").iterdir()) == []


@pytest.mark.usefixtures("no_index")
@pytest.mark.parametrize("url", [None, "https://elsewhere.invalid/quoth.whl", "file:///no/such/folder"])
def test_quoth_is_bundled_only_from_where_it_was_installed_from(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    # an index may have another package of this name
    about = tmp_path / "path" / "quoth-7.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: quoth\nVersion: 7\n")
    if url:
        (about / "direct_url.json").write_text(json.dumps({"url": url}))
    monkeypatch.syspath_prepend(about.parent)
    with pytest.raises(SettingsError, match=r"expected a folder or a wheel on this machine\. Install it from"):
        write_bundle(tmp_path / "bundle", settings)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.slow
def test_a_bundle_installs_and_answers_where_there_is_only_loopback(tmp_path: Path) -> None:
    bundle, environment = tmp_path / "bundle", tmp_path / "environment"
    install = sealed("sh", bundle / "install.sh", environment)
    corpus = tmp_path / "corpus"
    quoth = [sys.executable, "-m", "ui.command.cli"]
    subprocess.run([*quoth, "index", "seeds", "--corpus", corpus], cwd=ROOT, check=True, timeout=600)
    # settings and secrets that stay here
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)
    settings = Settings(corpus=corpus, data=tmp_path / "data", embed_secret=secret, proxy_secret=secret)
    written = write_bundle(bundle, settings)
    assert sorted(entry.name for entry in bundle.iterdir()) == ["SHA256SUMS", "corpus", "install.sh", "wheels"]
    assert written.packages == len(list((bundle / "wheels").iterdir()))
    assert open_current(bundle / "corpus")[1] == open_current(corpus)[1]
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []
    for file in bundle.glob("*"):
        assert file.is_dir() or str(tmp_path) not in file.read_text()

    variables = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"], "PYTHON": sys.executable}

    def outcome(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=1800
        )

    pointer = bundle / "corpus" / "current"
    whole = pointer.read_text()
    pointer.write_text(whole.swapcase())
    refused = outcome(install)
    assert refused.returncode == 1
    assert "corpus/current: FAILED" in refused.stdout
    assert not environment.exists()
    pointer.write_text(whole)

    done = outcome(install)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Start it with:  QUOTH_CORPUS=" in done.stdout
    variables["QUOTH_CORPUS"] = str(bundle / "corpus")
    made = str(environment / "bin" / "quoth")
    findings = json.loads(outcome(sealed(made, "doctor", "--offline", "--json")).stdout)
    assert [finding for finding in findings if not finding["good"]] == []
    asked = outcome(sealed(made, "ask", "What gifts did Putin bring Kim Jong Un?", "--json"))
    row = json.loads(asked.stdout)
    assert any("tea set" in shown["text"] for shown in row["citations"] + row["closest"]), asked.stderr
