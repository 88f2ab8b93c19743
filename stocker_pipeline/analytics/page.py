"""A page that needs no network: a template, its figures as JSON, and Plotly inside it.

Stays out: what is on a page (``bars_chart``, ``tearsheet``).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from stocker_pipeline.analytics.charts import Chart


def rendered(
    template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any
) -> str:
    """A template of this package with its values; whatever comes from data is escaped."""
    environment = _environment(tuple(sorted((filters or {}).items(), key=lambda item: item[0])))
    return str(environment.get_template(template).render(**values))


@lru_cache(maxsize=8)
def _environment(filters: tuple[tuple[str, Callable[..., Any]], ...]) -> Any:
    """Templates as they were read once: compiling one takes longer than filling it."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stocker_pipeline.analytics"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict(filters)
    return environment


def plotly_script() -> Any:
    """Plotly's code, to stand in a script element as it is."""
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())


def page_data(sessions: Sequence[str], colours: Sequence[str], charts: Sequence[Chart]) -> Any:
    """What ``tearsheet.js`` draws, as JSON that cannot end the script element it stands in."""
    from markupsafe import Markup

    data = {
        "sessions": list(sessions),
        "colours": list(colours),
        "figures": {chart.identity: chart.figure for chart in charts if chart.figure},
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "&<>":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
