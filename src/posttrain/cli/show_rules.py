"""Shows the table of rules that the advice follows: `posttrain advise --explain`."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrain.advise.rules import FACTS, RULE_KINDS, TECHNIQUES, TechniqueRules


def rules_values() -> dict[str, Any]:
    """The techniques with their rules, and the facts, as values for JSON."""
    return {"techniques": [asdict(technique) for technique in TECHNIQUES], "facts": dict(FACTS)}


def show_rules() -> None:
    """Print a table for each technique, and how rules decide."""
    console = Console(highlight=False)
    for technique in TECHNIQUES:
        console.print(_rules_table(technique))
    console.print(
        "A technique is advised if at least one `for` rule holds, all of its `needs` hold, and no `blocks` rule holds. "
        "`against` rules are warnings. A stack starts with SFT or IFT; then come DPO or RLHF for judgement, then GRPO "
        "for answers that a program can check."
    )


def _rules_table(technique: TechniqueRules) -> Table:
    table = Table(title=Text(f"{technique.name}: {technique.what}", "bold"), title_justify="left")
    table.add_column("")
    table.add_column("", ratio=1)
    table.show_header = False
    for name in ("data", "complexity", "best_for"):
        table.add_row(name.replace("_", " "), Text(getattr(technique, name)))
    for kind in RULE_KINDS:
        facts = [f"• {FACTS[fact]}" for fact in technique.rules[kind]]
        table.add_row(kind, Text("\n".join(facts)))
    return table
