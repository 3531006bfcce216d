"""Commands change a chat as a value; what was said goes along when another model answers."""

import pytest

from posttrain.cli.chat_state import ChatSettings, ChatState, after_command
from posttrain.errors import InputError

START = ChatState(("base", "sft", "dpo"), ("sft",))


def said(state: ChatState, model: str) -> list[str]:
    return [message["content"] for message in state.conversation(model)]


def test_another_model_knows_what_was_said() -> None:
    state = START.with_message("user", {"sft": "Hi"}).with_message("assistant", {"sft": "Hello"})
    state, answer = after_command(state, "/model dpo sft")
    assert answer == "dpo and sft will answer, and know the conversation so far"
    assert said(state, "dpo") == said(state, "sft") == ["Hi", "Hello"]
    state = state.with_message("user", dict.fromkeys(state.answering, "More")).with_message(
        "assistant", {"dpo": "a", "sft": "b"}
    )
    assert said(state, "dpo") == ["Hi", "Hello", "More", "a"]
    state, _ = after_command(state, "/model sft")
    assert said(state, "sft") == ["Hi", "Hello", "More", "b"]


def test_a_system_message_begins_a_new_conversation() -> None:
    state, _ = after_command(START.with_message("user", {"sft": "Hi"}), "/system Be brief.")
    assert said(state, "sft") == ["Be brief."]
    assert said(after_command(state, "/new")[0], "sft") == ["Be brief."]
    assert said(after_command(state, "/system")[0], "sft") == []


def test_again_takes_the_last_answers_back() -> None:
    state = START.with_message("user", {"sft": "Hi"}).with_message("assistant", {"sft": "Hello"})
    assert said(state.without_answers(), "sft") == ["Hi"]
    with pytest.raises(InputError, match="no answer yet"):
        START.without_answers()


def test_an_answer_that_was_ended_early_is_not_to_be_learnt() -> None:
    state = START.with_message("user", {"sft": "Hi"}).with_message("assistant", {"sft": "Hel"}, cut=True)
    assert [message.get("train", True) for message in state.rows()[0]["messages"]] == [True, False]


def test_rows_are_training_data() -> None:
    state = (
        after_command(START, "/system S")[0].with_message("user", {"sft": "Hi"}).with_message("assistant", {"sft": "A"})
    )
    (row,) = state.rows()
    assert row["model"] == "sft"
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("/set temperature=0", "temperature", 0.0),
        ("/set max_tokens=5", "max_tokens", 5),
        ("/set seed=none", "seed", None),
    ],
)
def test_settings_change(line: str, key: str, value: object) -> None:
    assert getattr(after_command(START, line)[0].settings, key) == value


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/model", "a name is missing; the models are base, sft, dpo"),
        ("/model tree", "there is no model tree; the models are base, sft, dpo"),
        ("/set warmth=1", "the settings are"),
        ("/set top_p=0", "out of range"),
        ("/set top_p=2", "out of range"),
        ("/set max_tokens=0", "out of range"),
        ("/set max_tokens=few", "must be a number"),
        ("/set temperature=nan", "out of range"),
        ("/sing", "there is no such command; /help lists them"),
    ],
)
def test_a_wrong_command_says_what_is_right(line: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        after_command(START, line)


def test_help_lists_every_command() -> None:
    text = after_command(START, "/help")[1]
    assert all(word in text for word in ("/model", "/models", "/system", "/new", "/again", "/set", "/save", "/exit"))
    assert all(key in text for key in ChatSettings.__slots__)
