"""The READMEs: links and commands work; the main one is short, and its figures are those of the evaluation."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from index.exit_codes import UNFIT
from rag.settings import FILE
from ui.command.cli import main
from ui.settings import ServerSettings

ROOT = Path(__file__).parent.parent
READMES = [
    ROOT / "README.md",
    *(ROOT / folder / "README.md" for folder in ("index", "rag", "ui", "eval", "rag/readers/weights")),
]


def names(readme: Path) -> str:
    return str(readme.relative_to(ROOT))


def text_of(readme: Path) -> str:
    return readme.read_text(encoding="utf-8")


def anchors(readme: Path) -> set[str]:
    """The fragment of each heading, as GitHub, GitLab and Forgejo make it."""
    prose = re.sub(r"^```.*?^```", "", text_of(readme), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(readme: Path) -> list[str]:
    """The lines of the indented code blocks, without comments, each joined with those that continue it."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", text_of(readme), re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [re.sub(r"\s+#\s.*", "", line) for line in lines]


@pytest.fixture
def unreadable_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are read after the command line and before all else, so a command that the parser accepts ends there."""
    monkeypatch.setenv(FILE, str(tmp_path / "settings.toml"))


@pytest.mark.parametrize("readme", READMES, ids=names)
def test_every_relative_link_leads_to_a_file_and_a_heading(readme: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", text_of(readme))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (readme.parent / path) if path else readme
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("readme", READMES, ids=names)
def test_every_test_that_is_named_exists(readme: Path) -> None:
    for test in re.findall(r"tests/\w+\.py", text_of(readme)):
        assert (ROOT / test).is_file(), test


@pytest.mark.parametrize("readme", READMES, ids=names)
@pytest.mark.usefixtures("unreadable_settings")
def test_every_quoth_command_is_accepted_by_the_parser(readme: Path) -> None:
    for command in commands(readme):
        if command.startswith("quoth "):
            assert main(shlex.split(command.partition(" > ")[0])[1:]) == UNFIT, command


@pytest.mark.usefixtures("unreadable_settings")
def test_a_command_that_the_parser_refuses_is_noticed() -> None:
    for command in ("ask Who? --nope", "index", "eval --nope"):
        with pytest.raises(SystemExit, match=r"^2$"):
            main(shlex.split(command))


@pytest.mark.parametrize("readme", READMES, ids=names)
def test_every_module_that_is_run_exists(readme: Path) -> None:
    for module in re.findall(r"python -m ([\w.]+)", text_of(readme)):
        found = importlib.util.find_spec(module)
        assert found, module
        assert found.submodule_search_locations is None or importlib.util.find_spec(f"{module}.__main__"), module


def test_the_main_readme_has_at_most_180_lines() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= 180


def test_the_headline_figures_are_those_of_the_evaluation() -> None:
    measured = text_of(ROOT / "eval" / "README.md").replace(" (lower is better)", "")
    rows = re.findall(r"^\| `([\w@]+)`: .*? \| (.+) \|$", text_of(ROOT / "README.md"), re.MULTILINE)
    assert len(rows) > 5
    for measure, cells in rows:
        assert f"\n| {measure} | {cells} |\n" in measured, measure


def test_the_administrators_guide_lists_every_setting() -> None:
    guide = text_of(ROOT / "ui" / "README.md")
    (table,) = re.findall(r"^\| setting \| default \|.*\n((?:\|.*\n)+)", guide, re.MULTILINE)
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(listed) == sorted(ServerSettings.model_fields)
