"""`quoth bundle`: writes a folder with everything that a machine without a network needs.

    FOLDER/
      wheels/       quoth and every package that it needs, in the versions installed here; weights are packages too
      corpus/       the current edition
      install.sh    checks the checksums, installs, and runs quoth doctor --offline
      SHA256SUMS    of every other file

The folder is written under another name and then renamed, so it is never incomplete.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from index.embedded.edition import EncoderId, check_encoder, open_current
from index.encoders.encoder import PACKAGED
from index.encoders.packaged import PACKAGED_SHA256
from index.errors import SettingsError
from index.exit_codes import print_json
from index.files import sha256_of
from rag.readers.names import READERS
from ui.command.terminal import Terminal
from ui.settings import ServerSettings

_INSTALL = """\
#!/bin/sh
# Installs quoth from this folder, without a network:   sh install.sh [FOLDER OF ITS PYTHON ENVIRONMENT]
# For Python {python} (PYTHON names another command for it) on {platform}.
# The corpus stays here.
set -eu
here=$(dirname -- "$(realpath -- "$0")")
environment=$(realpath -m -- "${{1:-$here-venv}}")
cd -- "$here"
sha256sum --quiet --strict --check SHA256SUMS
"${{PYTHON:-python{python}}}" -m venv -- "$environment"
PIP_CONFIG_FILE=/dev/null "$environment/bin/python" -m pip --isolated install --quiet --no-cache-dir \\
  --force-reinstall --no-index --find-links wheels quoth
echo "Start it with:  QUOTH_CORPUS='$here/corpus' '$environment/bin/quoth' serve"
QUOTH_CORPUS=$here/corpus exec "$environment/bin/quoth" doctor --offline
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    folder: str
    packages: int
    edition: str
    files: int
    size: int
    """In bytes."""


def run(args: argparse.Namespace, settings: ServerSettings) -> int:
    bundle = write_bundle(args.folder, settings)
    if args.json:
        print_json(asdict(bundle))
    else:
        Terminal().say(
            f"{bundle.folder}: {bundle.packages} packages and edition {bundle.edition}, "
            f"{bundle.size / 1e6:.0f} MB. On the other machine, run: sh install.sh DIR"
        )
    return 0


def write_bundle(folder: Path, settings: ServerSettings) -> Bundle:
    """Makes `folder`, which must be empty or missing, a bundle of this installation and its corpus.

    pip fetches the packages from wherever it is configured to look. Raises SettingsError if the folder is taken, if the
    settings name a model that is not in a package, or if pip fails; CorpusError if the corpus is missing or damaged.
    """
    folder = folder.resolve()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise SettingsError(f"{folder}: it exists and is not an empty folder", "Name a new folder for the bundle")
    _check_models(settings)
    source = _source_of(importlib.metadata.distribution("quoth"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    # beside the folder, so that renaming it into place is atomic
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        staging = Path(temporary) / "bundle"
        edition = _copy_corpus(settings.corpus, staging / "corpus")
        Terminal(sys.stderr).say("Fetching the packages, some hundred megabytes.")
        constraints = Path(temporary) / "constraints.txt"
        constraints.write_text(_pip("freeze", "--all", "--exclude-editable", "--exclude", "quoth"), encoding="utf-8")
        wheels = staging / "wheels"
        _pip("wheel", "--quiet", "--wheel-dir", str(wheels), "--constraint", str(constraints), source)
        script = _INSTALL.format(python=sysconfig.get_python_version(), platform=sysconfig.get_platform())
        (staging / "install.sh").write_text(script, encoding="utf-8")
        files = sorted(file for file in staging.rglob("*") if file.is_file())
        sums = "".join(f"{sha256_of(file)}  {file.relative_to(staging)}\n" for file in files)
        (staging / "SHA256SUMS").write_text(sums, encoding="utf-8")
        packages, size = len(list(wheels.iterdir())), sum(file.stat().st_size for file in files)
        staging.rename(folder)
    return Bundle(str(folder), packages, edition, len(files) + 1, size)


def _check_models(settings: ServerSettings) -> None:
    for setting in ("encoder", "reader", "reranker", "calibration"):
        model = getattr(settings, setting)
        if model and model not in (PACKAGED, *READERS):
            raise SettingsError(
                f"{setting} is {str(model)!r}, and a bundle holds only models that come in packages",
                f"Bundle without that {setting}, and copy its files yourself",
            )


def _source_of(quoth: importlib.metadata.Distribution) -> str:
    """The folder or wheel that quoth was installed from (PEP 610). A package index may have another quoth."""
    url = urlparse(json.loads(quoth.read_text("direct_url.json") or "{}").get("url", ""))
    source = url2pathname(url.path)
    if url.scheme != "file" or not Path(source).exists():
        raise SettingsError(
            f"quoth was installed from {source or 'a package index'}, expected a folder or a wheel on this machine",
            "Install it from its checkout (pip install FOLDER), and keep that",
        )
    return source


def _copy_corpus(corpus: Path, into: Path) -> str:
    """Copies the current edition, checks the copy, and returns the edition's name."""
    folder, manifest = open_current(corpus)
    check_encoder(manifest, EncoderId(PACKAGED, PACKAGED_SHA256, manifest.encoder.dimension), corpus)
    shutil.copytree(folder, into / "editions" / folder.name)
    shutil.copyfile(corpus / "current", into / "current")
    return open_current(into)[1].name


def _pip(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pip", *arguments],
        env={**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        error = next((line for line in reversed(lines) if line.startswith("ERROR:")), lines[-1])
        raise SettingsError(
            f"pip {arguments[0]} failed ({error.removeprefix('ERROR:').strip().rstrip('.')})",
            "Bundle on a machine whose pip reaches the packages that this environment was installed from: "
            "PIP_INDEX_URL, PIP_EXTRA_INDEX_URL and PIP_FIND_LINKS name their places",
        )
    return done.stdout
