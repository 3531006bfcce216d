"""Characters that no database, file or answer can hold.

JSON's ``\\ud800`` is half of a surrogate pair: Python reads it into a text that cannot be written as UTF-8.
"""

import json
import re

_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]|\xed|\0")
"""An escape, the first byte of one that is written out, or another encoding than UTF-8, which JSON's readers take."""


def holds_half(body: bytes) -> bool:
    """Whether a body is JSON with half of a surrogate pair in it, in a value or a key."""
    if not _SUSPECT.search(body):
        return False
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):  # no JSON: that is told by whoever reads it
        return False
    return False


def whole(text: str) -> str:
    """The text with a question mark for each half of a pair: judgments that were kept before these were refused."""
    return text.encode("utf-8", "replace").decode()
