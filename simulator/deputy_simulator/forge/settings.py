"""What a simulated forge is told at its start."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """What one token may do; `repositories` empty means every one."""

    token: str = dataclasses.field(repr=False)
    login: str = "deputy[bot]"
    push: bool = True
    pulls: bool = True
    repositories: tuple[str, ...] = ()

    def sees(self, repository: str) -> bool:
        """Tell whether the token reaches a repository, given as `owner/name`."""
        return not self.repositories or repository.lower() in self.repositories


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a simulated forge is told at its start; every field has a flag and a variable.

    `private` asks for a token for reading too. `site_url` is what links for people begin with;
    without it they begin with the host that was asked.
    """

    data: pathlib.Path
    grants: tuple[Grant, ...] = ()
    seed_repositories: tuple[str, ...] = ()
    private: bool = False
    site_url: str = ""
