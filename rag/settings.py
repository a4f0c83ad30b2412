"""Settings of question answering, read from command-line flags, environment variables and a TOML file."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import platformdirs
from pydantic import AfterValidator, BaseModel, Field, ValidationError, ValidationInfo, field_validator, model_validator

from index.errors import SettingsError

PREFIX = "QUOTH_"
FILE = f"{PREFIX}SETTINGS"
"""The environment variable that names the settings file. It is not a setting itself."""


def user_data() -> Path:
    return platformdirs.user_data_path("quoth", appauthor=False)


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("its ~ should stand for a home folder that exists") from error


FilePath = Annotated[Path, AfterValidator(_expanded)]
"""A file or folder; a leading ~ stands for the home folder."""


class Settings(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Each field is also a key of the settings file and an environment variable: QUOTH_ and its name in capitals."""

    corpus: FilePath = Field(default_factory=lambda: user_data() / "corpus")
    """The folder of the corpus."""
    encoder: str = "all-MiniLM-L6-v2"
    """The packaged encoder, or a sentence-transformers model by name or path."""
    reader: str = "trained"
    """One of "similarity", "trained", or "transformers:" and the name or path of an extractive QA model."""
    calibration: FilePath | None = None
    """A file that eval.fitting.calibrate wrote for the reader. None: the calibration that ships with quoth."""
    reranker: str = ""
    """A sentence-transformers CrossEncoder, by name or path, that reorders the passages found. Empty: none."""
    language: str = "en"
    """ISO 639-1 code for splitting sentences and stemming words, if a document does not name its language."""
    passage_tokens: int = Field(default=160, ge=16, le=100_000)
    """The largest passage, in tokens."""
    risk: float = Field(default=0.3, ge=0, le=1)
    """The share of the given answers that may be wrong, 0 to 1. At 1 every question is answered, at 0 none."""

    @field_validator("*", mode="before")
    @classmethod
    def _check_kind(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[str(info.field_name)]
        if value == "" and field.default not in ("", ()):
            # empty is allowed only where it is the default: an empty path would be the current folder
            raise ValueError("it should not be empty")
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError("it should not be true or false")
        try:
            # undecodable bytes of the environment arrive as lone surrogates, which UTF-8 cannot encode
            str(value).encode()
        except UnicodeError as error:
            raise ValueError("it should be in UTF-8") from error
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _say_what_is_wrong(cls, values: Any, validate: Callable[[Any], Self]) -> Self:
        try:
            return validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
            raise not_allowed(str(first["loc"][0]), first["input"], message) from error

    @classmethod
    def read(cls, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Self:
        """Reads the settings. Flags override environment variables, which override the settings file.

        Ignores names that are not fields of this class, since the same file and variables also hold the server's
        settings. Raises SettingsError if a value is not allowed or the file cannot be read.
        """
        sources = given(environment, flags).items()
        return cls(**{name: value for name, (value, _) in sources if name in cls.model_fields})


def not_allowed(name: str, value: Any, expected: str) -> SettingsError:
    """The error for a setting whose value is not allowed."""
    remedy = f"Change {PREFIX}{name.upper()}, {name} in the settings file, or its flag if it was given"
    return SettingsError(f"{name} is {value!r}: {expected}", remedy)


def given(environment: Mapping[str, str], flags: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Each setting that a flag, an environment variable or the settings file sets: name -> (value, origin).

    A flag of None is not set. QUOTH_SETTINGS names the file. If it is not set, the file is settings.toml in the user's
    configuration folder or, if there is none, in the system's.
    """
    file = _file(environment)
    found = {name: (value, str(file)) for name, value in (_parsed(file) if file else {}).items()}
    for variable, value in environment.items():
        if variable.startswith(PREFIX) and variable != FILE:
            found[variable.removeprefix(PREFIX).lower()] = value, variable
    for name, value in flags.items():
        if value is not None:
            found[name] = value, f"--{name.replace('_', '-')}"
    return found


def _file(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get(FILE):
        return Path(named)
    usual = (platformdirs.user_config_path, platformdirs.site_config_path)
    files = (folder("quoth", appauthor=False) / "settings.toml" for folder in usual)
    return next((file for file in files if file.is_file()), None)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}", f"Make it readable, or name another with {FILE}") from error
    except ValueError as error:
        raise SettingsError(f"{file}: {error}", "Write it in TOML, as lines such as risk = 0.2") from error
