"""The numbers of an entry, by which rows are counted and compared: a row of the audit's table."""

import zlib

import numpy as np

from posttrain.audit.checks.answer_form import ending_of, form_of
from posttrain.audit.rows.entry import Entry, hash64, normalised
from posttrain.audit.similarity.minhash import BANDS
from posttrain.data.language import language_of
from posttrain.data.similarity import numbers_in

ROW = np.dtype(
    [
        ("place", np.uint32),  # index of the row among all rows
        ("part", np.uint16),  # number of the example in the row (self-instruct rows hold several)
        ("kind", np.uint8),  # index in KINDS
        ("whole", np.uint64),  # the whole content, see `entry.key_of`
        ("norm", np.uint64),  # the words alone; in preferences also ranks and judge
        ("prompt", np.uint64),  # the prompt's words
        ("answer", np.uint64),  # the answer's words; the best completion unchanged if there are several
        ("worst", np.uint64),  # the worst completion unchanged; 0 if there is none
        ("numbers", np.uint64),  # the numbers of the whole text, in order
        ("prompt_chars", np.uint32),
        ("answer_chars", np.uint32),
        ("worst_chars", np.uint32),
        ("first", np.uint8),  # 1 or 2 if the best completion is the first or second; else 0
        ("tied", np.bool_),
        ("good", np.uint8),  # the label of an unpaired row: 1 if true, 2 if false; 0 for other rows
        ("form", np.uint8),  # index in `answer_form.FORMS`
        ("shape", np.uint32),  # hash of the JSON keys or headings
        ("ending", np.uint8),  # index in `answer_form.ENDINGS`
        ("language", np.uint8),  # index in `language.LANGUAGES`
        ("judge", np.uint32),  # crc of the judge's name, 0 if not stated
        ("task", np.uint32),  # crc of the stated task, 0 if none
        ("bands", np.uint32, (BANDS,)),
    ]
)
"""The table's row for an example: less than 200 bytes, whatever the length of its texts."""

KINDS = ("sft", "preference", "prompt", "unknown", "unpaired")


def entry_numbers(entry: Entry) -> tuple[int, ...]:
    """The fields of `ROW` from `kind` to `judge` for an entry."""
    answer, worst = entry.answer, entry.worst
    prompt_words, text = normalised(entry.prompt + entry.context), entry.text
    tied = len(entry.ranks) > 1 and len(set(entry.ranks)) == 1
    first = 0 if len(entry.ranks) != 2 or tied else 1 + (entry.ranks[1] < entry.ranks[0])
    whole = hash64(entry.key)
    words = [prompt_words, *map(normalised, entry.outputs)]
    judgment = [str(entry.ranks), entry.judge] if entry.kind == "preference" else []
    label = [] if entry.good is None else [str(entry.good)]
    return (
        KINDS.index(entry.kind),
        whole,
        whole if entry.kind == "unknown" else hash64("\0".join([*words, *judgment, *label])),
        hash64(prompt_words),
        hash64(answer.strip() if entry.ranks else normalised(entry.final or answer)),
        hash64(worst.strip()) if entry.ranks else 0,
        hash64(" ".join(numbers_in(text))),
        len(entry.prompt),
        len(answer),
        len(worst),
        first,
        tied,
        0 if entry.good is None else 1 if entry.good else 2,
        *form_of(answer),
        ending_of(answer),
        language_of(text),
        zlib.crc32(entry.judge.encode("utf-8", "surrogatepass")) if entry.judge else 0,
    )
