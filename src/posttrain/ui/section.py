"""The section of the ranking app that shows the runs below a folder."""

from pathlib import Path

from fastapi import APIRouter

from posttrain.annotate.web.sections import Section
from posttrain.ui import answers, screens
from posttrain.ui.loaded_models import LoadedModels
from posttrain.ui.run_names import RunsState

PAGES = Path(__file__).parent / "pages"


def runs_section(folder: Path, models: LoadedModels) -> Section:
    """The pages of the runs below a folder.

    Args:
        models: answers prompts with the runs' models.
    """
    router = APIRouter()
    for module in (screens, answers):
        router.include_router(module.router)
    return Section("runs", "Runs", "/runs", "oversee", router, PAGES, RunsState(folder, models))
