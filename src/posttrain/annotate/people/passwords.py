"""Passwords: which are taken, and how they are kept.

NIST SP 800-63B, section 5.1.1.2: long rather than mixed, and none that is common, repetitive, in sequence or made of
the name. Their list of common ones and how many guesses a password needs are zxcvbn's (D. L. Wheeler, "zxcvbn:
Low-Budget Password Strength Estimation", 2016).
"""

import secrets
from functools import cache
from typing import TYPE_CHECKING

from posttrain.annotate.problems import Invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST = 10
MOST = 200
LEAST_SCORE = 2
"""Of zxcvbn's 0 to 4: a million guesses."""

ESTIMATED = 72
"""Characters that are estimated; what follows only adds."""


def checked_password(password: str, name: str) -> str:
    """A new password.

    Raises:
        Invalid: it is too short, too long or easy to guess.
    """
    from zxcvbn import zxcvbn

    if not LEAST <= len(password) <= MOST:
        raise Invalid(f"a password has {LEAST} to {MOST} characters")
    score = zxcvbn(password[:ESTIMATED], user_inputs=[name, *name.split(), "posttrain"])["score"]
    if not password.strip() or score < LEAST_SCORE:
        raise Invalid("this password is easy to guess; take several words that do not belong together")
    return password


def kept_password(password: str) -> str:
    """What is kept of a password: its argon2id hash."""
    return _hasher().hash(password)


def is_password(given: str, kept: str | None) -> bool:
    """Whether a password is the one that is kept; takes equally long where none is."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        _hasher().verify(kept or _nobody(), given[: MOST + 1])
    except (Argon2Error, InvalidHashError):
        return False
    return kept is not None


@cache
def _hasher() -> "PasswordHasher":
    """argon2id with OWASP's second parameter set: 19 MiB, 2 passes, one lane."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe(32))
