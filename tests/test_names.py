"""Names of people and groups, and claims of embed tokens, as properties over any text and any JSON."""

import asyncio
import json
import secrets
import time
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from index.errors import SettingsError
from ui.access.embed_token import LONGEST, EmbedTokens
from ui.access.identify import Identify, identification
from ui.access.keyring import Keyring
from ui.access.person import ALL_SCOPES, LONGEST_NAME, Person, is_name
from ui.settings import ServerSettings as Settings

WIKI = "https://wiki.example"
SECRET = secrets.token_bytes(32)
PROXY = identification(Settings(access="proxy", proxies=("10.0.0.7",)), None, None)


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyring]:
    with closing(Keyring.open(tmp_path_factory.mktemp("keys"))) as keyring:
        yield keyring


anything = st.text(st.characters(codec=None), max_size=8)
names = anything.filter(is_name)
NO_NAMES = [
    "",
    " ",
    "a,b",
    " ada",
    "ada\t",
    "a\x00b",
    "a\x9fb",
    "a\u2028b",
    "\ud800",
    "a\u00a0",
    "x" * (LONGEST_NAME + 1),
]


async def found_out(identify: Identify, scope: dict[str, Any]) -> Person | None:
    return await identify(HTTPConnection(scope))


def named_by_proxy(user: bytes, groups: bytes | None) -> Person | None:
    headers = [(b"x-forwarded-user", user)] + ([(b"x-forwarded-groups", groups)] if groups is not None else [])
    return asyncio.run(found_out(PROXY, {"type": "http", "client": ("10.0.0.7", 1), "headers": headers}))


@given(st.text(st.characters(codec=None)))
@example("x" * LONGEST_NAME)
@example("Žofie O’Neill (Führung)")
def test_a_name_fits_on_one_line_and_between_commas(text: str) -> None:
    bad = any(char == "," or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)
    blank = not text or text[0].isspace() or text[-1].isspace()
    assert is_name(text) == (not bad and not blank and len(text) <= LONGEST_NAME)


@given(anything, st.lists(anything, max_size=3))
@example("a,b", [])
@example("ada", ["a\x9fb"])
@example("ada", ["x" * (LONGEST_NAME + 1)])
@example("\u00a0ada", [])
def test_a_proxy_that_sends_an_invalid_name_names_nobody(user: str, groups: list[str]) -> None:
    person = named_by_proxy(user.encode(errors="surrogatepass"), ",".join(groups).encode(errors="surrogatepass"))
    if person is not None:
        assert all(map(is_name, (person.user or "", *person.groups)))
    if is_name(user) and all(map(is_name, groups)):
        assert person is not None
        assert (person.user, person.groups) == (user, set(groups))


@pytest.mark.parametrize("name", NO_NAMES)
def test_no_key_is_made_for_an_invalid_name(keyring: Keyring, name: str) -> None:
    for user, groups in ((name, []), ("ada", [name])):
        with pytest.raises(SettingsError, match="is not a valid name"):
            keyring.make(user, groups, ALL_SCOPES, 1)


def exchanged(keyring: Keyring, claims: dict[str, Any]) -> Person | None:
    """Who the person of a session is to which a token with these claims leads, whatever they are."""
    tokens = EmbedTokens(SECRET, (WIKI,), keyring)
    # not by jwt.encode, which refuses some
    token = jwt.PyJWS().encode(json.dumps(claims).encode(), SECRET, "HS256")
    session = asyncio.run(tokens.exchange(token, WIKI))
    if session is None:
        return None
    person = tokens.person(session, WIKI)
    assert person is not None
    return person


def agreed() -> dict[str, Any]:
    now = int(time.time())
    jti = secrets.token_hex(8)
    return {"aud": "quoth-embed", "sub": "ada", "origin": WIKI, "groups": [], "iat": now, "exp": now + 60, "jti": jti}


numbers = st.integers() | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=2),
    max_leaves=4,
)


@given(names, st.lists(names, max_size=3), st.integers(0, LONGEST))
def test_a_valid_token_names_a_person(keyring: Keyring, user: str, groups: list[str], seconds: int) -> None:
    claims = agreed()
    claims |= {"sub": user, "groups": groups, "exp": claims["iat"] + seconds + 0.5, "iat": claims["iat"] + 0.5}
    person = exchanged(keyring, claims)
    assert person is not None
    assert (person.user, person.groups) == (user, set(groups))


@given(st.dictionaries(st.sampled_from(["sub", "origin", "groups", "iat", "exp", "jti", "aud", "nbf"]), values))
@example({"iat": "7"})
@example({"iat": True})
@example({"exp": float("inf")})
@example({"iat": float("nan")})
@example({"nbf": float("inf")})
@example({"iat": 0, "exp": 10**400})
@example({"sub": "a\ud800"})
@example({"jti": "\ud800"})
@example({"aud": ["quoth-embed", "quoth-session"]})
@example({"groups": ["a,b"]})
@example({"groups": ["board", True]})
def test_no_claims_lead_to_an_invalid_person(keyring: Keyring, changes: dict[str, Any]) -> None:
    claims = agreed() | changes
    person = exchanged(keyring, claims)
    if person is None:
        return
    assert claims["aud"] == "quoth-embed"
    assert person == Person(claims["sub"], frozenset(claims["groups"]), frozenset({"ask", "read", "feedback"}))
    assert all(map(is_name, (claims["sub"], claims["jti"], *claims["groups"])))
    assert all(type(claims[moment]) in (int, float) for moment in ("iat", "exp"))
    assert 0 <= claims["exp"] - claims["iat"] <= LONGEST


@pytest.mark.parametrize("claim", ["sub", "jti"])
@pytest.mark.parametrize("name", NO_NAMES)
def test_a_token_with_an_invalid_name_is_refused(keyring: Keyring, claim: str, name: str) -> None:
    assert exchanged(keyring, agreed() | {claim: name}) is None
    assert exchanged(keyring, agreed() | {"groups": ["board", name]}) is None


@given(anything | st.text("eyJhbGciOiJIUzI1NiJ9.{}[]"))
@example("\ud800")
def test_a_text_that_is_not_a_token_names_nobody(keyring: Keyring, text: str) -> None:
    assert EmbedTokens(SECRET, (WIKI,), keyring).person(text, WIKI) is None
    assert keyring.person(text) is None


def test_a_session_token_from_the_host_is_valid_no_longer_than_ours(keyring: Keyring) -> None:
    claims = agreed() | {"aud": "quoth-session", "exp": int(time.time()) + 10**6}
    assert EmbedTokens(SECRET, (WIKI,), keyring).person(jwt.encode(claims, SECRET, "HS256"), WIKI) is None
