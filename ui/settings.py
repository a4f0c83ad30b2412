"""The server's settings: address, proxy, access, secrets, journal, queue and rate limit."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from index.errors import SettingsError
from rag.settings import FilePath, Settings, given, not_allowed, user_data

Access = Literal["none", "proxy", "token"]
ACCESS: tuple[Access, ...] = get_args(Access)

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
T = TypeVar("T")


def _matching(pattern: str, expected: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"it should be {expected}")
        return text

    return AfterValidator(check)


def _network(value: Any) -> IPv4Network | IPv6Network:
    try:
        # as text, since ip_network would take a number for an address
        return ip_network(str(value))
    except ValueError as error:
        raise ValueError("it should be an address or network such as 10.0.0.7 or 10.0.0.0/24") from error


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Several = Annotated[tuple[T, ...], BeforeValidator(_split)]
"""A list in the settings file. In an environment variable, commas separate its values."""
Base = Annotated[str, _matching(r"(/(?!\.{1,2}(/|$))[\w.~-]+)*", "empty or a path such as /intranet/ask")]
Host = Annotated[str, _matching(r"([A-Za-z0-9.-]+|\[[A-Fa-f0-9:]+\])(:\d{1,5})?", "a name such as ask.example:8443")]
Origin = Annotated[
    str,
    # browsers leave out the usual port
    _matching(
        r"(?!http:.*:0*80$|https:.*:0*443$)https?://([a-z0-9.-]+|\[[a-f0-9:]+\])(:\d{1,5})?",
        "a site such as https://wiki.example, in lower case, with no path and without the usual port",
    ),
]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network)]
Header = Annotated[
    str,
    # the excluded headers are set by browsers, so they cannot identify a person
    _matching(
        r"(?i:(?!(authorization|content-length|content-type|cookie|host|transfer-encoding)$))[A-Za-z0-9-]+",
        "the name of a header that only the proxy sets, such as X-Forwarded-User",
    ),
]


class ServerSettings(Settings, frozen=True):
    """All settings: those of the server and those of question answering."""

    host: str = "127.0.0.1"
    """The address to listen at. With access none it must be 127.0.0.1, ::1 or localhost."""
    port: int = Field(default=7860, ge=0, le=65535)
    """The port to listen at. 0 takes any free port."""
    base: Base = ""
    """The path under which everything is served, as browsers see it, such as /intranet/ask. Empty: the root."""
    hosts: Several[Host] = ()
    """The host names that requests may use besides this machine's own, each with its port if browsers show one."""
    origins: Several[Origin] = ()
    """The other sites, such as https://wiki.example, whose pages may embed the page or the widget and use the API."""
    access: Access = "none"
    """Who may ask: none (everyone on this machine), proxy (whom the proxy names), token (who has an API key)."""
    proxies: Several[Network] = ()
    """The addresses or networks of the trusted proxy. With access proxy there is at least one."""
    user_header: Header = "X-Forwarded-User"
    """The header in which the proxy names the person."""
    groups_header: Header = "X-Forwarded-Groups"
    """The header in which the proxy names the person's groups, separated by commas."""
    proxy_secret: FilePath | None = None
    """The file of the secret that the proxy sends as X-Quoth-Proxy-Secret. If unset, the proxy's address is enough."""
    embed_secret: FilePath | None = None
    """The file of the secret with which sites sign the widget's embed tokens (HS256). Without it, none is accepted."""
    data: FilePath = Field(default_factory=user_data)
    """The folder for the server's data: API keys, journal, audit log."""
    journal: bool = True
    """Whether unanswered questions and feedback are kept, with names if access or embed_secret tells who asks.
    Answered questions are kept for a day or two, so that feedback can refer to them."""
    journal_days: int = Field(default=90, ge=1, le=36_500)
    """How many days the journal keeps an entry."""
    log_questions: bool = False
    """Whether the log contains the questions."""
    workers: int = Field(default=2, ge=1, le=1024)
    """How many questions are answered at the same time."""
    waiting: int = Field(default=64, ge=0, le=100_000)
    """How many questions may wait in the queue. Further ones are refused, and the reply says when to ask again."""
    per_minute: int = Field(default=60, ge=1, le=1_000_000)
    """How many questions one person may ask in a minute."""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.user_header.lower() == self.groups_header.lower():
            raise not_allowed("groups_header", self.groups_header, "it should differ from user_header")
        if self.access == "proxy" and not self.proxies:
            raise not_allowed("proxies", "", "it should name the proxy, since access is proxy")
        if self.access == "none" and self.host not in _LOOPBACK:
            expected = f"it should be one of {', '.join(_LOOPBACK)} unless access is proxy or token"
            raise not_allowed("host", self.host, expected)
        return self

    @classmethod
    def read(cls, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Self:
        """As in Settings, but raises SettingsError for an unknown variable and an unknown key of the file as well."""
        for name, (_, source) in given(environment, {}).items():
            if name not in cls.model_fields:
                raise SettingsError(
                    f"{source}: there is no setting {name!r}", f"Use one of {', '.join(cls.model_fields)}"
                )
        return super().read(environment, flags)
