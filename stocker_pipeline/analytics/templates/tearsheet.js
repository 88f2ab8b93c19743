(function () {
  "use strict";
  const page = JSON.parse(document.getElementById("tear-sheet-data").textContent);
  const root = document.documentElement;
  const touch = matchMedia("(pointer: coarse)").matches;
  const scales = {};
  document.querySelectorAll('.toggle button[aria-pressed="true"]').forEach((button) => {
    scales[button.dataset.chart] = button.dataset.scale;
  });

  function placeholders() {
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue("--" + name).trim();
    const values = { "@sessions": page.sessions };
    for (const name of page.colours) values["@" + name] = colour(name);
    values["@diverging"] = [[0, colour("short")], [0.5, colour("paper")], [1, colour("long")]];
    return values;
  }

  function filled(value, values) {
    if (typeof value === "string") return Object.hasOwn(values, value) ? values[value] : value;
    if (Array.isArray(value)) return value.map((part) => filled(part, values));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, filled(part, values)]));
  }

  function draw(identity) {
    const values = placeholders();
    const figure = filled(page.figures[identity], values);
    const layout = figure.layout;
    const plain = { gridcolor: values["@grid"], linecolor: values["@grid"], zerolinecolor: values["@grid"], fixedrange: touch };
    layout.font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: values["@ink"] };
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.hoverlabel = { bgcolor: values["@paper"], bordercolor: values["@grid"], font: { color: values["@ink"] } };
    layout.xaxis = Object.assign({ showgrid: false }, plain, layout.xaxis);
    layout.yaxis = Object.assign({}, plain, layout.yaxis, scales[identity] ? { type: scales[identity] } : {});
    if (layout.yaxis.type === "log") layout.yaxis.dtick = "D2";
    if (page.sessions.length <= 4) {
      // Left to itself, Plotly names hours and milliseconds between so few days.
      Object.assign(layout.xaxis, { tickvals: page.sessions, tickformat: "%Y-%m-%d" });
    }
    // A finger that moves over a chart wants to scroll the page.
    layout.dragmode = touch ? false : "zoom";
    if (!layout.height) layout.autosize = true;
    Plotly.react(identity, figure.data, layout, { responsive: true, displayModeBar: false });
  }

  function drawAll() {
    Object.keys(page.figures).forEach(draw);
  }

  document.querySelectorAll(".toggle button").forEach((button) => {
    button.addEventListener("click", () => {
      const { chart, scale } = button.dataset;
      scales[chart] = scale;
      button.parentElement.querySelectorAll("button").forEach((other) => {
        other.setAttribute("aria-pressed", String(other === button));
      });
      draw(chart);
    });
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => {
    root.dataset.print = "";
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
    drawAll();
  });
  addEventListener("afterprint", () => {
    delete root.dataset.print;
    drawAll();
  });
  drawAll();
})();
