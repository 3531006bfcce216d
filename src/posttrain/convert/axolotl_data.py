"""The data sets of a configuration of Axolotl, whose `type` names the columns."""

import re
from collections.abc import Mapping
from typing import Any

from posttrain.convert.keys import Outcome, PeerConfig
from posttrain.convert.sources import joined, sources_of, texts_in
from posttrain.errors import InputError

_QUESTION = {"intel": "question", "icr": "input", "argilla": "instruction"}
"""The last part of a type of pairs or labels, such as `chatml.intel` → the column of the prompt."""

_FIELDS = {
    "sft": {"field_instruction": "instruction", "field_input": "input", "field_output": "output"},
    "dpo": {"field_prompt": "prompt", "field_chosen": "chosen", "field_rejected": "rejected"},
    "kto": {"field_prompt": "prompt", "field_completion": "completion", "field_label": "label"},
}
"""Kind of stage → keys of a type that is a mapping → standard columns."""

_PLAIN = frozenset({"alpaca", "chat_template", "completion", "input_output", "sharegpt", ""})
_CODE = re.compile(r"[A-Za-z_][\w.]*\.[A-Za-z_]\w*_(transform|fn|prompt)")

_KNOWN = frozenset(
    [
        "path",
        "type",
        "split",
        "name",
        "data_files",
        "ds_type",
        "field",
        "field_messages",
        "field_chosen",
        "field_rejected",
        "field_system",
        "field_tools",
        "message_property_mappings",
        "message_field_role",
        "message_field_content",
        "roles",
        "chat_template",
        "trust_remote_code",
        "roles_to_train",
        "train_on_eos",
        "shards",
        "preprocess_shards",
    ]
)


def data_sets_of(config: PeerConfig, key: str) -> Outcome:
    """The data sources of a list of data sets.

    Raises:
        InputError: the value is no list of data sets with paths.
    """
    sets = config.get(key)
    if sets is None:
        return Outcome()
    if not isinstance(sets, list) or not all(isinstance(item, dict) and "path" in item for item in sets):
        raise InputError(f"{config.where(key)}: must be a list of data sets, each with a `path`")
    return joined([_one_set({k: v for k, v in item.items() if v is not None}, config.kind) for item in sets])


def _one_set(item: Mapping[str, Any], kind: str) -> Outcome:
    columns, lost = _columns(item, kind)
    outcome = sources_of(
        str(item["path"]),
        files=texts_in(item.get("data_files")),
        subset=item.get("name"),
        split=item.get("split"),
        columns=columns,
    )
    other = sorted(set(item) - _KNOWN)
    lost += [f"keys of a data set without a counterpart: {', '.join(other)}"] if other else []
    return Outcome(outcome.value, lost="; ".join(filter(None, [outcome.lost, *lost])))


def _columns(item: Mapping[str, Any], kind: str) -> tuple[dict[str, str], list[str]]:
    """Standard column → the column of the data set, and what is lost."""
    written = item.get("type", "")
    columns: dict[str, str] = {}
    lost: list[str] = []
    if isinstance(written, dict):
        columns, lost = _from_fields(written, kind)
    elif _CODE.fullmatch(str(written)):
        lost.append(f"type {written}: a function changes the rows; write the changed rows to a file")
    elif str(written) == "completion":
        columns = {"text": str(item.get("field", "text"))}
    elif str(written).partition(".")[0] not in _PLAIN or kind in ("dpo", "kto", "reward"):
        columns = _from_type(str(written), item)
    if str(written).startswith("alpaca"):
        lost.append("type alpaca writes its own prompt text; here the model's chat template writes the prompt")
    if str(written) == "input_output":
        lost.append("type input_output marks segments without a template; write rows of prompt and completion")
    messages = item.get("field_messages")
    if messages not in (None, "messages", "conversations", "prompt") and "text" not in columns:
        columns = {("conversations" if kind in ("dpo", "reward") else "messages"): str(messages), **columns}
    if item.get("train_on_eos") in ("all", "last"):
        lost.append(f"train_on_eos {item['train_on_eos']}: the end of each answer bears loss")
    if isinstance(item.get("roles_to_train"), list) and set(map(str, item["roles_to_train"])) - {"assistant", "gpt"}:
        lost.append("roles_to_train: only answers bear loss")
    return columns, lost


def _from_fields(fields: Mapping[str, Any], kind: str) -> tuple[dict[str, str], list[str]]:
    """The columns of a type that is a mapping of fields."""
    standard = {**_FIELDS.get(kind, _FIELDS["dpo"]), "field_system": "system"}
    columns = {standard[key]: str(name) for key, name in fields.items() if key in standard and name is not None}
    formats = sorted(key for key, value in fields.items() if key not in standard and value is not None)
    lost = f"{', '.join(formats)}: the model's chat template writes the prompt" if formats else ""
    return columns, [lost] if lost else []


def _from_type(written: str, item: Mapping[str, Any]) -> dict[str, str]:
    """The columns of a named type of pairs or labels, such as `chatml.intel`."""
    last = written.rpartition(".")[2]
    columns = {"prompt": _QUESTION[last]} if last in _QUESTION else {}
    own = {"chosen": item.get("field_chosen"), "rejected": item.get("field_rejected")}
    return columns | {name: str(value) for name, value in own.items() if value is not None}
