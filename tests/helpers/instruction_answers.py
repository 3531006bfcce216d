"""Answers that keep a verifiable instruction and answers that break it, built from the instruction's own rule."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Case = tuple[Mapping[str, Any], str, str]
"""(arguments, an answer that keeps the instruction, an answer that breaks it)."""

WORD = st.sampled_from(["river", "stone", "lamp", "cloud", "seven", "maple", "quiet", "window"])
WORDS = st.lists(WORD, min_size=1, max_size=12).map(" ".join)
RELATION = st.sampled_from(["less than", "at least"])
ENGLISH = "the cat is on the mat and it is not for you"
GERMAN = "die Katze ist auf der Matte und sie ist nicht für das Haus"


def _counted(draw: Draw, build: Callable[[int], str]) -> tuple[str, int, str, str]:
    """(relation, number, an answer with a right count, an answer with a wrong one)."""
    relation, number = draw(RELATION), draw(st.integers(1, 8))
    fewer, more = build(draw(st.integers(0, number - 1))), build(number + draw(st.integers(0, 3)))
    return (relation, number, fewer, more) if relation == "less than" else (relation, number, more, fewer)


def _existence(draw: Draw) -> Case:
    text = draw(WORDS)
    return {"keywords": ["Harbour", "tide"]}, f"{text} HARBOUR and tide", f"{text} harbour"


def _frequency(draw: Draw) -> Case:
    relation, number, right, wrong = _counted(draw, lambda n: " ".join(["Tide and"] * n + ["river"]))
    return {"keyword": "tide", "frequency": number, "relation": relation}, right, wrong


def _forbidden(draw: Draw) -> Case:
    text = draw(WORDS)
    return {"forbidden_words": ["Tide", "ebb"]}, f"{text} tides", f"{text} TIDE."


def _letters(draw: Draw) -> Case:
    relation, number, right, wrong = _counted(draw, lambda n: "bc " + "Zz"[: n % 2] + "zZ" * (n // 2))
    return {"letter": "z", "let_frequency": number, "let_relation": relation}, right, wrong


def _capital_words(draw: Draw) -> Case:
    relation, number, right, wrong = _counted(draw, lambda n: "Some words " + "LOUD quiet " * n)
    return {"capital_frequency": number, "capital_relation": relation}, right, wrong


def _language(draw: Draw) -> Case:
    return draw(st.sampled_from([({"language": "de"}, GERMAN, ENGLISH), ({"language": "en"}, ENGLISH, GERMAN)]))


def _upper(draw: Draw) -> Case:
    text = draw(WORDS)
    return {}, text.upper(), text.upper() + "a"


def _lower(draw: Draw) -> Case:
    text = draw(WORDS)
    return {}, text.lower() + " 5", text.title()


def _words(draw: Draw) -> Case:
    relation, number, right, wrong = _counted(draw, lambda n: "* " + ", ".join(["word"] * n))
    return {"num_words": number, "relation": relation}, right, wrong


def _sentences(draw: Draw) -> Case:
    end = draw(st.sampled_from([". ", "! ", '?" ', ".\n", "\n\n", "。"]))
    relation, number, right, wrong = _counted(
        draw, lambda n: "Dr. Wu paid 3.5 dollars" * bool(n) + f"{end}Yes" * (n - 1)
    )
    return {"num_sentences": number, "relation": relation}, right, wrong


def _paragraphs(draw: Draw) -> Case:
    number = draw(st.integers(1, 5))
    parts = [draw(WORDS) for _ in range(number)]
    wrong = draw(st.sampled_from(["\n***\n".join([*parts, "x"]), "\n***\n".join(["a", "", *parts[1:], "b"])]))
    return {"num_paragraphs": number}, "\n\n***\n\n".join(parts), wrong


def _first_word(draw: Draw) -> Case:
    number = draw(st.integers(1, 4))
    nth = draw(st.integers(1, number))
    parts = ["Some text."] * number
    right = [*parts[: nth - 1], '"Maple," they wrote', *parts[nth:]]
    wrong = draw(st.sampled_from([parts, [*right, "x"], [*parts[: nth - 1], "Maples", *parts[nth:]]]))
    arguments = {"num_paragraphs": number, "nth_paragraph": nth, "first_word": "maple"}
    return arguments, "\n\n".join(right), "\n\n".join(wrong)


def _placeholders(draw: Draw) -> Case:
    number = draw(st.integers(1, 5))
    return {"num_placeholders": number}, "Dear [name] " + "[a b] " * (number - 1), "[x] " * (number - 1) + "[] (name)"


def _postscript(draw: Draw) -> Case:
    marker, right = draw(st.sampled_from([("P.S.", "PS: more"), ("P.P.S", "P.P.S. more"), ("P.S.", "p.s. more")]))
    return {"postscript_marker": marker}, f"text\n\n{right}", draw(st.sampled_from(["text", "Oops more", "text P.S."]))


def _repeat(draw: Draw) -> Case:
    text = draw(WORDS)
    return {"prompt_to_repeat": f"Write {text}"}, f"\nwrite {text}\n\nHere.", f"Sure. Write {text}"


def _two(draw: Draw) -> Case:
    text = draw(WORDS)
    wrong = draw(st.sampled_from([f"{text}******{text}", text, f"{text}******b******c", f"{text}******"]))
    return {}, f"{text}\n******\nother", wrong


def _start(draw: Draw) -> Case:
    return {"start_phrase": "My answer"}, f'"my answer: {draw(WORDS)}', "So: My answer"


def _end(draw: Draw) -> Case:
    return {"end_phrase": "Is that all?"}, f"{draw(WORDS)} is that all? \n", "Is that all? Yes"


def _quotation(draw: Draw) -> Case:
    text = draw(WORDS)
    return {}, f'"{text}"\n', draw(st.sampled_from([text, f'"{text}', f'"{text}" x', '"']))


def _no_comma(draw: Draw) -> Case:
    return {}, draw(WORDS), draw(WORDS) + draw(st.sampled_from([",", "、", "，"]))


def _bullets(draw: Draw) -> Case:
    number, mark = draw(st.integers(1, 6)), draw(st.sampled_from(["* ", "- ", "  * "]))
    right = "Intro:\n" + f"{mark}point\n" * number + "**bold** end\n---\n"
    return {"num_bullets": number}, right, right + draw(st.sampled_from(["* x", "- x"]))


def _constrained(draw: Draw) -> Case:
    choice = draw(st.sampled_from(["My answer is yes.", "My answer is no.", "My answer is maybe."]))
    return {}, choice, draw(st.sampled_from(["Yes.", "My answer is perhaps."]))


def _highlights(draw: Draw) -> Case:
    number, mark = draw(st.integers(1, 5)), draw(st.sampled_from(["*", "**"]))
    return {"num_highlights": number}, f"a {mark}b c{mark} " * number, f"{mark}b{mark} " * (number - 1) + "* * ** 2*3"


def _sections(draw: Draw) -> Case:
    number = draw(st.integers(1, 5))
    lines = [f"SECTION {i + 1}\ntext\n" for i in range(number)]
    return {"section_spliter": "SECTION", "num_sections": number}, "".join(lines), "".join(lines[1:]) + "SECTION"


def _json(draw: Draw) -> Case:
    text = json.dumps({"a": draw(WORDS)})
    right = draw(st.sampled_from([text, f"```json\n{text}\n```", f"```\n{text}\n```\n"]))
    return {}, right, draw(st.sampled_from([f"Here: {text}", text[:-1], "{'a': 1}"]))


def _title(draw: Draw) -> Case:
    return {}, f"<<{draw(WORDS)}>>\ntext", draw(st.sampled_from(["<< >> text", "<title> text", "Title"]))


CASES: Mapping[str, Callable[[Draw], Case]] = {
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden,
    "keywords:letter_frequency": _letters,
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _upper,
    "change_case:english_lowercase": _lower,
    "language:response_language": _language,
    "length_constraints:number_words": _words,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "combination:repeat_prompt": _repeat,
    "combination:two_responses": _two,
    "startend:start_checker": _start,
    "startend:end_checker": _end,
    "startend:quotation": _quotation,
    "punctuation:no_comma": _no_comma,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": _constrained,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
}
"""Type → what builds its cases."""
