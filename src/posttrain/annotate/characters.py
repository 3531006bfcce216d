"""Lone surrogates: characters that no database, file or HTTP response can hold.

JSON's ``\\ud800`` is half of a surrogate pair. Python reads it into a string that cannot be encoded as UTF-8.
"""

import json
import re

_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]|\xed|\0")
"""Bytes that may lead to a surrogate: its escape, the first byte of its encoding, or a NUL of UTF-16 or UTF-32.

`json.loads` also accepts bodies in these encodings.
"""


def has_lone_surrogate(body: bytes) -> bool:
    """Whether a body is JSON with a lone surrogate in a value or a key."""
    if not _SUSPECT.search(body):
        return False
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):  # not JSON: the route that parses the body reports it
        return False
    return False


def replace_lone_surrogates(text: str) -> str:
    """The text with a question mark for each lone surrogate; old judgments may hold some, new ones are refused."""
    return text.encode("utf-8", "replace").decode()
