"""Private files of the server: its data folder, and the shared secrets that settings name."""

from pathlib import Path

from index.errors import SettingsError

SHORTEST_SECRET = 32
"""In bytes: as long as the hash of HS256, which signs with it (RFC 7518, section 3.2)."""


def make_private(folder: Path) -> None:
    """Makes `folder` and those above it, if missing, with mode 0700. Raises SettingsError if that fails."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"data is {folder}, which cannot be made: {error.strerror}", "Set QUOTH_DATA to a folder"
        ) from error


def read_secret(file: Path, setting: str) -> bytes:
    """The secret in `file`, without the line break at its end. Raises SettingsError, which names `setting`."""
    try:
        secret = file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise SettingsError(f"{setting}: {file}: {error.strerror}", "Name a readable file") from error
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"{setting}: the secret in {file} has {len(secret)} bytes, expected at least {SHORTEST_SECRET}",
            "Make one with: openssl rand -hex 32",
        )
    return secret
