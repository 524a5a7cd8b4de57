"""The two builders: Docker where its daemon answers, else buildah over a base made by mmdebstrap.

Both give an archive in Docker's format, which containerd, and therefore kind, imports.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dev.cluster import packages, paths, proxies, requirements
from dev.cluster.commands import run, run_long, step, succeeds
from dev.cluster.remains import IMAGE_LABEL
from dev.images import trust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dev.cluster.commands import Argv, Step
    from dev.images.images import Image

_POLICY = Path(__file__).resolve().parent / "policy.json"
#: The base with the authorities of this machine. Nothing of it is in the images that come out:
#: only stages that fetch are built in it.
_BUILD_BASE = "localhost/deputy-build-base:dev"
#: Registries that are spoken to without TLS, as Docker does.
_PLAIN = ("localhost:", "127.0.0.1:")


class Builder(Protocol):
    """Makes images; `base` names the image that all are built over."""

    @property
    def base(self) -> str:
        """Return the name of the base, which changes when its content does."""

    def prepare(self) -> None:
        """Make ready whatever building needs."""

    def build(self, image: Image, archive: Path, building: Step) -> None:
        """Build an image and write it as an archive."""

    def push(self, archive: Path, reference: str, target: str) -> None:
        """Push an image, called `reference` in its archive, to a registry as `target`."""


def write_build_base(base: str) -> Path:
    """Write what the image to build in is made of; return the folder."""
    # In the project, because a Docker from a snap reads no hidden folder and no /tmp.
    context = paths.PROJECT / "build" / "base"
    context.mkdir(parents=True, exist_ok=True)
    lines = [f"FROM {base}"]
    if (authorities := trust.authorities()) is not None:
        shutil.copyfile(authorities, context / "authorities.crt")
        lines.append(f"COPY authorities.crt {trust.INSIDE}")
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    return context


def _writing(_: str) -> str:
    return "writing the archive"


def _base_arguments(image: Image, base: str) -> list[str]:
    bases = {image.base_argument: base, "BUILD_IMAGE": _BUILD_BASE}
    return [word for name, value in bases.items() for word in ("--build-arg", f"{name}={value}")]


class Docker:
    """Builds with the Docker daemon, over the official Python image."""

    base = (
        "docker.io/library/python:3.13-slim-trixie"
        "@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285"
    )

    def prepare(self) -> None:
        """Fetch the base, and make of it the image to build in."""
        context = write_build_base(self.base)
        with step("Fetch the base image", key="docker base", usual=15) as fetching:
            run_long(self._docker_build(_BUILD_BASE, [context]), within=fetching)

    def build(self, image: Image, archive: Path, building: Step) -> None:
        """Build an image and write it as an archive."""
        target = ["--target", image.target] if image.target else []
        bases = _base_arguments(image, self.base)
        command = self._docker_build(image.reference, [*bases, *target, image.context])
        # Attestations are an image of their own beside ours, which only registries understand.
        environment = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        run_long(command, environment=environment, within=building)
        # We write the file: a Docker from a snap may not, in a hidden folder.
        command = ["docker", "save", image.reference]
        run_long(command, file_out=archive, within=building, progress=_writing)

    def push(self, archive: Path, reference: str, target: str) -> None:
        """Push an image, called `reference` in its archive, to a registry as `target`."""
        run_long(["docker", "load", "--quiet"], file_in=archive)
        run(["docker", "tag", reference, target])
        run_long(["docker", "push", target])

    def _docker_build(self, tag: str, words: Argv) -> Argv:
        arguments = [
            word
            for name, value in proxies.configured().items()
            for word in ("--build-arg", f"{name}={value}")
        ]
        network = ["--network", "host"] if proxies.are_on_this_machine() else []
        label = ["--label", IMAGE_LABEL]
        return ["docker", "build", "--tag", tag, *label, *arguments, *network, *words]


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
        if not succeeds(self._buildah("inspect", "--type", "image", self.base)):
            self._make_base()
        context = write_build_base(self.base)
        run(self._bud(_BUILD_BASE, context))

    def _make_base(self) -> None:
        if not self._archive.exists():
            self._bootstrap()
        with step("Import the base image", key="buildah base", usual=10):
            container = run(self._buildah("from", "scratch")).strip()
            run(self._buildah("add", "--quiet", container, self._archive, "/"))
            run(self._buildah("commit", *self._policy(), "--quiet", "--rm", container, self.base))

    def build(self, image: Image, archive: Path, building: Step) -> None:
        """Build an image and write it as an archive."""
        target = ["--target", image.target] if image.target else []
        bases = _base_arguments(image, self.base)
        try:
            run_long(self._bud(image.reference, *bases, *target, image.context), within=building)
        except BaseException:
            # Else its mounts stay, and nobody can remove the cache.
            succeeds(self._buildah("rm", "--all"), seconds=30)
            raise
        # Of all formats this one is not compressed, which costs more than writing does: these
        # archives travel to this machine only.
        push: Argv = self._buildah("push", "--quiet", *self._policy())
        target_archive = f"docker-archive:{archive}:{image.reference}"
        export: Argv = [*push, image.reference, target_archive]
        run_long(export, within=building, progress=_writing)

    def push(self, archive: Path, reference: str, target: str) -> None:
        """Push an image, called `reference` in its archive, to a registry as `target`."""
        del reference
        words: Argv = [*self._policy(), "--quiet"]
        image = run(self._buildah("pull", *words, f"docker-archive:{archive}")).split()[-1]
        verify = ["--tls-verify=false"] if target.startswith(_PLAIN) else []
        push = self._buildah("push", *words, *verify, image, f"docker://{target}")
        run_long(push)

    def _bootstrap(self) -> None:
        self._archive.parent.mkdir(parents=True, exist_ok=True)
        half = self._archive.with_name(f"{self._archive.stem}.{os.getpid()}.tmp.tar")
        what = f"Bootstrap Debian for the base image, once; it is kept in {half.parent}"
        with step(what, key="bootstrap", usual=40) as bootstrapping:
            *options, suite = self.recipe
            command: Argv = [packages.path_of("mmdebstrap"), *options, suite, half]
            run_long(command, within=bootstrapping)
        half.rename(self._archive)

    def _bud(self, tag: str, *words: str | Path) -> Argv:
        return self._buildah(
            *("bud", "--isolation", "chroot", "--network", "host", "--layers", "--force-rm"),
            *(*self._policy(), "--pull-never", "--tag", tag, *words),
        )

    def _buildah(self, *words: str | Path) -> Argv:
        storage = paths.cache() / "buildah"
        overlay = ("overlay", "--storage-opt", "overlay.skip_mount_home=true")
        driver = overlay if requirements.can_overlay(storage) else ("vfs",)
        where = ("--root", storage, "--runroot", "/run/deputy-buildah")
        return [packages.path_of("buildah"), *where, "--storage-driver", *driver, *words]

    def _policy(self) -> Sequence[str | Path]:
        # Debian's package has none, and what is built here needs no signature.
        return ["--signature-policy", _POLICY]
