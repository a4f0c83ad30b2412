"""What the README tells an administrator to write down: settings that can be, for a server as for a container."""

import re
import shlex
from pathlib import Path

import pytest

from index.errors import SettingsError
from rag.settings import FILE
from ui.command.cli import main
from ui.settings import ServerSettings as Settings

README = (Path(__file__).parent.parent / "ui" / "README.md").read_text(encoding="utf-8")


def part(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_file_of_settings_can_be(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(part("toml"), encoding="utf-8")
    settings = Settings.read({FILE: str(file)}, {})
    # the path and the headers under which nginx has it
    assert f"location {settings.base}/ {{" in part("nginx")
    assert f"server_name {settings.hosts[0]};" in part("nginx")
    for name in (settings.user_header, settings.groups_header):
        assert f"proxy_set_header {name} $" in part("nginx")


def test_a_container_starts_only_where_the_proxy_is_named() -> None:
    (line,) = re.findall(r"^ENV (.*)$", part("dockerfile"), re.MULTILINE)
    environment = dict(pair.split("=", 1) for pair in line.split())
    with pytest.raises(SettingsError, match="it should name the proxy"):
        Settings.read(environment, {})
    for run in re.findall(r"docker run (?:.*\\\n)*.*", README):
        words = shlex.split(run)
        given = [words[place + 1] for place, word in enumerate(words) if word == "-e"]
        settings = Settings.read(environment | dict(pair.split("=", 1) for pair in given), {})
        assert (settings.host, settings.access, len(settings.proxies)) == ("0.0.0.0", "proxy", 1)


def test_a_container_is_given_documents_before_it_serves_them() -> None:
    index, serve = re.findall(r"docker run (?:.*\\\n)*.*", README)
    words = shlex.split(index)
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*words[words.index("/opt/quoth/bin/quoth") + 1 : -1], "--help"])
    assert words[words.index("-v") + 1] == shlex.split(serve)[shlex.split(serve).index("-v") + 1] == "quoth:/data"


def test_the_service_runs_a_command_that_there_is() -> None:
    (line,) = re.findall(r"^ExecStart=/opt/quoth/bin/quoth (.*)$", part("ini"), re.MULTILINE)
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*shlex.split(line), "--help"])
    (line,) = re.findall(r"^Environment=(.*)$", part("ini"), re.MULTILINE)
    assert f"{FILE}=/etc/xdg/quoth/settings.toml" in line.split()
