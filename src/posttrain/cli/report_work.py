"""The work of `posttrain report`, apart from its options."""

from pathlib import Path

from posttrain.report.write import write_run_report


def report_and_show(run: Path, out: Path | None, compare: Path | None) -> None:
    """Write the page, and print where it is."""
    print(write_run_report(run, file=out, compare=compare))
