"""Writes the report of a run."""

from pathlib import Path

from posttrain.files import write_whole
from posttrain.report.page import run_page
from posttrain.report.record import read_run

PAGE = "report.html"
"""The name of the page in a run's folder."""


def write_run_report(out: Path, *, file: Path | None = None, compare: Path | None = None) -> Path:
    """Write the page of a run atomically.

    Args:
        out: the run's folder.
        file: the page; ``report.html`` in the run's folder if unset.
        compare: the folder of another run, which the page compares with this one.

    Returns:
        the page's path.

    Raises:
        InputError: a folder is no run's, a file in it is broken, or the page cannot be written.
    """
    run = read_run(out)
    page = file or run.folder / PAGE
    write_whole(page, run_page(run, None if compare is None else read_run(compare)))
    return page
