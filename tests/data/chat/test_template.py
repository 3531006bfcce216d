"""Chat templates: which one is used, how it renders a conversation, and that it cannot run code."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conversations import (
    BRACKETS,
    CHATML,
    FORGETS_REASONING,
    OPENS_WITH_THOUGHT,
    PLAIN,
    UNMARKED_CHATML,
    WHERE,
    assistant,
    calling,
    system,
    template,
    tool,
    user,
)
from posttrain.data.chat.answer_spans import answer_spans
from posttrain.data.chat.template import Template, render_conversation, template_of
from posttrain.data.chat.traits import traits_of
from posttrain.data.options import BUILT_IN
from posttrain.errors import InputError

Q, A = user("Why?"), assistant("Because.")
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


def of(source: str, *, marked: bool = False) -> Template:
    return Template(source, SPECIAL, marked)


# Which template


def test_the_model_s_own_template_is_used_unless_another_is_chosen(qwen: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("{{ 'é' }}", encoding="utf-8")
    found = [template_of(qwen, chosen, tmp_path) for chosen in (None, "chatml", "mine.jinja")]
    assert [t and t.source for t in found] == [qwen.chat_template, CHATML, "{{ 'é' }}"]
    assert [t and t.marked for t in found] == [False, True, False]


def test_a_model_without_a_template_has_none_until_one_is_chosen(stories: Any, tmp_path: Path) -> None:
    assert template_of(stories, None, tmp_path) is None
    assert [getattr(template_of(stories, name, tmp_path), "source", None) for name in BUILT_IN[:2]] == [PLAIN, CHATML]


def test_an_unknown_template_is_named_with_the_choices(qwen: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^template: chatmi is neither a file nor one of plain, chatml, raw$"):
        template_of(qwen, "chatmi", tmp_path)


def test_a_template_that_is_not_utf8_is_named(qwen: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"^template: .*mine.jinja"):
        template_of(qwen, "mine.jinja", tmp_path)


def test_of_several_templates_the_default_one_is_used_and_without_it_the_choice_is_the_user_s(stories: Any) -> None:
    several = type(stories).from_pretrained(stories.name_or_path)
    several.chat_template = {"default": "one", "tool_use": "two"}
    assert getattr(template_of(several, None, Path()), "source", None) == "one"
    several.chat_template = {"rag": "one", "tool_use": "two"}
    with pytest.raises(InputError, match=r"^template: .*\['rag', 'tool_use'\].* save the one you want as a file"):
        template_of(several, None, Path())


@pytest.mark.parametrize("mark", ["{% generation %}", "{%- generation -%}", "{%+ generation %}"])
def test_marks_are_seen_however_they_are_written(stories: Any, tmp_path: Path, mark: str) -> None:
    (tmp_path / "mine.jinja").write_text("{% set generation_x = 1 %}")
    assert getattr(template_of(stories, "mine.jinja", tmp_path), "marked", None) is False
    (tmp_path / "mine.jinja").write_text(mark + "x{% endgeneration %}")
    assert getattr(template_of(stories, "mine.jinja", tmp_path), "marked", None) is True


# The built-in ones


def test_plain_writes_roles_as_words_and_closes_answers_with_the_end_token() -> None:
    talk = [system("Be brief."), Q, A, Q]
    expected = "<s>System:\nBe brief.\n\nUser:\nWhy?\n\nAssistant:\nBecause.</s>\n\nUser:\nWhy?\n\n"
    assert render_conversation(of(PLAIN, marked=True), talk, where=WHERE) == expected
    assert render_conversation(of(PLAIN, marked=True), talk, where=WHERE, open_answer=True) == expected + "Assistant:\n"


def test_chatml_begins_with_the_start_token_where_there_is_one() -> None:
    expected = "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nBecause.<|im_end|>\n"
    assert render_conversation(of(CHATML, marked=True), [Q, A], where=WHERE) == "<s>" + expected
    assert render_conversation(Template(CHATML, {}, True), [Q, A], where=WHERE) == expected
    assert (
        render_conversation(Template(CHATML, {}, True), [Q], where=WHERE, open_answer=True)
        == expected[: expected.index("Bec")]
    )


def test_chatml_is_qwen_s_own_way_of_writing(qwen: Any) -> None:
    talk = [system("Be brief."), Q, A, Q, assistant("So."), user("So?")]
    for open_answer in (True, False):
        own, ours = (
            render_conversation(template(qwen, source), talk, where=WHERE, open_answer=open_answer)
            for source in (None, CHATML)
        )
        assert own == ours


@pytest.mark.parametrize("source", [PLAIN, CHATML])
def test_the_built_in_templates_write_tool_calls_into_the_answer(source: str) -> None:
    text, spans, lost = answer_spans(
        of(source, marked=True), [Q], [calling("look", at="x"), tool("seen"), A], where=WHERE
    )
    call, last = (text[start:end] for start, end in spans)
    assert '"name": "look"' in call
    assert '{"at": "x"}' in call
    assert "seen" not in call + last
    assert last.startswith("Because.")
    assert lost == 0


# Which characters the assistant writes


@pytest.mark.parametrize("marked", [True, False])
def test_the_spans_are_the_answers_after_the_prompt(marked: bool) -> None:
    how = of(CHATML if marked else UNMARKED_CHATML, marked=marked)
    text, spans, lost = answer_spans(how, [Q, A, Q], [assistant("So."), Q, assistant("End.")], where=WHERE)
    assert [text[a:b].removesuffix("\n") for a, b in spans] == ["So.<|im_end|>", "End.<|im_end|>"]
    assert lost == 0


@pytest.mark.parametrize("marked", [True, False])
def test_an_answer_that_does_not_begin_with_the_open_answer_has_no_span(marked: bool) -> None:
    say = "{{ m.content + '<|im_end|>' }}"
    source = OPENS_WITH_THOUGHT.replace("m.content + '<|im_end|>\\n' }}", "'' }}" + say)
    if marked:
        source = source.replace(say, "{% generation %}" + say + "{% endgeneration %}")
    _, spans, lost = answer_spans(of(source, marked=marked), [Q], [A, Q, A], where=WHERE)
    assert (spans, lost) == ([], 2)


def test_only_the_last_answer_has_a_span_if_earlier_ones_are_rewritten() -> None:
    thought = assistant("<think>\nHm.\n</think>\n\nBecause.")
    text, spans, lost = answer_spans(of(FORGETS_REASONING), [Q], [thought, Q, thought], where=WHERE)
    assert [text[a:b] for a, b in spans] == [thought["content"] + "<|im_end|>\n"]
    assert lost == 1


# Its traits


def test_the_traits_of_real_templates(qwen: Any, phi: Any) -> None:
    assert traits_of(template(qwen)) == ["adds a system message of its own where the conversation has none"]
    assert traits_of(template(phi)) == ["drops system messages"]


@pytest.mark.parametrize("source", [PLAIN, CHATML])
def test_the_built_in_templates_have_no_traits(source: str) -> None:
    assert traits_of(of(source, marked=True)) == []


def test_a_template_that_refuses_system_messages_is_noted() -> None:
    assert traits_of(of(BRACKETS)) == ["refuses system messages"]


def test_a_template_that_demands_a_system_message_is_noted_and_not_refused() -> None:
    source = "{% if messages[0].role != 'system' %}{{ raise_exception('system?') }}{% endif %}" + UNMARKED_CHATML
    assert traits_of(of(source)) == ["refuses conversations without a system message"]


def test_a_template_that_opens_answers_in_another_way_is_noted() -> None:
    (trait,) = traits_of(of(OPENS_WITH_THOUGHT))
    assert trait.endswith("bear no loss")


def test_marks_without_the_end_token_are_noted() -> None:
    source = CHATML.replace("{{- '<|im_end|>' }}\n{%- endgeneration %}", "{%- endgeneration %}{{- '<|im_end|>' }}")
    assert source != CHATML
    (trait,) = traits_of(of(source, marked=True))
    assert trait.startswith("marks answers without the token that ends them")


def test_a_template_that_takes_no_conversation_at_all_is_refused_for_its_first_reason() -> None:
    with pytest.raises(InputError, match=r"^template: .* refuses this conversation \('now' is undefined\)"):
        traits_of(of("{% if messages[1] %}{{ raise_exception('one at a time') }}{% endif %}{{ now + 1 }}"))


def test_broken_jinja_is_refused_with_its_reason() -> None:
    with pytest.raises(InputError, match=r"^template: .*(unknown tag|unexpected|Encountered)"):
        traits_of(of("{% for m in messages %}{{ m.content }"))


# A template is a stranger's program


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('touch ' + mark) }}",
        "{{ self.__init__.__globals__.__builtins__.open(mark, 'w') }}",
        "{{ namespace.__init__.__globals__['__builtins__'].open(mark, 'w') }}",
        "{{ raise_exception.__globals__['jinja2'].sandbox.sys.modules['os'].system('touch ' + mark) }}",
        "{{ strftime_now.__func__.__globals__ }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({'content': 'changed'}) }}",
        "{% include '/etc/hostname' %}",
        "{% for i in range(10 ** 12) %}{% endfor %}",
        "{{ ('%s' * 3).format.__globals__ }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
    ],
)
def test_a_template_cannot_run_code_or_change_what_it_reads(attack: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    message = dict(Q)
    how = Template(attack + "{{ messages[0].content }}", {"mark": str(mark)}, False)
    with suppress(InputError):
        assert render_conversation(how, [message], where=WHERE) == "Why?"
    assert not mark.exists()
    assert message == Q
