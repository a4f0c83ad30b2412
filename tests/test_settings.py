"""Settings: from a file, the environment and the command line, in that order, and none with a value that is wrong."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from index.errors import SettingsError
from rag.settings import FILE, Settings, given
from ui.command import cli
from ui.settings import ServerSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text('risk = 0.1\nport = 9000\norigins = ["https://wiki.example"]\njournal = false\n', encoding="utf-8")
    return file


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(file: Path) -> None:
    environment = {FILE: str(file), "QUOTH_PORT": "9001", "QUOTH_HOSTS": "ask.example, ask.example:8443,"}
    sources = given(environment, {"port": 9002, "risk": None})
    assert sources["risk"] == (0.1, str(file))
    assert sources["port"] == (9002, "--port")
    assert sources["hosts"][1] == "QUOTH_HOSTS"
    settings = ServerSettings.read(environment, {"port": 9002, "risk": None, "command": "serve"})
    assert (settings.risk, settings.port, settings.journal) == (0.1, 9002, False)
    assert settings.hosts == ("ask.example", "ask.example:8443")
    assert settings.origins == ("https://wiki.example",)
    assert settings.reader == ServerSettings().reader


def test_every_setting_can_be_given_in_the_environment() -> None:
    paths = {"corpus": "/c", "calibration": "/x", "data": "/d", "proxy_secret": "/p", "embed_secret": "/e"}
    values = {name: paths.get(name) or _as_text(value) for name, value in ServerSettings()}
    settings = ServerSettings.read({f"QUOTH_{name.upper()}": value for name, value in values.items()}, {})
    assert {name: _as_text(value) for name, value in settings} == values


def _as_text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ServerSettings().port = 1  # type: ignore[misc]
    assert hash(ServerSettings()) == hash(ServerSettings())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("colour = 1", "there is no setting 'colour'. Use one of corpus, "),
        ("risk = ", "Write it in TOML"),
        ("risk = true", "risk is True: it should not be true or false"),
        ("port = 1.5", "port is 1.5: it should be a valid integer"),
        ("origins = [1]", "origins is 1: it should be a valid string"),
        ("origins = 1", "origins is 1: it should be a valid tuple"),
        ("journal = 7", "journal is 7: it should be a valid boolean"),
        ("reader = 7", "reader is 7: it should be a valid string"),
    ],
)
def test_a_file_with_a_mistake_is_refused(tmp_path: Path, line: str, expected: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(line, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        ServerSettings.read({FILE: str(file)}, {})
    assert expected in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Make it readable, or name another with QUOTH_SETTINGS"):
        ServerSettings.read({FILE: str(tmp_path / "nowhere")}, {})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("base", "/ask/", "a path such as /intranet/ask"),
        ("base", "ask", "a path such as /intranet/ask"),
        ("base", "/a?b", "a path such as /intranet/ask"),
        ("base", "/a/../..//b", "a path such as /intranet/ask"),
        ("hosts", "https://ask.example", "a name such as ask.example"),
        ("hosts", "ask_1.example", "a name such as ask.example"),
        ("origins", "*", "a site such as https://wiki.example"),
        ("origins", "https://wiki.example/", "with no path"),
        ("origins", "https://Wiki.example", "in lower case"),
        ("origins", "https://wiki.example:443", "without the usual port"),
        ("origins", "https://wiki.example:0443", "without the usual port"),
        ("origins", "http://[::1]:80", "without the usual port"),
        ("access", "open", "'none', 'proxy' or 'token'"),
        ("access", "proxy", "it should name the proxy"),
        ("proxies", "10.0.0.0/33", "an address or network such as"),
        ("proxies", "10.0.0.1/24", "an address or network such as"),
        ("user_header", "X User", "the name of a header"),
        *(
            (name, header, "a header that only the proxy sets")
            for name in ("user_header", "groups_header")
            for header in ("Host", "authorization", "COOKIE", "Content-Length", "Content-Type", "Transfer-Encoding")
        ),
        ("groups_header", "x-forwarded-USER", "it should differ from user_header"),
        ("workers", "0", "greater than or equal to 1"),
        ("workers", "1025", "less than or equal to 1024"),
        ("journal_days", "0", "greater than or equal to 1"),
        ("per_minute", "", "it should not be empty"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ServerSettings.read({f"QUOTH_{name.upper()}": value}, {})
    message = str(caught.value)
    assert expected in message
    named = "proxies" if value == "proxy" else name
    assert f"{named} is " in message
    assert f"Change QUOTH_{named.upper()}, {named} in the settings file, or its flag" in message
    assert "\n" not in message


@pytest.mark.parametrize("number", [10, 167772160, True])
def test_a_number_is_no_proxy(number: int) -> None:
    with pytest.raises(SettingsError, match="proxies is"):
        ServerSettings(proxies=(number,))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["corpus", "calibration", "data", "proxy_secret", "reader"])
def test_a_name_that_is_not_utf_8_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is .*: it should be in UTF-8"):
        ServerSettings.read({f"QUOTH_{name.upper()}": "a\udce9"}, {})


@pytest.mark.parametrize("header", ["Hostname", "X-Cookie", "Cookie-User"])
def test_a_header_that_only_resembles_one_of_a_browser_is_allowed(header: str) -> None:
    assert ServerSettings(user_header=header).user_header == header


@pytest.mark.parametrize("origin", ["https://wiki.example:80", "http://wiki.example:443", "https://wiki.example:8443"])
def test_a_port_that_browsers_show_belongs_to_a_site(origin: str) -> None:
    assert ServerSettings(origins=(origin,)).origins == (origin,)


def test_with_access_the_server_may_listen_anywhere() -> None:
    assert ServerSettings(access="token", host="0.0.0.0").host == "0.0.0.0"
    assert ServerSettings(access="proxy", proxies=("10.0.0.7",), host="::").host == "::"


def test_answering_alone_ignores_the_servers_settings(file: Path) -> None:
    settings = Settings.read({FILE: str(file), "QUOTH_PORT": "no number", "QUOTH_READER": "similarity"}, {})
    assert (settings.risk, settings.reader) == (0.1, "similarity")


def test_quoth_eval_refuses_a_misspelt_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUOTH_READR", "x")
    assert cli.main(["eval", "--questions", "none.jsonl"]) == 4
    assert "QUOTH_READR: there is no setting 'readr'" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(["eval", "--help"])
