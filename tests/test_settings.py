"""Settings: from a file, the environment and the command line, in that order, and none that cannot be."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from index.errors import SettingsError
from rag.settings import FILE, Settings, given


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text('risk = 0.1\nport = 9000\norigins = ["https://wiki.example"]\njournal = false\n', encoding="utf-8")
    return file


def test_the_nearer_to_the_person_goes_before(file: Path) -> None:
    environment = {FILE: str(file), "QUOTH_PORT": "9001", "QUOTH_HOSTS": "ask.example, ask.example:8443,"}
    found = given(environment, {"port": 9002, "risk": None, "command": "serve"})
    assert found["risk"] == (0.1, str(file))
    assert found["port"] == (9002, "--port")
    assert found["hosts"] == (("ask.example", "ask.example:8443"), "QUOTH_HOSTS")
    settings = Settings.read(environment, {"port": 9002})
    assert (settings.risk, settings.port, settings.journal) == (0.1, 9002, False)
    assert settings.origins == ("https://wiki.example",)
    assert settings.reader == Settings().reader


def test_every_setting_can_be_given_in_the_environment() -> None:
    named = {"corpus": "/c", "calibration": "/x", "data": "/d", "proxy_secret": "/p", "embed_secret": "/e"}
    values = {
        field.name: named.get(field.name) or _as_text(getattr(Settings(), field.name)) for field in fields(Settings)
    }
    settings = Settings.read({f"QUOTH_{name.upper()}": value for name, value in values.items()}, {})
    assert {name: _as_text(getattr(settings, name)) for name in values} == values


def _as_text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("colour = 1", "there is no setting 'colour'"),
        ("risk = ", "Write it in TOML"),
        ("risk = true", "risk is True, expected a number"),
        ("port = 1.5", "port is 1.5, expected a number"),
        ("origins = [1]", r"origins is \[1\], expected a list of texts"),
        ("journal = 7", "journal is 7, expected true or false"),
        ("reader = 7", "reader is 7, expected a text"),
    ],
)
def test_a_file_that_cannot_be(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(line, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        Settings.read({FILE: str(file)}, {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Name a readable file with QUOTH_SETTINGS"):
        Settings.read({FILE: str(tmp_path / "nowhere")}, {})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("base", "/ask/", "expected nothing or a path such as /intranet/ask"),
        ("base", "ask", "expected nothing or a path"),
        ("base", "/a?b", "expected nothing or a path"),
        ("base", "/a/../..//b", "expected nothing or a path"),
        ("hosts", "https://ask.example", "expected names such as ask.example"),
        ("origins", "*", "expected sites such as https://wiki.example"),
        ("origins", "https://wiki.example/", "without a path"),
        ("origins", "https://Wiki.example", "in small letters"),
        ("origins", "https://wiki.example:443", "as https://wiki.example: browsers leave that port off"),
        ("origins", "http://[::1]:80", "without the port that goes without saying"),
        ("access", "open", "expected none, proxy, token"),
        ("access", "proxy", "proxies names no address"),
        ("proxies", "10.0.0.0/33", "expected addresses or networks"),
        ("user_header", "X User", "expected a header's name"),
        *(
            (name, header, f"{name} is '{header}', expected a header of the proxy's own")
            for name in ("user_header", "groups_header")
            for header in ("Host", "authorization", "COOKIE", "Content-Length", "Content-Type", "Transfer-Encoding")
        ),
        ("groups_header", "x-forwarded-USER", "which is user_header, expected another"),
        ("workers", "0", "expected 1 to 1024"),
        ("journal_days", "0", "expected 1 to 36500"),
    ],
)
def test_a_value_that_cannot_be(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        Settings.read({f"QUOTH_{name.upper()}": value}, {})
    assert f"QUOTH_{name.upper()}" in str(caught.value) or "PROXIES" in str(caught.value)


@pytest.mark.parametrize("origin", ["https://wiki.example:80", "http://wiki.example:443", "https://wiki.example:8443"])
def test_a_port_that_browsers_show_belongs_to_a_site(origin: str) -> None:
    assert Settings(origins=(origin,)).origins == (origin,)


def test_with_somebody_who_asks_it_may_listen_anywhere() -> None:
    assert Settings(access="token", host="0.0.0.0").host == "0.0.0.0"
    assert Settings(access="proxy", proxies=("10.0.0.7",), host="::").host == "::"
