"""Passwords: which ones are accepted, and how they are stored.

The rules follow NIST SP 800-63B, section 5.1.1.2: a password must be long; it needs no mixed characters; it must not be
common, repetitive, a sequence or part of the name. The list of common passwords and the number of guesses come from
zxcvbn (D. L. Wheeler, "zxcvbn: Low-Budget Password Strength Estimation", 2016).
"""

import secrets
from functools import cache
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from zxcvbn import zxcvbn

from posttrain.annotate.problems import Invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_LENGTH = 10
MAX_LENGTH = 200
MIN_SCORE = 2
"""The least score of zxcvbn, from 0 to 4; 2 means a million guesses."""

SCORED_CHARACTERS = 72
"""The number of leading characters that zxcvbn scores; further characters can only add to the score."""


def checked_password(password: str, name: str) -> str:
    """A new password, unchanged.

    Raises:
        Invalid: it is too short, too long or easy to guess.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    score = zxcvbn(password[:SCORED_CHARACTERS], user_inputs=[name, *name.split(), "posttrain"])["score"]
    if not password.strip() or score < MIN_SCORE:
        raise Invalid("this password is easy to guess; take several words that do not belong together")
    return password


def hash_password(password: str) -> str:
    """The argon2id hash of a password, as the database stores it."""
    return _hasher().hash(password)


def is_password(given: str, kept: str | None) -> bool:
    """Whether a password matches the stored hash; the check takes equally long without a hash."""
    try:
        _hasher().verify(kept or _unknown_password(), given[: MAX_LENGTH + 1])
    except (Argon2Error, InvalidHashError):
        return False
    return kept is not None


@cache
def _hasher() -> "PasswordHasher":
    """argon2id with OWASP's second parameter set: 19 MiB, 2 passes, one lane."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _unknown_password() -> str:
    return _hasher().hash(secrets.token_urlsafe(32))
