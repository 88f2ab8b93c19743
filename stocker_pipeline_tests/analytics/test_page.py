"""What is common to every page: a template, its figures, and nothing that ends a script early."""

import json

from stocker_pipeline.analytics.charts import Chart
from stocker_pipeline.analytics.page import page_data


def test_figures_cannot_end_the_script_that_holds_them() -> None:
    figure = {"data": [{"name": "</script><b>&"}], "layout": {}}
    data = page_data(["2024-01-02"], ["ink"], [Chart("a", "", "", figure)])
    assert not set("<>&") & set(data)
    assert json.loads(data)["figures"]["a"] == figure


def test_a_chart_without_a_figure_is_left_out() -> None:
    data = json.loads(page_data([], [], [Chart("a", "", "", None)]))
    assert data == {"sessions": [], "colours": [], "figures": {}}
