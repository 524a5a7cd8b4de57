"""`python3 -m dev.images build | load [image …]`."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from typing import TYPE_CHECKING

from dev.cluster import choice, kind, node, paths
from dev.cluster.choice import Provider
from dev.cluster.commands import say, step
from dev.cluster.errors import CommandError
from dev.images import images
from dev.images.builders import Buildah, Builder, Docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.images.images import Image

#: How many archives of one image stay in the cache.
_KEPT = 3


def main() -> int:
    """Do what the command line asks for; an error is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.images", description=__doc__)
    parser.add_argument("what", choices=["build", "load"])
    parser.add_argument("names", nargs="*", metavar="image")
    asked = parser.parse_args()
    known = {image.name for image in images.ALL}
    if unknown := set(asked.names) - known:
        parser.error(f"no image {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    try:
        archives = build(images.named(asked.names))
        if asked.what == "load":
            load(archives)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(wanted: tuple[Image, ...]) -> dict[Image, Path]:
    """Build what has changed; give the archive of each image, whose name holds its key."""
    builder: Builder = Docker() if kind.docker_answers() else Buildah()
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
        for image in missing:
            with step(f"Build {image.reference}"):
                _build(builder, image, archives[image])
    return archives


def load(archives: dict[Image, Path]) -> None:
    """Load images into the cluster, but for those that it has already.

    Raises:
        CommandError: there is no cluster, or it is somebody else's.
    """
    chosen = choice.from_json(paths.CHOSEN.read_text()) if paths.CHOSEN.exists() else None
    if chosen is None:
        raise CommandError("No cluster is up; run `python3 -m dev.cluster up` first.")
    if chosen.kind is Provider.GIVEN:
        raise CommandError(_how_to_push(archives))
    import_image = kind.import_image if chosen.kind is Provider.KIND else node.import_image
    for image, archive in archives.items():
        marker = paths.STATE / "images" / image.name
        if marker.exists() and marker.read_text() == archive.name:
            continue
        with step(f"Load {image.reference}"):
            import_image(archive)
        marker.parent.mkdir(exist_ok=True)
        marker.write_text(archive.name)


def _build(builder: Builder, image: Image, archive: Path) -> None:
    half = archive.with_name(f"{archive.stem}.{os.getpid()}.tmp.tar")
    builder.build(image, half)
    half.rename(archive)
    _forget_outdated(archive, image)
    say(f"    {archive.stat().st_size / 2**20:.0f} MiB")


def _forget_outdated(newest: Path, image: Image) -> None:
    """Bound the cache; a few stay, because somebody may be loading one just now."""
    archives = newest.parent.glob(f"{image.name}-*.tar")
    for outdated in sorted(archives, key=lambda each: each.stat().st_mtime)[:-_KEPT]:
        outdated.unlink()


def _how_to_push(archives: dict[Image, Path]) -> str:
    lines = [
        f"  skopeo copy oci-archive:{archive} docker://REGISTRY/deputy-{image.name}:dev"
        for image, archive in archives.items()
    ]
    return (
        "DEPUTY_CLUSTER names a cluster of your own, whose registry only you know; push the "
        "images and name them in the chart's values:\n" + "\n".join(lines)
    )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
