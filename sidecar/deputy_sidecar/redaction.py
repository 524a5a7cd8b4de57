"""Keep credentials out of what people are shown."""

import re

_MASK = "[secret]"

#: What a credential looks like whose issuer gave it a shape. The named group `keep` stays.
_SHAPES = re.compile(
    r"""
      \bgh[opsur]_[A-Za-z0-9]{16,}                             # GitHub
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bglpat-[A-Za-z0-9_-]{16,}                               # GitLab
    | \blin_(?:api|oauth)_[A-Za-z0-9]{16,}                     # Linear
    | \bsk-[A-Za-z0-9_-]{16,}                                  # Anthropic, OpenAI
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}                         # Slack
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                            # AWS
    | \bAIza[A-Za-z0-9_-]{30,}                                 # Google
    | \bnpm_[A-Za-z0-9]{30,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*  # JWT
    | -----BEGIN[ A-Z]*PRIVATE[ ]KEY-----.*?(?:-----END[ A-Z]*PRIVATE[ ]KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)

#: What gives a credential away is the word before it.
_AFTER = re.compile(
    r"(?P<keep>\b(?:Bearer|Basic)\s+|://[^/\s:@]*:(?=[^\s/@]*@)|"
    r"\b[A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|API_?KEY)[A-Z0-9_]*\s*=\s*[\"']?)"
    r"(?P<secret>[^\s\"'@]{8,})"
)


def redact(text: str) -> str:
    """Return `text` with everything that looks like a credential masked."""
    return _AFTER.sub(rf"\g<keep>{_MASK}", _SHAPES.sub(_MASK, text))
