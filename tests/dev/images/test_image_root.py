"""What is copied into an image is what its programs need, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dev.images import image_root
from dev.images.image_root import Root

PROGRAM = Path(image_root.__file__)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of an image with a shell, and with one program beside it."""
    target = tmp_path_factory.mktemp("image") / "root"
    subprocess.run([sys.executable, PROGRAM, target, "sh", "cat"], check=True)
    return target


def resolved(root: Path, path: Path) -> Path:
    """Follow the links of a path as they lead inside of a root."""
    inside = root
    for part in path.parts[1:]:
        inside /= part
        while inside.is_symlink():
            link = inside.readlink()
            inside = root / link.relative_to("/") if link.is_absolute() else inside.parent / link
    return inside


@pytest.mark.parametrize("program", ["sh", "cat"])
def test_a_program_and_every_library_that_it_is_linked_with_are_there(
    root: Path, program: str
) -> None:
    linked = subprocess.run(
        ["ldd", f"/bin/{program}"], capture_output=True, text=True, check=True
    ).stdout
    libraries = [Path(name) for name in re.findall(r"(/\S+) \(0x", linked)]

    assert libraries
    for path in (Path("/bin", program), *libraries):
        assert resolved(root, path).is_file(), path


def test_nothing_else_is_executable(root: Path) -> None:
    programs = {path.name for path in (root / "usr" / "bin").iterdir()}

    assert {"sh", "cat"} <= programs <= {"sh", "cat", "dash", "bash", "coreutils"}


def test_authorities_are_those_of_the_package_and_not_what_a_build_trusts(root: Path) -> None:
    bundle = (root / "etc" / "ssl" / "certs" / "ca-certificates.crt").read_bytes()

    assert bundle == image_root.authorities()
    assert bundle.count(b"BEGIN CERTIFICATE") > 50


def test_users_are_there_and_everybody_may_write_temporary_files(root: Path) -> None:
    assert (root / "etc" / "passwd").exists()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777


def test_a_link_is_copied_with_what_it_leads_to(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "program-1").write_text("#!/bin/sh\n")
    (source / "program").symlink_to("program-1")
    made = Root(tmp_path / "root")

    made.add(source / "program")

    copy = made.inside(source / "program")
    assert copy.readlink() == Path("program-1")
    assert copy.read_text() == "#!/bin/sh\n"


def test_a_program_that_is_not_there_ends_the_build(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path / "root", "no-such-program"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "no-such-program is not in this image\n")
