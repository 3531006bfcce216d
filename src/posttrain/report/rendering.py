"""Renders the HTML pages of reports."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from posttrain.report.wording import counted, duration_text, interval_text, number_text

CHART_STYLE = Path(__file__).parent / "templates/charts.css"
"""The style of the charts, which needs the colours of a page."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
"""Characters that no HTML or XML text may hold."""


def render_page(template: str, **values: Any) -> str:
    """The HTML of a template, without characters that HTML does not allow."""
    environment: Any = Environment(
        loader=PackageLoader("posttrain", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": duration_text,
        "number": number_text,
        "interval": interval_text,
        "counted": counted,
    }
    text: str = environment.get_template(template).render(**values)
    return _CONTROL.sub("\ufffd", text.encode("utf-8", "replace").decode())
