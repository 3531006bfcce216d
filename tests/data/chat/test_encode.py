"""Messages become tokens by one tokenisation, and loss falls only on the assistant's text."""

import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations import (
    BRACKETS,
    CHATML,
    FORGETS_REASONING,
    NO_END,
    OPENS_WITH_THOUGHT,
    PLAIN,
    UNMARKED_CHATML,
    WHERE,
    assistant,
    calling,
    group_of,
    pair,
    plain_tokens,
    raw,
    renderer,
    schema,
    sft,
    system,
    taught,
    taught_pieces,
    template,
    tool,
    user,
    whole,
)
from posttrain.core.group import Group
from posttrain.data.chat.encode import encode_example, encode_prompt
from posttrain.data.chat.renderer import Renderer, turn_end_token
from posttrain.data.chat.template import render_conversation
from posttrain.data.example import Example
from posttrain.errors import InputError

Q, A = user("Which metal is liquid?"), assistant("Mercury.")
TURNS = [Q, A, user("And which gas glows?"), assistant("Neon.\n\nIn a tube."), user("Thanks.")]


@pytest.fixture(params=["qwen", "phi", "stories"])
def each(request: pytest.FixtureRequest) -> Renderer:
    """Each tokenizer with its own template; the one without gets the built-in one."""
    return renderer(request.getfixturevalue(request.param), PLAIN if request.param == "stories" else None)


# One tokenisation


def test_a_template_that_writes_the_start_token_does_not_get_a_second_one(phi: Any, stories: Any) -> None:
    for how in (renderer(phi), renderer(stories, PLAIN), renderer(stories, CHATML), renderer(stories, BRACKETS)):
        start = how.tokenizer.bos_token_id
        row = whole(group_of(sft([Q], A), how))
        assert (row[0], row.count(start)) == (start, 1)
        opened = encode_prompt([Q], how, where=WHERE).tolist()
        assert (opened[0], opened.count(start)) == (start, 1)


def test_prompt_and_completion_are_the_tokens_of_the_whole_text(each: Renderer) -> None:
    for example in (sft([Q], A), sft([Q], *TURNS[1:4]), sft([system("Be brief."), *TURNS[:3]], TURNS[3])):
        assert whole(group_of(example, each)) == plain_tokens(example, each)


def test_generation_starts_from_the_prompt_tokens_of_training(each: Renderer) -> None:
    assert group_of(sft([Q], A), each).prompt.tolist() == encode_prompt([Q], each, where=WHERE).tolist()


def test_a_token_across_the_border_bears_loss_and_is_counted(qwen: Any) -> None:
    how, example = renderer(qwen), sft([Q], assistant("\nMercury."))
    group = group_of(example, how)
    opened = encode_prompt([Q], how, where=WHERE).tolist()
    assert whole(group)[: len(opened)] != opened, "no token straddles the border, so this row shows nothing"
    assert whole(group) == plain_tokens(example, how)
    assert taught(group, qwen) == "\n\nMercury.<|im_end|>"
    assert how.seen == {"token across the border": 1}


def test_a_pair_with_a_token_across_the_border_shares_its_common_tokens(qwen: Any) -> None:
    how, example = renderer(qwen), pair([Q], "Mercury.", "\nMercury.")
    group = group_of(example, how)
    assert [whole(group, i) for i in (0, 1)] == [plain_tokens(example, how, i) for i in (0, 1)]
    assert [taught(group, qwen, i) for i in (0, 1)] == ["Mercury.<|im_end|>", "\n\nMercury.<|im_end|>"]
    assert how.seen == {"token across the border": 1}


def test_a_template_s_token_with_the_blanks_of_an_answer_bears_no_loss(phi: Any) -> None:
    how = renderer(phi)
    group = group_of(sft([Q], assistant("  Mercury.")), how)
    assert phi.convert_ids_to_tokens(int(group.prompt[-1])) == "<|assistant|>"
    assert taught(group, phi) == "Mercury.<|end|>"
    assert how.seen == {"leading blanks of an answer lost": 1}


def test_blanks_bear_loss_with_tokenizers_that_leave_them_out_of_the_offsets(
    qwen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenizers import processors

    example = sft([Q], assistant("  if x:\n        return  1  \n\n"))
    (whole_offsets,) = group_of(example, renderer(qwen)).completions
    monkeypatch.setattr(qwen.backend_tokenizer, "post_processor", processors.ByteLevel(trim_offsets=True))
    blanks = qwen("a    b", return_offsets_mapping=True)["offset_mapping"]
    assert any(start == end for start, end in blanks), "this tokenizer trims nothing, so it shows nothing"
    (trimmed,) = group_of(example, renderer(qwen)).completions
    assert trimmed.tokens.tolist() == whole_offsets.tokens.tolist()
    assert trimmed.loss.tolist() == whole_offsets.loss.tolist()


# Where loss falls


def test_the_end_of_the_turn_bears_the_last_loss(qwen: Any, phi: Any) -> None:
    for tokenizer, end, behind in ((qwen, "<|im_end|>", "\n"), (phi, "<|end|>", "")):
        (completion,) = group_of(sft([Q], A), renderer(tokenizer)).completions
        last = completion.loss.nonzero()[0][-1]
        assert tokenizer.convert_ids_to_tokens(int(completion.tokens[last])) == end
        assert tokenizer.decode(completion.tokens[last + 1 :].tolist()) == behind
        assert completion.loss[: last + 1].all()


def test_the_end_token_bears_loss_though_it_is_the_pad_token(qwen: Any) -> None:
    padded = type(qwen).from_pretrained(qwen.name_or_path, pad_token="<|im_end|>")
    assert padded.pad_token_id == padded.eos_token_id
    assert taught(group_of(sft([Q], A), renderer(padded)), padded) == "Mercury.<|im_end|>"


def test_an_answer_without_an_end_token_bears_loss_to_its_last_character(qwen: Any) -> None:
    assert taught(group_of(sft([Q], A), renderer(qwen, NO_END)), qwen).rstrip("\n").lstrip() == "Mercury."


def test_loss_falls_on_every_answer_of_a_conversation_and_on_no_other_turn(qwen: Any, phi: Any) -> None:
    for how, end in (
        (renderer(qwen), "<|im_end|>"),
        (renderer(qwen, CHATML), "<|im_end|>"),
        (renderer(phi), "<|end|>"),
    ):
        group = group_of(sft(TURNS[:1], *TURNS[1:]), how)
        assert taught_pieces(group, how.tokenizer) == [f"Mercury.{end}", f"Neon.\n\nIn a tube.{end}"]


def test_answers_in_the_prompt_bear_no_loss(qwen: Any) -> None:
    for source in (None, CHATML):
        group = group_of(sft(TURNS[:3], TURNS[3]), renderer(qwen, source))
        assert taught(group, qwen) == "Neon.\n\nIn a tube.<|im_end|>"
        assert "Mercury." in qwen.decode(group.prompt.tolist())


def test_loss_falls_on_a_tool_call_and_not_on_its_result(qwen: Any) -> None:
    example = sft([Q], calling("look", at="table"), tool("It is Hg."), assistant("Hg."), tools=(schema("look"),))
    group = group_of(example, renderer(qwen))
    call = '<tool_call>\n{"name": "look", "arguments": {"at": "table"}}\n</tool_call><|im_end|>'
    assert taught_pieces(group, qwen) == [call, "Hg.<|im_end|>"]


def test_a_marked_template_gives_the_mask_of_an_unmarked_one_and_of_transformers(qwen: Any) -> None:
    turns = [system("Be brief."), *TURNS[:4]]
    marked, unmarked = renderer(qwen, CHATML), renderer(qwen, UNMARKED_CHATML)
    assert [how.template is not None and how.template.marked for how in (marked, unmarked)] == [True, False]
    one, other = (group_of(sft(turns[:2], *turns[2:]), how) for how in (marked, unmarked))
    theirs = qwen.apply_chat_template(turns, chat_template=CHATML, return_assistant_tokens_mask=True, return_dict=True)
    assert whole(one) == whole(other) == theirs["input_ids"]
    mask = [0] * len(one.prompt) + one.completions[0].loss.astype(int).tolist()
    assert mask == [0] * len(other.prompt) + other.completions[0].loss.astype(int).tolist() == theirs["assistant_masks"]


def test_an_answer_of_several_marks_is_not_counted_as_rewritten(qwen: Any) -> None:
    marks = "{% generation %}{{ m.content }}{% endgeneration %}{% generation %}{{ '<|im_end|>' }}{% endgeneration %}"
    source = "{% for m in messages %}{{ m.role + ':' }}" + marks + "{{ '\n' }}{% endfor %}"
    how = renderer(qwen, source + "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}")
    assert taught(group_of(sft([Q], A), how), qwen) == "Mercury.<|im_end|>"
    assert not how.seen


def test_an_earlier_answer_that_the_template_rewrites_loses_its_loss_and_is_counted(qwen: Any) -> None:
    thinking = assistant("<think>\nHg?\n</think>\n\nMercury.")
    how = renderer(qwen, FORGETS_REASONING)
    group = group_of(sft([Q], thinking, user("Sure?"), thinking), how)
    assert taught_pieces(group, qwen) == ["<think>\nHg?\n</think>\n\nMercury.<|im_end|>"]
    assert "assistant\nMercury.<|im_end|>" in qwen.decode(group.prompt.tolist())
    assert how.seen == {"rewritten answer": 1}


def test_an_earlier_answer_that_the_template_leaves_alone_keeps_its_loss(qwen: Any) -> None:
    how = renderer(qwen, FORGETS_REASONING)
    group = group_of(sft([Q], A, user("Sure?"), assistant("Yes.")), how)
    assert taught_pieces(group, qwen) == ["Mercury.<|im_end|>", "Yes.<|im_end|>"]
    assert not how.seen


# What the template leaves out


def test_a_dropped_system_message_is_counted_once_a_row(phi: Any) -> None:
    how = renderer(phi)
    group_of(sft([system("Answer in Latin."), Q], A), how)
    group_of(pair([system("Answer in Latin."), Q], "Hydrargyrum.", "Mercury."), how)
    group_of(sft([Q], A), how)
    assert how.seen == {"system message dropped": 2}


def test_a_system_message_without_its_blanks_does_not_count_as_dropped(qwen: Any) -> None:
    how = renderer(qwen, "{% for m in messages %}{{ m.role + ':' + m.content.strip() + eos_token }}{% endfor %}")
    encode_example(sft([system("Be brief.\n"), Q], A), how)
    group_of(sft([system("Be brief.\n"), Q], A), renderer(qwen))
    assert not how.seen


def test_dropped_tools_calls_and_results_are_counted(phi: Any, qwen: Any) -> None:
    example = sft([Q], calling("look"), tool("Hg"), assistant("It is."), tools=(schema("look"),))
    dropped = ("answer without words", "tool call dropped", "tool message dropped", "tools dropped")
    for tokenizer, seen in ((phi, dict.fromkeys(dropped, 1)), (qwen, {})):
        how = renderer(tokenizer)
        group_of(example, how)
        assert list(how.seen.items()) == list(seen.items()), "in the same order in every process"


def test_a_tool_result_in_json_does_not_count_as_dropped(qwen: Any) -> None:
    lines = "{% for m in messages %}{{ m.role + ':' }}{{ m.content | tojson }}{{ eos_token }}{% endfor %}"
    how = renderer(qwen, lines + "{% if add_generation_prompt %}assistant:{% endif %}")
    group_of(sft([Q], A, tool('{"a": "é"}\n'), A), how)
    assert "tool message dropped" not in how.seen


# Rows that cannot train


def test_a_template_that_refuses_a_row_names_file_and_line(stories: Any) -> None:
    with pytest.raises(InputError, match=r"^rows.jsonl:7: .* refuses .*\(no system messages, please\)"):
        encode_example(sft([system("Be brief."), Q], A), renderer(stories, BRACKETS))


def test_a_template_that_fails_in_its_own_way_names_file_and_line(qwen: Any) -> None:
    source = "{% for m in messages %}{{ 1 / (m.content | length) }}{{ m.content + eos_token }}{% endfor %}"
    with pytest.raises(InputError, match=r"^rows.jsonl:7: .* refuses .*division"):
        encode_example(sft([user("")], A), renderer(qwen, source))


def test_a_conversation_without_any_template_names_the_row_and_the_choice(stories: Any) -> None:
    with pytest.raises(InputError, match=r"^rows.jsonl:7: .*`template: plain` \(or chatml"):
        encode_example(sft([Q], A), Renderer(stories, None, frozenset({2}), 100))


def test_a_row_whose_answer_the_template_rewrites_is_left_out(qwen: Any) -> None:
    how = renderer(qwen, OPENS_WITH_THOUGHT)
    assert encode_example(sft([Q], A), how) == "no token bears loss: the template rewrites the answer"
    assert not how.seen


def test_a_row_is_left_out_where_nothing_bears_loss(qwen: Any) -> None:
    nothing = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
    for source in (nothing, "{{ '' }}"):
        assert str(encode_example(sft([Q], A), renderer(qwen, source))).startswith("no token bears loss")


def test_a_row_is_left_out_where_no_token_precedes_the_answer(qwen: Any) -> None:
    how = renderer(qwen, "{% for m in messages %}{{ m.content }}{% endfor %}")
    assert encode_example(sft([user("a")], assistant("b")), how) == "no token before the completion"


def test_a_pair_of_equal_tokens_is_left_out(phi: Any) -> None:
    same = pair([Q], "Mercury.", " Mercury.")
    assert encode_example(same, renderer(phi)) == "completions are the same tokens"


def test_a_ranking_with_two_equal_completions_among_others_stays(qwen: Any) -> None:
    texts = ("Mercury.", "Mercury.", "Gold.")
    ranks = {"rank": (1.0, 2.0, 3.0)}
    group = group_of(Example(WHERE, (Q,), tuple((assistant(t),) for t in texts), ranks), renderer(qwen))
    assert [taught(group, qwen, i) for i in range(3)] == [f"{t}<|im_end|>" for t in texts]
    assert group.columns["rank"].tolist() == [1, 2, 3]


# Plain text


def test_plain_text_gets_one_start_and_one_end_token(stories: Any, phi: Any) -> None:
    text = "Once upon a time 🦊\n\n  there was a fox."
    for tokenizer in (stories, phi):
        group = group_of(raw(text), Renderer(tokenizer, None, frozenset(), 4096))
        inner = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert group.prompt.tolist() == [tokenizer.bos_token_id]
        assert group.completions[0].tokens.tolist() == [*inner, tokenizer.eos_token_id]
        assert group.completions[0].loss.all()


def test_plain_text_without_a_start_token_begins_with_an_end_token(qwen: Any) -> None:
    group = group_of(raw("Once upon"), renderer(qwen))
    assert qwen.decode(whole(group)) == "<|im_end|>Once upon<|im_end|>"
    assert taught(group, qwen) == "Once upon<|im_end|>"


def test_an_end_token_inside_plain_text_does_not_end_the_loss(stories: Any) -> None:
    group = group_of(raw("One.</s>Two."), Renderer(stories, None, frozenset({2}), 4096))
    assert group.completions[0].tokens.tolist().count(2) == 2
    assert group.completions[0].loss.all()


def test_a_plain_prompt_bears_no_loss_but_a_token_across_its_border_does(qwen: Any) -> None:
    how = renderer(qwen)
    clean = group_of(raw(" a fox", prompt="There was"), how)
    assert (taught(clean, qwen), dict(how.seen)) == (" a fox<|im_end|>", {})
    across = group_of(raw("re was a fox", prompt="The"), how)
    assert (taught(across, qwen), dict(how.seen)) == ("There was a fox<|im_end|>", {"token across the border": 1})


def test_plain_text_of_a_tokenizer_without_an_end_token_is_refused(stories: Any) -> None:
    endless = type(stories).from_pretrained(stories.name_or_path, eos_token=None)
    with pytest.raises(InputError, match="no end token"):
        encode_example(raw("Once"), Renderer(endless, None, frozenset(), 4096))


# Whatever the text

_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cn"]), min_size=1, max_size=30).filter(str.strip)
_TALK = st.lists(st.tuples(_TEXT, _TEXT), min_size=1, max_size=3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(talk=_TALK)
def test_any_conversation_is_its_plain_tokenisation_with_loss_on_the_answers(each: Renderer, talk: Any) -> None:
    turns = [turn for question, answer in talk for turn in (user(question), assistant(answer))]
    assert each.template is not None
    how = Renderer(each.tokenizer, each.template, each.end_tokens, each.max_length)
    group = encode_example(sft(turns[:1], *turns[1:]), how)
    assert isinstance(group, Group)
    assert whole(group) == plain_tokens(sft(turns[:1], *turns[1:]), how)
    if not how.seen:
        end = how.tokenizer.decode([turn_end_token(each.tokenizer, each.template)])
        expected = [answered + end for _, answered in talk]
        pieces = taught_pieces(group, how.tokenizer)
        if how.tokenizer.name_or_path.endswith("qwen2.5-0.5b-instruct"):
            expected = [unicodedata.normalize("NFC", text) for text in expected]
        assert pieces == expected


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=_TEXT, chosen=_TEXT, rejected=_TEXT)
def test_any_pair_is_two_plain_tokenisations(each: Renderer, prompt: str, chosen: str, rejected: str) -> None:
    example = pair([user(prompt)], chosen, rejected)
    group = encode_example(example, each)
    if isinstance(group, str):
        assert group == "completions are the same tokens"
        assert plain_tokens(example, each, 0) == plain_tokens(example, each, 1)
        return
    assert [whole(group, i) for i in (0, 1)] == [plain_tokens(example, each, i) for i in (0, 1)]


@pytest.mark.parametrize("source", [None, CHATML])
def test_the_rendering_equals_transformers_own(qwen: Any, source: str | None) -> None:
    turns = [*TURNS[:1], calling("look", at="x"), tool("Hg"), *TURNS[1:]]
    theirs = qwen.apply_chat_template(turns, tools=[schema("look")], chat_template=source, tokenize=False)
    assert render_conversation(template(qwen, source), turns, where=WHERE, tools=[schema("look")]) == theirs
