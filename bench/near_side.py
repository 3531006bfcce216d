"""One side's search for near duplicates in a file of texts, as JSON: `python bench/near_side.py SETTING TEXTS`.

Timed is all of it from texts in memory: shingles of three words, signatures, candidates, and the exact Jaccard
similarity of each candidate. Found are the texts that are similar to an earlier one.
"""

import json
import re
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SIMILAR = 0.7


def posttrain(texts: Sequence[str]) -> set[int]:
    """The audit's own functions, on as many rows at once as the audit takes."""
    import numpy as np

    from posttrain.audit.rows.source import CHUNK
    from posttrain.audit.similarity.minhash import band_keys, candidates, jaccard, shingle_sets, shingles

    keys = np.concatenate([band_keys(*shingles(texts[i : i + CHUNK])) for i in range(0, len(texts), CHUNK)])
    pairs = candidates(keys, np.zeros(len(texts), dtype=np.uint64))
    indices = np.unique(pairs).tolist()
    sets = dict(zip(indices, shingle_sets([texts[i] for i in indices]), strict=True))
    return {b for a, b in pairs.tolist() if jaccard(sets[a], sets[b]) >= SIMILAR}


def datasketch(texts: Sequence[str], *, tuned: bool) -> set[int]:
    """MinHashLSH as its documentation has it; tuned: a fast hash, and bands for full recall."""
    import datasketch

    sets = [shingled(text) for text in texts]
    options: dict[str, Any] = {"num_perm": 80, "hashfunc": zlib.crc32} if tuned else {"num_perm": 128}
    index = (
        datasketch.MinHashLSH(num_perm=80, params=(20, 4))
        if tuned
        else datasketch.MinHashLSH(threshold=SIMILAR, num_perm=128)
    )
    found: set[int] = set()
    for number, sketch in enumerate(datasketch.MinHash.generator(sets, **options)):
        if any(similar(sets[number], sets[other]) for other in index.query(sketch)):
            found.add(number)
        index.insert(number, sketch, check_duplication=False)
    return found


def rensa(texts: Sequence[str]) -> set[int]:
    """Its MinHash and index in Rust, with the same bands as datasketch tuned."""
    from rensa import RMinHash, RMinHashLSH

    sets = [shingled(text) for text in texts]
    index = RMinHashLSH(SIMILAR, 80, 20)
    found: set[int] = set()
    for number, sketch in enumerate(RMinHash.from_token_sets([[*some] for some in sets], 80, 0)):
        if any(similar(sets[number], sets[other]) for other in index.query(sketch)):
            found.add(number)
        index.insert(number, sketch)
    return found


_WORD = re.compile(r"\w+")


def shingled(text: str) -> set[bytes]:
    """A text's shingles as those libraries take them."""
    words = _WORD.findall(text.lower())
    return {" ".join(words[i : i + 3]).encode() for i in range(len(words) - 2)}


def similar(one: set[bytes], other: set[bytes]) -> bool:
    """Whether their Jaccard similarity is high enough."""
    shared = len(one & other)
    return shared >= SIMILAR * (len(one) + len(other) - shared)


SETTINGS: dict[str, Callable[[Sequence[str]], set[int]]] = {
    "posttrain": posttrain,
    "datasketch as documented": lambda texts: datasketch(texts, tuned=False),
    "datasketch tuned": lambda texts: datasketch(texts, tuned=True),
    "rensa": rensa,
}

if __name__ == "__main__":
    search, rows = SETTINGS[sys.argv[1]], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    search(rows[:512])  # imports and tables
    started, worked = time.perf_counter(), time.process_time()
    of_it = search(rows)
    spent = {"seconds": time.perf_counter() - started, "processor_seconds": time.process_time() - worked}
    print(json.dumps({**spent, "found": sorted(of_it)}))
