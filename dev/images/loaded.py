"""What is loaded into the cluster of this checkout, and by which name pods use it."""

from __future__ import annotations

import dataclasses
import json
import re

from dev.cluster import paths

#: How the manifests in this repository call an image.
_DEFAULT = re.compile(r"localhost/deputy-([a-z-]+):dev\b")


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """An image in a cluster."""

    archive: str
    """Name of the archive, which changes with its content."""
    cluster: str
    """Id of the cluster: an image is not in the next one because it was in the last."""
    reference: str
    """What pods call it."""


def default_reference(name: str) -> str:
    """Return what pods call an image that was not pushed to a registry."""
    return f"localhost/deputy-{name}:dev"


def read(name: str) -> Loaded | None:
    """Return what is known of an image; None where it was never loaded."""
    try:
        return Loaded(**json.loads((paths.LOADED / name).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(name: str, loaded: Loaded) -> None:
    """Write down that an image is loaded."""
    paths.LOADED.mkdir(parents=True, exist_ok=True)
    (paths.LOADED / name).write_text(json.dumps(dataclasses.asdict(loaded)))


def reference_of(name: str) -> str:
    """Return what pods of this checkout's cluster call an image."""
    loaded = read(name)
    return default_reference(name) if loaded is None else loaded.reference


def version_of(name: str) -> str:
    """Return what tells one version of a loaded image from the next."""
    loaded = read(name)
    return "unknown" if loaded is None else loaded.archive.removesuffix(".tar")


def with_references(manifest: str) -> str:
    """Return a manifest in which every image of ours is called as this cluster has it."""
    return _DEFAULT.sub(lambda match: reference_of(match[1]), manifest)
