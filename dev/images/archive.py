"""Write an OCI image archive of one layer, by hand: it needs no builder and no registry.

The same files give the same bytes, whenever and wherever they are packed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: What Go, and therefore every registry, calls the processors that Python knows by other names.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Blob:
    """A piece of an image, addressed by its content."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """Give the hexadecimal SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()

    def descriptor(self) -> dict[str, object]:
        """Give the reference by which another piece names this one."""
        return {
            "mediaType": self.media_type,
            "digest": f"sha256:{self.digest}",
            "size": len(self.content),
        }


def write(path: Path, name: str, files: Mapping[str, bytes], config: Mapping[str, object]) -> None:
    """Write an archive that holds one image with these executable files."""
    tar = _tar({file: (content, 0o755) for file, content in files.items()})
    layer = Blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(tar, mtime=0))
    described = Blob("application/vnd.oci.image.config.v1+json", _config(tar, config))
    manifest = Blob("application/vnd.oci.image.manifest.v1+json", _manifest(described, [layer]))
    index = {
        "schemaVersion": 2,
        "manifests": [
            manifest.descriptor()
            | {
                "annotations": {
                    "io.containerd.image.name": name,
                    "org.opencontainers.image.ref.name": name,
                }
            }
        ],
    }
    blobs = {f"blobs/sha256/{each.digest}": each.content for each in (layer, described, manifest)}
    layout = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index)}
    path.write_bytes(_tar({file: (text, 0o644) for file, text in (layout | blobs).items()}))


def _config(layer: bytes, config: Mapping[str, object]) -> bytes:
    machine = platform.machine()
    return _json(
        {
            "os": "linux",
            "architecture": ARCHITECTURES.get(machine, machine),
            "config": config,
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
            },
        }
    )


def _manifest(config: Blob, layers: Sequence[Blob]) -> bytes:
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.descriptor(),
            "layers": [layer.descriptor() for layer in layers],
        }
    )


def _tar(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (content, mode) in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
