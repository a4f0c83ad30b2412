"""The administrator's guide: its settings file, service and container are valid, and it lists every setting."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest

from index.errors import SettingsError
from rag.settings import FILE, Settings
from ui.command.cli import main

GUIDE = (Path(__file__).parent.parent / "ui" / "README.md").read_text(encoding="utf-8")


def part(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


def test_the_settings_file_is_valid_and_agrees_with_nginx(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(part("toml"), encoding="utf-8")
    settings = Settings.read({FILE: str(file)}, {})
    assert f"location {settings.base}/ {{" in part("nginx")
    assert f"server_name {settings.hosts[0]};" in part("nginx")
    for name in (settings.user_header, settings.groups_header):
        assert f"proxy_set_header {name} $" in part("nginx")


def test_a_container_starts_only_if_the_proxy_is_named() -> None:
    (line,) = re.findall(r"^ENV (.*)$", part("dockerfile"), re.MULTILINE)
    environment = dict(pair.split("=", 1) for pair in line.split())
    with pytest.raises(SettingsError, match="proxies names no address"):
        Settings.read(environment, {})
    for run in re.findall(r"docker run (?:.*\\\n)*.*", GUIDE):
        words = shlex.split(run)
        given = [words[place + 1] for place, word in enumerate(words) if word == "-e"]
        settings = Settings.read(environment | dict(pair.split("=", 1) for pair in given), {})
        assert (settings.host, settings.access, len(settings.proxies)) == ("0.0.0.0", "proxy", 1)


def test_a_container_indexes_documents_into_the_volume_that_it_serves() -> None:
    index, serve = re.findall(r"docker run (?:.*\\\n)*.*", GUIDE)
    words = shlex.split(index)
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*words[words.index("/opt/quoth/bin/quoth") + 1 : -1], "--help"])
    assert words[words.index("-v") + 1] == shlex.split(serve)[shlex.split(serve).index("-v") + 1] == "quoth:/data"


def test_the_service_runs_a_command_that_exists() -> None:
    (line,) = re.findall(r"^ExecStart=/opt/quoth/bin/quoth (.*)$", part("ini"), re.MULTILINE)
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*shlex.split(line), "--help"])
    (line,) = re.findall(r"^Environment=(.*)$", part("ini"), re.MULTILINE)
    assert f"{FILE}=/etc/xdg/quoth/settings.toml" in line.split()


def test_the_guide_lists_every_setting() -> None:
    (table,) = re.findall(r"^\| setting \| default \|.*\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(listed) == sorted(inspect.signature(Settings).parameters)
