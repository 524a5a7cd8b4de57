"""Which repository of which forge a clone address names. Pure."""

import dataclasses
import re
import urllib.parse

from typing_extensions import override

from deputy.forges.errors import RepositoryUrlWrong

_GITHUB = frozenset({"github.com", "www.github.com"})
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
_FORM = "write it as https://<host>/<owner>/<repository>.git in spec.repository.url"


@dataclasses.dataclass(frozen=True, slots=True)
class Repository:
    """One repository; `api_url` is the root of its forge's REST interface, without a slash."""

    api_url: str
    owner: str
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.owner}/{self.name} at {self.api_url}"

    @classmethod
    def parse(cls, url: str) -> "Repository":
        """Return the repository that a clone address names; raise `RepositoryUrlWrong`."""
        parts = _split(url)
        owner, name = _path(url, parts.path)
        return cls(_api_url(parts.scheme, _host(url, parts)), owner, name)


def _split(url: str) -> urllib.parse.SplitResult:
    if not url.lower().startswith(("https://", "http://")):
        raise RepositoryUrlWrong(f"repository {_shown(url)} has no HTTP address; {_FORM}")
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port  # not looked at until asked for
    except ValueError:
        raise RepositoryUrlWrong(f"repository {_shown(url)} is no address; {_FORM}") from None
    if "@" in parts.netloc:
        raise RepositoryUrlWrong(
            f"repository {_shown(url)} carries credentials; take them out and put the token into "
            "the Secret that spec.repository.credentialsSecretRef names"
        )
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise RepositoryUrlWrong(f"repository {_shown(url)} has a query or a fragment; {_FORM}")
    return parts


def _host(url: str, parts: urllib.parse.SplitResult) -> str:
    host = (parts.hostname or "").lower()
    bracketed = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(bracketed):
        raise RepositoryUrlWrong(f"repository {_shown(url)} names no host; {_FORM}")
    return bracketed if parts.port is None else f"{bracketed}:{parts.port}"


def _path(url: str, path: str) -> tuple[str, str]:
    segments = path.removesuffix("/").split("/")
    if len(segments) != 3 or segments[0]:
        raise RepositoryUrlWrong(f"repository {_shown(url)} is no <owner>/<repository>; {_FORM}")
    owner, name = segments[1], segments[2].removesuffix(".git")
    for segment in (owner, name):
        if not _SEGMENT.fullmatch(segment) or not segment.strip("."):
            raise RepositoryUrlWrong(f"repository {_shown(url)} has an impossible name; {_FORM}")
    return owner, name


def _api_url(scheme: str, host: str) -> str:
    """Return the root of the REST interface: GitHub's own, else that of an Enterprise server."""
    if host.partition(":")[0] in _GITHUB:
        return "https://api.github.com"
    return f"{scheme}://{host}/api/v3"


def _shown(url: str) -> str:
    """Return `url` for a message, without what may be a password."""
    return repr(re.sub(r"(?<=//)[^/]*@", "…@", url)[:200])
