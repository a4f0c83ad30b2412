"""The packages that quoth stands on: which they are, and whether they are installed as it asks for them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def installed_for(requirements: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """(the version of each package that these and their own requirements name, what of them is missing or unfit)."""
    versions: dict[str, str] = {}
    problems: list[str] = []
    seen: set[tuple[str, str]] = set()
    waiting = [("quoth", Requirement(text), "") for text in requirements]
    while waiting:
        by, required, extra = waiting.pop()
        if required.marker and not required.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(required.name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{by} needs {name}, which is missing")
            continue
        versions[name] = distribution.version
        if not required.specifier.contains(distribution.version, prereleases=True):
            problems.append(f"{by} needs {name}{required.specifier}, and there is {distribution.version}")
        # a package's extras bring requirements of their own, each of which is asked for by name
        for chosen in {"", *required.extras}:
            if (name, chosen) not in seen:
                seen.add((name, chosen))
                waiting += [(name, Requirement(text), chosen) for text in distribution.requires or ()]
    return dict(sorted(versions.items())), sorted(set(problems))
