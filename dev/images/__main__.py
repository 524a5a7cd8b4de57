"""`python3 -m dev.images build | load [image …]`."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import sys
from typing import TYPE_CHECKING

from dev.cluster import choice, kind, kubectl, node, paths
from dev.cluster.choice import Provider
from dev.cluster.commands import say, step, stop_on_signals
from dev.cluster.docker import docker
from dev.cluster.errors import CommandError
from dev.images import clusters, images, loaded
from dev.images.builders import Buildah, Builder, Docker
from dev.images.loaded import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.images.images import Image

#: How many archives of one image stay in the cache.
_KEPT = 2


def main() -> int:
    """Do what the command line asks for; an error is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.images", description=__doc__)
    parser.add_argument("what", choices=["build", "load"])
    parser.add_argument("names", nargs="*", metavar="image")
    asked = parser.parse_args()
    stop_on_signals()
    known = {image.name for image in images.ALL} | {images.DEMO}
    if unknown := set(asked.names) - known:
        parser.error(f"no image {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    try:
        builder: Builder = Docker() if docker().answers else Buildah()
        archives = build(builder, images.named(asked.names))
        if asked.what == "load":
            load(builder, archives)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what is finished is kept", file=sys.stderr)
        return 130
    return 0


def build(builder: Builder, wanted: tuple[Image, ...]) -> dict[Image, Path]:
    """Build what has changed; return the archive of each image, whose name holds its key."""
    folder = paths.cache() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        archives = {
            image: folder / f"{image.name}-{images.key(image, builder.base)}.tar"
            for image in wanted
        }
        missing = [image for image in wanted if not archives[image].exists()]
        if missing:
            builder.prepare()
        for number, image in enumerate(missing, 1):
            _build(builder, image, archives[image], f"{number} of {len(missing)}")
    return archives


def load(builder: Builder, archives: dict[Image, Path]) -> None:
    """Load images into the cluster, or push them for it, but for those that it has already.

    Raises:
        CommandError: there is no cluster, or it takes no images from here.
    """
    chosen = choice.recorded()
    if chosen is None:
        raise CommandError("No cluster is up; run `python3 -m dev.cluster up` first.")
    cluster = kubectl.cluster_id()
    registry = os.environ.get(clusters.REGISTRY_VARIABLE, "").rstrip("/")
    wanted = {
        image: Loaded(archive.name, cluster, _reference(image, archive, registry))
        for image, archive in archives.items()
    }
    missing = {
        image: archives[image] for image, one in wanted.items() if loaded.read(image.name) != one
    }
    if registry:
        for image, archive in missing.items():
            with step(f"Push {wanted[image].reference}", key=f"push {image.name}"):
                builder.push(archive, image.reference, wanted[image].reference)
    elif missing:
        _import(chosen.provider, missing)
    for image in missing:
        loaded.write(image.name, wanted[image])


def _reference(image: Image, archive: Path, registry: str) -> str:
    # In a registry an image's name changes with its content: nodes keep what they pulled.
    key = archive.stem.rpartition("-")[2]
    return f"{registry}/deputy-{image.name}:{key}" if registry else image.reference


def _import(provider: Provider, archives: dict[Image, Path]) -> None:
    match provider:
        case Provider.KIND:
            kind.import_images(list(archives.values()))
        case Provider.LOCAL:
            node.import_images(list(archives.values()))
        case Provider.GIVEN:
            nodes = json.loads(kubectl.kubectl("get", "nodes", "-o", "json"))["items"]
            named = {image.reference: archive for image, archive in archives.items()}
            clusters.bring(named, nodes)


def _build(builder: Builder, image: Image, archive: Path, number: str) -> None:
    what = f"Build image {image.name}, {number}"
    with step(what, key=f"image {image.name}", usual=image.usual) as building:
        half = archive.with_name(f"{archive.stem}.{os.getpid()}.tmp.tar")
        try:
            builder.build(image, half, building)
            half.rename(archive)
        finally:
            half.unlink(missing_ok=True)
        _forget_outdated(archive, image)
        say(f"    {archive.stat().st_size / 2**20:.0f} MiB")


def _forget_outdated(newest: Path, image: Image) -> None:
    """Bound the cache; a few stay, because somebody may be loading one just now."""
    archives = newest.parent.glob(f"{image.name}-*.tar")
    for outdated in sorted(archives, key=lambda each: each.stat().st_mtime)[:-_KEPT]:
        outdated.unlink()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
