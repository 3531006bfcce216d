"""The data sets of a configuration of Axolotl, whose `type` names the columns."""

import re
from collections.abc import Mapping
from typing import Any

from posttrain.convert.keys import Outcome, PeerConfig
from posttrain.convert.sources import joined, sources_of
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

_ROLES = {
    "system": {"system"},
    "user": {"human", "user"},
    "assistant": {"gpt", "assistant"},
    "tool": {"tool", "observation", "function_response"},
}
"""Role → the names of it that are read in conversations."""

_NAMES = {"role": {"from", "role"}, "content": {"value", "content"}}
"""Part of a message → the keys of it that are read."""


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
        files=item.get("data_files"),
        subset=item.get("name"),
        split=item.get("split"),
        columns=columns,
    )
    lost += _lost_keys(item)
    other = sorted(set(item) - _KNOWN)
    lost += [f"keys of a data set without a counterpart: {', '.join(other)}"] if other else []
    return Outcome(outcome.value, lost="; ".join(filter(None, [outcome.lost, *lost])))


def _lost_keys(item: Mapping[str, Any]) -> list[str]:
    """What the keys of a data set mean that the columns do not keep."""
    lost: list[str] = []
    if item.get("shards"):
        lost.append(f"shards {item['shards']}: one part of so many is trained on there; set `rows`")
    if item.get("chat_template") not in (None, "tokenizer_default"):
        lost.append(f"chat_template {item['chat_template']} of a data set: all rows of a stage have one `template`")
    mappings = item.get("message_property_mappings")
    named: dict[str, Any] = {**mappings} if isinstance(mappings, dict) else {}
    named |= {part: item[f"message_field_{part}"] for part in _NAMES if item.get(f"message_field_{part}")}
    renamed = sorted(str(name) for part, name in named.items() if str(name) not in _NAMES.get(part, {part}))
    roles = item.get("roles")
    pairs = (
        [(role, name) for role, names in roles.items() for name in _listed(names)] if isinstance(roles, dict) else []
    )
    renamed += sorted(name for role, name in pairs if name not in _ROLES.get(str(role), set()))
    if renamed:
        lost.append(f"conversations with the keys or roles {', '.join(renamed)} are not read; rename them")
    return lost


def _listed(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value])]


def prefixes_of_types(config: PeerConfig) -> set[str]:
    """The templates that the types of pairs or labels write, such as `chatml` for `chatml.intel`."""
    sets = config.get("datasets")
    if config.kind not in ("dpo", "kto") or not isinstance(sets, list):
        return set()
    types = [str(item.get("type", "")) for item in sets if isinstance(item, dict)]
    prefixes = {written.partition(".")[0] for written in types if "." in written and not _CODE.fullmatch(written)}
    return prefixes - {"chat_template", "user_defined", "passthrough"}


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
        lost.append("type completion splits a text that is too long into several rows: split the texts first")
    elif str(written).partition(".")[0] not in _PLAIN or kind in ("dpo", "kto", "reward"):
        columns = _from_type(str(written), item)
    if str(written).startswith("alpaca"):
        lost.append("type alpaca writes its own prompt text; here the model's chat template writes the prompt")
    if str(written) == "input_output":
        lost.append("type input_output marks segments without a template; write rows of prompt and completion")
    messages = item.get("field_messages")
    if messages not in (None, "messages", "conversations", "prompt") and "text" not in columns:
        columns = {("conversations" if kind in ("dpo", "reward") else "messages"): str(messages), **columns}
    own = {"system": item.get("field_system"), "tools": item.get("field_tools")}
    columns |= {name: str(value) for name, value in own.items() if value not in (None, name)}
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
