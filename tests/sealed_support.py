"""A network namespace that has only loopback: what runs in it cannot leave this machine, whatever it is written in."""

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence

import pytest

# root keeps its users, which servers change to; anybody else must first become root of a namespace of users
_UNSHARE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
_LOOPBACK = 'ip link set lo up && exec "$@"'


def sealed(*command: str | os.PathLike[str]) -> list[str]:
    """The command that runs `command` where there is only loopback. Where that cannot be had, the test is skipped; in
    CI it fails."""
    if reason := _hindrance():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must try it")
        pytest.skip(reason)
    return _wrapped([os.fspath(part) for part in command])


def _wrapped(command: Sequence[str]) -> list[str]:
    return [*_UNSHARE, "sh", "-c", _LOOPBACK, "sealed", *command]


@functools.cache
def _hindrance() -> str:
    for tool in ("unshare", "ip"):
        if not shutil.which(tool):
            return f"{tool} is not installed, which makes a network namespace"
    tried = subprocess.run(_wrapped(["true"]), capture_output=True, text=True, check=False)
    return f"no network namespace may be made here: {tried.stderr.strip()}" if tried.returncode else ""
