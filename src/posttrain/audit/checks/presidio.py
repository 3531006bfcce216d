"""The check for names and identifiers with Microsoft Presidio (the extra `presidio`), in one process."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from posttrain.audit.checks.personal import masked
from posttrain.audit.findings import Finding, Rule, finding
from posttrain.audit.findings import Shown as Hit
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.console import Screen
from posttrain.data.files.read import Row
from posttrain.errors import InputError

PERSONAL = Rule(
    "personal-data-presidio",
    "warn",
    "rows hold names or identifiers of persons, according to Presidio",
    "look at some of them; mask names and identifiers that are not invented",
)

BLANK = "blank"
"""The value to give instead of a spaCy model: Presidio then finds identifiers by their form, and no names."""

_ENTITIES = (
    "PERSON",
    "CRYPTO",
    "MEDICAL_LICENSE",
    "US_BANK_NUMBER",
    "US_DRIVER_LICENSE",
    "US_ITIN",
    "US_PASSPORT",
    "UK_NHS",
)
"""The entities that the audit's own rules do not cover. Places and dates are left out, since most texts have some."""

_SURE = 0.5
_MOST = 20_000
"""The number of first characters of a row that are analysed."""


def presidio_findings(sources: Sequence[AuditSource], model: str, screen: Screen) -> list[Finding]:
    """Analyse every row of the sources with Presidio.

    Args:
        model: a spaCy model's name, or `BLANK`.

    Raises:
        InputError: Presidio or the model is not installed.
    """
    analyse = _analyser(model)
    hits: list[Hit] = []
    with screen.bar("presidio", None) as advance:
        count = 0
        for source in sources:
            for item in items(source):
                count += 1
                advance(count, "rows")
                row = parsed(item)
                text = "\n".join(_texts(row.values))[:_MOST] if isinstance(row, Row) else ""
                matches = [f"{m.entity_type.lower()} {masked(text[m.start : m.end])}" for m in analyse(text)]
                if matches:
                    hits.append(Hit(item[0], ", ".join(dict.fromkeys(matches))[:160]))
    return [finding(PERSONAL, hits)] if hits else []


def _texts(value: Any) -> Iterator[str]:
    """Every text in a row, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _analyser(model: str) -> Any:
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ModuleNotFoundError as error:
        raise InputError("--presidio: Presidio is not installed; pip install 'posttrain[presidio]'") from error
    engine: Any = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": model}])
    try:
        engine.nlp = {"en": spacy.blank("en") if model == BLANK else spacy.load(model)}
    except OSError as error:
        raise InputError(
            f"--presidio: there is no spaCy model {model}; run python -m spacy download {model}, or give --presidio "
            f"{BLANK} to find identifiers by their form alone"
        ) from error
    analyser = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    known = [name for name in analyser.get_supported_entities("en") if name in _ENTITIES]
    return partial(analyser.analyze, language="en", entities=known, score_threshold=_SURE)
