"""The HTML pages of runs, for people who may oversee."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from posttrain.annotate.people.accounts import check_permission
from posttrain.annotate.problems import Missing
from posttrain.annotate.web.guard import NotSignedIn, signed_in
from posttrain.annotate.web.templates import page
from posttrain.console import format_bytes, format_duration
from posttrain.errors import InputError
from posttrain.pipeline.live_files import at_work
from posttrain.report.page import run_page
from posttrain.report.record import read_run
from posttrain.report.rendering import CHART_STYLE
from posttrain.report.run_list import listed_runs
from posttrain.ui.run_names import models_of_run, run_folder, run_name, runs_state
from posttrain.ui.shown_run import shown_run

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

REPORT = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
"""The report is one page with its own style, and without scripts."""


@router.get("/static/charts.css")
def chart_style() -> Any:
    """The style of charts, which is that of the reports."""
    return FileResponse(CHART_STYLE, media_type="text/css")


@router.get("/runs")
def runs_page(request: Request) -> Any:
    """The list of runs, the latest first."""
    state, person = runs_state(request), overseer(request)
    runs = [(run_name(state.folder, run.folder), run, at_work(run.folder)) for run in listed_runs(state.folder)]
    runs = [entry for entry in runs if entry[0].isprintable()]  # a name that is no text has no address
    return page(request, "runs.html", person=person, runs=runs, folder=state.folder, bytes=format_bytes)


@router.get("/runs/live/{name:path}")
def live_page(name: str, request: Request, part: bool = False) -> Any:
    """A run, which the page reads again every few seconds while it is at work.

    Args:
        part: only the part that changes.
    """
    person = overseer(request)
    state = runs_state(request)
    folder = run_folder(state, name)
    try:
        run = shown_run(name, folder, state.changes)
    except InputError as error:
        raise Missing(str(error)) from error
    template = "live_part.html" if part else "live.html"
    return page(request, template, person=person, run=run, duration=format_duration)


@router.get("/runs/compare/{name:path}")
def compare_page(name: str, request: Request) -> Any:
    """The form that asks several models of a run, whose answers are displayed side by side."""
    person = overseer(request)
    folder = run_folder(runs_state(request), name)
    try:
        models = models_of_run(folder)
    except InputError as error:
        raise Missing(str(error)) from error
    return page(request, "compare.html", person=person, name=name, models=list(models))


@router.get("/runs/report/{name:path}")
def run_report(name: str, request: Request) -> Any:
    """The report of a run, as `posttrain report` writes it, of what is there now."""
    overseer(request)
    try:
        html = run_page(read_run(run_folder(runs_state(request), name)))
    except InputError as error:
        raise Missing(str(error)) from error
    return HTMLResponse(html, headers=REPORT)


def overseer(request: Request) -> Any:
    """The person of a request, who may oversee.

    Raises:
        NotSignedIn: nobody is signed in.
        Forbidden: the role does not allow it.
    """
    person = signed_in(request)
    if person is None:
        raise NotSignedIn("sign in first")
    check_permission(person, "oversee")
    return person
