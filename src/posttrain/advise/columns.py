"""Files whose columns fit no convention: the user names the columns, and without names there is no advice on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from posttrain.advise.profile import DataProfile
from posttrain.audit.rows.convention import columns_option, parse_columns, reading_of
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.data.files.read import Row
from posttrain.errors import InputError


def ask_for_columns(sources: Sequence[AuditSource], ask: Callable[[str], str]) -> list[AuditSource]:
    """The sources, with the columns that the user confirms or names where no convention fits.

    Args:
        ask: shows a question to the user and returns what they type. An empty answer confirms the suggestion.
    """
    return [_ask_for_columns_of(source, ask) for source in sources]


def _ask_for_columns_of(source: AuditSource, ask: Callable[[str], str]) -> AuditSource:
    first = next((row for item in items(source) if isinstance(row := parsed(item), Row)), None)
    if first is None or source.columns:
        return source
    reading = reading_of(first, {})
    if reading.kind != "unknown" or not reading.columns:
        return source
    suggestion = ", ".join(f"{name} → {standard}?" for standard, name in reading.columns.items())
    answer = ask(f"{source.path}: {suggestion} (Enter: yes; no; or name them: prompt=NAME,completion=NAME)").strip()
    if "=" in answer:
        return replace(source, columns=parse_columns(answer))
    return source if answer.lower() in {"n", "no"} else replace(source, columns=reading.columns)


def check_conventions(profile: DataProfile) -> None:
    """Check that at least one file fits a convention, unless there are no files.

    Raises:
        InputError: there are files, and no file fits a convention.
    """
    unknown = profile.of("unknown")
    if unknown and len(unknown) == len(profile.files):
        raise InputError(f"{unknown[0].path}: {how_to_name_columns(unknown[0].columns)}")


def how_to_name_columns(suggestion: Mapping[str, str]) -> str:
    """The next step for columns that fit no convention.

    Args:
        suggestion: standard name → the file's column that probably holds it.
    """
    option = columns_option(suggestion) or "--columns prompt=NAME,completion=NAME"
    return f"its columns fit no convention, so there is no advice on this file. Name the columns, for instance {option}"
