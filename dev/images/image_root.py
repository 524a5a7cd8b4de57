"""Copy out of an image what some programs need to run, and nothing else.

    python3 image_root.py TARGET PROGRAM... [FOLDER...]

Runs inside the image's build, so it is one file and needs the standard library only. TARGET becomes
the root of an image without package manager, compilers and whatever else a base image carries:
the programs with the libraries that they, and what is in the folders, are linked with, Python's
standard library where Python is one of them, git's own programs where git is, the public
certificate authorities, and the users. Folders have a slash in their names; they are not copied.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

#: Folders that are links in a Debian whose /usr is merged.
_MERGED = ("bin", "sbin", "lib", "lib64")
_FILES = (
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/os-release", "/usr/lib/os-release"),
    *("/etc/ssl/openssl.cnf", "/usr/lib/ssl/openssl.cnf", "/usr/lib/ssl/cert.pem"),
    *("/usr/lib/ssl/certs", "/usr/lib/ssl/private"),
)
_AUTHORITIES = Path("/usr/share/ca-certificates")
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"

#: Of Python: its own tests, editors, installers and what C programs are linked with.
_PYTHON_LEAVES_OUT = (
    *("__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "lib2to3"),
    *("ensurepip", "pydoc_data", "site-packages", "dist-packages", "config-*", "*.a", "_test*.so"),
)
_GIT = Path("/usr/lib/git-core")
_GIT_TEMPLATES = Path("/usr/share/git-core/templates")
#: Of git: what serves or mails, but for HTTP, and all that needs Perl, Python or a screen.
_GIT_LEAVES_OUT = re.compile(
    r"git-(daemon|imap-send|http-push|shell|cvs.*|svn|p4|send-email|archimport|gui.*|citool|"
    r"instaweb|web--browse|add--interactive|mergetool.*|difftool.*|request-pull|quiltimport|"
    r"filter-branch|credential-(cache|store).*|bugreport|diagnose)$|mergetools$|scalar$"
)
_LINKED = re.compile(r"(/\S+) \(0x")


class Root:
    """The root of an image, into which files are copied under their own paths."""

    def __init__(self, target: Path) -> None:
        self._target = target
        for name in _MERGED:
            source = Path("/", name)
            if source.is_symlink():
                (target / "usr" / name).mkdir(parents=True, exist_ok=True)
                (target / name).symlink_to(f"usr/{name}")

    def inside(self, path: Path) -> Path:
        """Return where a path of the image we run in is in the target."""
        # The folder's links are resolved: /lib/x and /usr/lib/x are one file.
        resolved = path.parent.resolve() / path.name
        return self._target / resolved.relative_to("/")

    def add(self, path: Path) -> None:
        """Copy a file, and what it links to if it is a link; what is not there is left out."""
        target = self.inside(path)
        if target.is_symlink() or target.exists() or not os.path.lexists(path):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            target.symlink_to(path.readlink())
            self.add(path.parent / path.readlink())
        elif path.is_file():
            shutil.copy2(path, target)
            self._add_libraries(path)

    def add_folder(self, folder: Path, *leave_out: str) -> None:
        """Copy a folder but for some names, and the libraries that what is in it needs."""
        target = self.inside(folder)
        shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns(*leave_out))
        self.add_libraries_of(target)

    def add_libraries_of(self, folder: Path) -> None:
        """Copy the libraries that those in a folder are linked with."""
        for library in folder.rglob("*.so"):
            self._add_libraries(library)

    def _add_libraries(self, path: Path) -> None:
        with path.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                return
        shown = subprocess.run(
            ["/usr/bin/ldd", path], capture_output=True, text=True, check=False
        ).stdout
        for name in _LINKED.findall(shown):
            self.add(Path(name))


def add_python(root: Root) -> None:
    """Copy the standard library, compiled: at run time nobody may write beside it."""
    library = Path(sysconfig.get_paths()["stdlib"])
    root.add_folder(library, *_PYTHON_LEAVES_OUT)
    compileall.compile_dir(
        root.inside(library),
        quiet=1,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        stripdir=str(root.inside(library)),
        prependdir=str(library),
        workers=0,
    )


def add_git(root: Root) -> None:
    """Copy the programs that git is made of."""
    for path in sorted(_GIT.iterdir()):
        if not _GIT_LEAVES_OUT.match(path.name):
            root.add(path)
    root.inside(_GIT_TEMPLATES).mkdir(parents=True)


def authorities() -> bytes:
    """Return the public authorities of the image's own package.

    Not the file that they usually are in: a build may have another one mounted there.
    """
    return b"".join(
        path.read_bytes().rstrip() + b"\n" for path in sorted(_AUTHORITIES.rglob("*.crt"))
    )


def main() -> int:
    """Fill the target that the command line names."""
    target, *names = sys.argv[1:]
    programs = [name for name in names if "/" not in name]
    root = Root(Path(target))
    for folder in set(names).difference(programs):
        root.add_libraries_of(Path(folder))
    for program in programs:
        path = shutil.which(program)
        if path is None:
            print(f"{program} is not in this image", file=sys.stderr)
            return 1
        root.add(Path(path))
    if "python3" in programs:
        add_python(root)
    if "git" in programs:
        add_git(root)
    for name in _FILES:
        root.add(Path(name))
    bundle = Path(target) / _BUNDLE
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(authorities())
    for name in ("proc", "sys", "dev", "run", "var"):
        Path(target, name).mkdir(exist_ok=True)
    for name in ("tmp", "var/tmp"):
        Path(target, name).mkdir()
        Path(target, name).chmod(0o1777)
    return 0


if __name__ == "__main__":
    sys.exit(main())
