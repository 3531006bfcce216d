"""Splits: a prompt falls into one part only, whatever its file, order or answer."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from conversations import assistant, raw, system, user
from posttrain.data.example import Example, Message
from posttrain.data.sets.split import (
    TRAIN,
    UNSEEN_PHRASINGS,
    UNSEEN_TASKS,
    VALIDATION,
    Held,
    falls_within,
    part_of,
    prompt_key,
)


def row(
    *prompt: Message, answer: str = "a", where: str = "f:1", task: str | None = None, phrasing: str | None = None
) -> Example:
    return Example(where, prompt, ((assistant(answer),),), task=task, phrasing=phrasing)


def part(example: Example, *, seed: int = 0, validation: float = 0.0, tasks: Held = (), phrasings: Held = ()) -> str:
    return part_of(example, seed=seed, validation=validation, tasks=tasks, phrasings=phrasings)


_TEXT = st.text(max_size=20)
_PROMPT = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), _TEXT), min_size=1, max_size=3)


@settings(max_examples=50)
@given(
    prompt=_PROMPT,
    answers=st.lists(_TEXT, min_size=2, max_size=4),
    seed=st.integers(0, 2**32),
    share=st.floats(0, 1),
)
def test_a_prompt_falls_into_one_part_whatever_its_answer_file_task_or_line(
    prompt: list[tuple[str, str]], answers: list[str], seed: int, share: float
) -> None:
    messages = [{"role": role, "content": content} for role, content in prompt]
    rows = [
        row(*messages, answer=answer, where=f"{answer}.jsonl:{line}", task=f"task {line}")
        for line, answer in enumerate(answers)
    ]
    assert len({part(example, seed=seed, validation=share) for example in rows}) == 1


@given(st.lists(_PROMPT, min_size=2, max_size=2, unique_by=repr))
def test_different_prompts_are_different(prompts: list[list[tuple[str, str]]]) -> None:
    one, other = (row(*({"role": role, "content": text} for role, text in prompt)) for prompt in prompts)
    assert prompt_key(one) != prompt_key(other)


def test_a_conversation_s_prompt_ends_where_its_first_answer_begins() -> None:
    first, longer = row(user("Why?")), Example("f:2", (user("Why?"),), ((assistant("a"), user("So?"), assistant("b")),))
    assert prompt_key(first) == prompt_key(longer)
    assert prompt_key(first) != prompt_key(row(system("Be brief."), user("Why?")))
    assert prompt_key(first) != prompt_key(row(user("Why?"), assistant("a"), user("So?")))


def test_a_plain_text_is_its_own_prompt() -> None:
    texts = [raw(f"Story {n}.") for n in range(200)]
    parts = [part(text, validation=0.5) for text in texts]
    assert 60 < parts.count(VALIDATION) < 140
    assert parts == [part(raw(f"Story {n}."), validation=0.5) for n in range(200)]
    assert prompt_key(raw("b", prompt="a")) == prompt_key(raw("c", prompt="a"))


def test_shares_are_about_right() -> None:
    keys = [f"prompt {n}" for n in range(10_000)]
    for share in (0.01, 0.1, 0.5, 0.9):
        expected, spread = share * 10_000, (share * (1 - share) * 10_000) ** 0.5
        assert abs(sum(falls_within(key, share, 0) for key in keys) - expected) < 4 * spread


def test_none_falls_within_no_share_and_all_within_the_whole() -> None:
    keys = [f"prompt {n}" for n in range(1000)]
    assert not any(falls_within(key, 0.0, 0) for key in keys)
    assert all(falls_within(key, 1.0, 0) for key in keys)


@given(key=_TEXT, seed=st.integers(0, 2**32), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_larger_share_holds_all_that_a_smaller_one_holds(key: str, seed: int, shares: tuple[float, float]) -> None:
    small, large = sorted(shares)
    assert falls_within(key, small, seed) <= falls_within(key, large, seed)


def test_the_side_is_the_same_in_every_process_and_another_with_another_seed() -> None:
    """Known values: if they changed, a resumed or repeated run would train on held-out rows."""
    keys = [f"prompt {n}" for n in range(16)]
    drawn = ["".join("01"[falls_within(key, 0.5, seed)] for key in keys) for seed in (0, 1)]
    assert drawn == ["1110000010011110", "1111100000010110"]


def test_whole_tasks_and_phrasings_are_held_out_by_name_before_prompts_are() -> None:
    held: dict[str, Held] = {"tasks": ("poems",), "phrasings": ("shout",)}
    assert part(row(user("Why?"), task="poems", phrasing="shout"), validation=0.999, **held) == UNSEEN_TASKS  # type: ignore[arg-type]
    assert part(row(user("Why?"), task="facts", phrasing="shout"), **held) == UNSEEN_PHRASINGS  # type: ignore[arg-type]
    assert part(row(user("Why?"), task="facts", phrasing="ask"), **held) == TRAIN  # type: ignore[arg-type]
    assert part(row(user("Why?")), **held) == TRAIN  # type: ignore[arg-type]


def test_a_share_of_tasks_holds_out_whole_tasks() -> None:
    rows = [row(user(f"Why {n}?"), task=f"task {n % 40}") for n in range(400)]
    held = {example.task for example in rows if part(example, tasks=0.3) == UNSEEN_TASKS}
    kept = {example.task for example in rows if part(example, tasks=0.3) == TRAIN}
    assert not held & kept
    assert 4 <= len(held) <= 20


def test_a_share_of_phrasings_holds_out_whole_phrasings() -> None:
    rows = [row(user(f"Why {n}?"), phrasing=f"wording {n % 40}") for n in range(400)]
    held = {example.phrasing for example in rows if part(example, phrasings=0.3) == UNSEEN_PHRASINGS}
    kept = {example.phrasing for example in rows if part(example, phrasings=0.3) == TRAIN}
    assert not held & kept
    assert 4 <= len(held) <= 20


def test_parts_have_the_names_of_their_folders() -> None:
    assert all(Path(name).name == name for name in (TRAIN, VALIDATION, UNSEEN_TASKS, UNSEEN_PHRASINGS))
