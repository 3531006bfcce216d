"""The options of an export, as a recipe and the command line state them."""

from typing import Literal

from pydantic import Field

from posttrain.annotate.exchange.aggregate import Aggregation
from posttrain.annotate.exchange.pairs import PairSelection
from posttrain.options import Options

What = Literal["pairs", "rankings", "sft"]


class PairOptions(Options):
    """How the rankings of several people become pairs."""

    pairs: PairSelection = Field(default="all", description="which pairs of a ranking")
    aggregate: Aggregation = Field(default="majority", description="how the rankings of several people are aggregated")
    least: float = Field(default=0.0, ge=0, le=1, description="least share of people (or probability) behind a pair")


class ExportOptions(PairOptions):
    """Options of an export."""

    what: What = Field(default="pairs", description="pairs (TRL's columns), rankings (of every person), sft (rewrites)")
    validation: float = Field(default=0.0, ge=0, lt=1, description="share of prompts that are held out")
    seed: int = Field(default=0, ge=0, description="seed of the split")
    simulated: bool = Field(default=False, description="whether judgments of simulated annotators are exported, marked")
    form: Literal["jsonl", "parquet"] = Field(default="jsonl", description="file format")
