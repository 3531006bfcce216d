"""Files whose columns fit no convention: the user is asked what they mean, and nothing is advised on a guess."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from posttrain.advise.profile import Seen
from posttrain.audit.rows.convention import columns_option, parse_columns, reading_of
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.data.files.read import Row
from posttrain.errors import InputError


def named(sources: Sequence[AuditSource], ask: Callable[[str], str]) -> list[AuditSource]:
    """The sources, with the columns that the user confirms or names for those of unknown columns.

    Args:
        ask: puts a question to the user. An empty answer confirms what is suggested.
    """
    return [_named(source, ask) for source in sources]


def _named(source: AuditSource, ask: Callable[[str], str]) -> AuditSource:
    first = next((row for item in items(source) if isinstance(row := parsed(item), Row)), None)
    if first is None or source.columns:
        return source
    reading = reading_of(first, {})
    if reading.kind != "unknown" or not reading.columns:
        return source
    suggested = ", ".join(f"{theirs} → {ours}?" for ours, theirs in reading.columns.items())
    answer = ask(f"{source.path}: {suggested} (Enter: yes; no; or name them: prompt=NAME,completion=NAME)").strip()
    if "=" in answer:
        return replace(source, columns=parse_columns(answer))
    return source if answer.lower() in {"n", "no"} else replace(source, columns=reading.columns)


def check_known(seen: Seen) -> None:
    """Refuse to advise where no file has columns that are known.

    Raises:
        InputError: there are files, and none fits a convention.
    """
    unknown = seen.of("unknown")
    if unknown and len(unknown) == len(seen.files):
        raise InputError(f"{unknown[0].path}: {name_them(unknown[0].columns)}")


def name_them(suggested: Mapping[str, str]) -> str:
    """What to do about columns that fit no convention."""
    option = columns_option(suggested) or "--columns prompt=NAME,completion=NAME"
    return f"its columns fit no convention, so nothing is advised on it. Name them, such as {option}"
