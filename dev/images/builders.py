"""The two builders: Docker where its daemon answers, else buildah over a base made by mmdebstrap.

Both give an archive that containerd, and therefore kind, imports.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dev.cluster import packages, paths, requirements
from dev.cluster.commands import run, run_long, step, succeeds

if TYPE_CHECKING:
    from dev.cluster.commands import Argv
    from dev.images.images import Image

#: Kept by the machine, and so trusted by builds on it; mounted, never copied into an image.
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

_POLICY = Path(__file__).resolve().parent / "policy.json"


class Builder(Protocol):
    """Makes images; `base` names the image that all are built over."""

    @property
    def base(self) -> str:
        """Give the name of the base, which changes when its content does."""

    def prepare(self) -> None:
        """Make ready whatever building needs."""

    def build(self, image: Image, archive: Path) -> None:
        """Build an image and write it as an archive."""


class Docker:
    """Builds with the Docker daemon, over the official Python image."""

    base = "docker.io/library/python:3.13-slim-trixie"

    def prepare(self) -> None:
        """Need nothing: the daemon pulls what it lacks."""

    def build(self, image: Image, archive: Path) -> None:
        """Build an image and write it as an archive."""
        target = ["--target", image.target] if image.target else []
        argument = f"{image.base_argument}={self.base}"
        command = ["docker", "build", "--tag", image.reference, "--build-arg", argument]
        run_long([*command, *target, image.context])
        run_long(["docker", "save", "--output", archive, image.reference])


class Buildah:
    """Builds without a daemon and without a registry, over Debian's own packages."""

    #: Changing a word of it makes a new base.
    recipe = (
        *("--variant=minbase", "--include=ca-certificates,python3,python3-venv"),
        *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")),
        '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/log/*',
        "trixie",
    )

    def __init__(self) -> None:
        digest = hashlib.sha256(repr(self.recipe).encode()).hexdigest()[:16]
        self.base = f"localhost/deputy-base:{digest}"
        self._archive = paths.cache() / "images" / f"base-{digest}.tar"

    def prepare(self) -> None:
        """Make the base image where the cache has none."""
        packages.ensure(packages.FOR_IMAGES)
        if succeeds(self._buildah("inspect", "--type", "image", self.base)):
            return
        if not self._archive.exists():
            self._bootstrap()
        with step("Import the base image"):
            container = run(self._buildah("from", "scratch")).strip()
            run(self._buildah("add", "--quiet", container, self._archive, "/"))
            run(self._buildah("commit", *self._policy(), "--quiet", "--rm", container, self.base))

    def build(self, image: Image, archive: Path) -> None:
        """Build an image and write it as an archive."""
        target = ["--target", image.target] if image.target else []
        trust = ["--volume", f"{AUTHORITIES}:{AUTHORITIES}:ro"] if AUTHORITIES.exists() else []
        run_long(
            self._buildah(
                *("bud", "--isolation", "chroot", "--network", "host", "--layers", "--force-rm"),
                *(*self._policy(), "--pull-never", "--tag", image.reference, *target, *trust),
                *("--build-arg", f"{image.base_argument}={self.base}", image.context),
            )
        )
        # Compressing costs more than writing: these archives travel to this machine only.
        push: Argv = self._buildah("push", "--quiet", *self._policy(), "--disable-compression")
        run_long([*push, image.reference, f"oci-archive:{archive}:{image.reference}"])

    def _bootstrap(self) -> None:
        self._archive.parent.mkdir(parents=True, exist_ok=True)
        half = self._archive.with_name(f"{self._archive.stem}.{os.getpid()}.tmp.tar")
        with step(f"Bootstrap Debian for the base image (once; kept in {half.parent})"):
            *options, suite = self.recipe
            run_long([packages.path_of("mmdebstrap"), *options, suite, half])
        half.rename(self._archive)

    def _buildah(self, *words: str | Path) -> Argv:
        storage = paths.cache() / "buildah"
        overlay = ("overlay", "--storage-opt", "overlay.skip_mount_home=true")
        driver = overlay if requirements.can_overlay(storage) else ("vfs",)
        where = ("--root", storage, "--runroot", "/run/deputy-buildah")
        return [packages.path_of("buildah"), *where, "--storage-driver", *driver, *words]

    def _policy(self) -> list[str | Path]:
        # Debian's package has none, and what is built here needs no signature.
        return ["--signature-policy", _POLICY]
