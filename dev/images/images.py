"""The images, and what each is made of. Pure but for reading the sources."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.cluster import paths
from dev.images.loaded import default_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DEMO = "demo"
HERE = paths.PROJECT / "dev" / "images"


@dataclass(frozen=True, slots=True)
class Image:
    """An image: the folder it is built in, and the files of it that determine the result."""

    name: str
    context: Path
    sources: tuple[str, ...]
    base_argument: str
    target: str | None = None
    in_demo: bool = True
    """Whether the demo runs it; the tests run all."""
    usual: float = 40.0
    """Seconds that building it takes on two cores with nothing cached."""

    @property
    def reference(self) -> str:
        """Give the name that it has in its archive, and in a cluster that imports that."""
        return default_reference(self.name)


_COMMON = (
    *("Dockerfile", ".dockerignore", "pyproject.toml", "requirements.lock"),
    *(f"dev/images/{name}" for name in ("locked.py", "program.sh", "image_root.py")),
)

ALL = (
    Image(
        "operator",
        paths.PROJECT,
        (*_COMMON, "operator/deputy"),
        "PYTHON_IMAGE",
        "operator",
    ),
    Image(
        "sidecar",
        paths.PROJECT,
        (
            *(*_COMMON, "sidecar/deputy_sidecar"),
            *("operator/deputy/__init__.py", "operator/deputy/wire.py"),
        ),
        "PYTHON_IMAGE",
        "sidecar",
    ),
    Image(
        "simulator",
        paths.PROJECT,
        (*_COMMON, "simulator/deputy_simulator"),
        "PYTHON_IMAGE",
        "simulator",
    ),
    Image("agent-shell", HERE / "agent-shell", (".",), "BASE_IMAGE", in_demo=False),
    Image("agent-gemini", HERE / "agent-gemini", (".",), "BASE_IMAGE"),
)


def named(names: Iterable[str]) -> tuple[Image, ...]:
    """Return the images with these names, all of them where none is named.

    The name `demo` stands for all that the demo runs.
    """
    wanted = set(names)
    return tuple(
        image
        for image in ALL
        if not wanted or image.name in wanted or (DEMO in wanted and image.in_demo)
    )


def key(image: Image, base: str) -> str:
    """Hash everything that determines an image, so that an unchanged one is never built again.

    Args:
        image: what to hash.
        base: the name of the image it is built over, which is a hash itself or is pinned.
    """
    digest = hashlib.sha256(repr((image.name, image.target, base)).encode())
    for path in _files(image):
        content = path.read_bytes()
        name = path.relative_to(image.context)
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _files(image: Image) -> Iterator[Path]:
    for source in image.sources:
        path = image.context / source
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (each for each in files if each.is_file() and "__pycache__" not in each.parts)
