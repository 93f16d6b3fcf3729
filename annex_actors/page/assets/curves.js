"use strict";
// Cost and metrics by step, with a mark at each death: a curve that goes on as if nothing had happened.

const Curves = (() => {
  const HEIGHT = 178;
  const PAD = { left: 52, right: 10, top: 32, bottom: 22 };
  const view = { panels: new Map(), step: null };

  function start(redraw) { view.redraw = redraw; }

  function render(model, moment) {
    const step = Model.stepAt(model, moment);
    const deaths = deathsAt(model, moment);
    const wanted = panelsOf(model, moment, step);
    keep(wanted.map((panel) => panel.name));
    for (const panel of wanted) drawPanel(view.panels.get(panel.name), panel, deaths, reach(model, step));
    Text.put(Text.byId("curves-note"), deaths.length ? `✕ ${Text.counted(deaths.length, "death")} marked` : "");
    if (view.step !== null) Text.put(Text.byId("curves-readout"), readout(wanted, deaths));
  }

  /** Return the last step of the axis: all steps of the run, or those so far if they are few. */
  function reach(model, step) {
    const run = Model.run(model);
    const so_far = step || 1;
    return run && run.steps && so_far > run.steps / 4 ? Math.max(run.steps, so_far) : Math.max(4, 1.25 * so_far);
  }

  function panelsOf(model, moment, step) {
    const epochs = model.epochs.filter((epoch) => epoch.time <= moment);
    const tested = epochs.map((epoch) => [epoch.steps, epoch.validation_cost ?? epoch.test_cost]);
    const trained = epochs.map((epoch) => [epoch.steps, epoch.train_cost]);
    const steps = model.costs.length ? costPoints(model, step) : trained;
    const cost = { name: "cost", lines: [{ name: "train", points: steps }, { name: "test", points: known(tested), dashed: true }] };
    const names = [...new Set(epochs.flatMap((epoch) => Object.keys(epoch.metrics || {})))];
    return [cost, ...names.map((name) => metricPanel(name, epochs))].filter((panel) => panel.lines.some((line) => line.points.length));
  }

  function metricPanel(name, epochs) {
    const points = epochs.map((epoch) => [epoch.steps, epoch.metrics[name]]);
    return { name, lines: [{ name, points: known(points), dashed: true }] };
  }

  const known = (points) => points.filter(([, value]) => typeof value === "number");

  function costPoints(model, step) {
    const points = [];
    for (const record of model.costs) {
      const stride = record.stride || 1;
      record.costs.forEach((cost, index) => points.push([record.step + index * stride + stride, cost]));
    }
    return points.filter(([at, cost]) => cost !== null && (step === null || at <= step + 1e-6));
  }

  function costAt(model, step) {
    for (let at = model.costs.length - 1; at >= 0; at -= 1) {
      const record = model.costs[at];
      if (step !== null && record.step >= step) continue;
      const index = step === null ? record.costs.length - 1 : Math.floor((step - 1 - record.step) / (record.stride || 1));
      return record.costs[Math.max(0, Math.min(record.costs.length - 1, index))];
    }
    return null;
  }

  function deathsAt(model, moment) {
    const deaths = model.events.filter((event) => Model.isDeath(event) && event.time <= moment);
    return deaths.map((event) => ({ event, step: Model.stepAt(model, event.time) })).filter((death) => death.step !== null);
  }

  function keep(names) {
    for (const [name, panel] of view.panels) if (!names.includes(name)) { panel.remove(); view.panels.delete(name); }
    for (const name of names) {
      if (view.panels.has(name)) continue;
      const canvas = Text.el("canvas", { role: "img", tabindex: "0" });
      canvas.addEventListener("pointermove", (event) => onPointer(canvas, event));
      canvas.addEventListener("pointerleave", () => lookAt(null));
      canvas.addEventListener("keydown", (event) => onKey(canvas, event));
      const panel = Text.el("figure", {}, canvas);
      view.panels.set(name, panel);
      Text.byId("panels").append(panel);
    }
  }

  function drawPanel(figure, panel, deaths, steps) {
    const canvas = figure.firstChild;
    const width = figure.clientWidth;
    const context = Picture.begin(canvas, width, HEIGHT);
    const values = panel.lines.flatMap((line) => line.points.map((point) => point[1]));
    const at = scaleOf(width, steps, values);
    canvas.dataset.steps = steps;
    canvas.setAttribute("aria-label", `${panel.name}: ${panel.lines.map(summary).join("; ")}`);
    drawGrid(context, at, panel);
    for (const death of deaths) drawDeath(context, at, death);
    for (const line of panel.lines) drawLine(context, at, line);
    if (view.step !== null) drawCursor(context, at);
  }

  function summary(line) {
    const last = line.points[line.points.length - 1];
    return last ? `${line.name} ${Text.number(last[1])} at step ${Text.whole(last[0])}` : `${line.name}: none yet`;
  }

  function scaleOf(width, steps, values) {
    let low = Infinity, high = -Infinity;
    for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
    const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    const bottom = low >= 0 ? Math.max(0, low - room) : low - room;
    const inner = width - PAD.left - PAD.right;
    return {
      width, steps, low: bottom, high: high + room,
      x: (step) => PAD.left + (step / steps) * inner,
      y: (value) => PAD.top + (1 - (value - bottom) / (high + room - bottom)) * (HEIGHT - PAD.top - PAD.bottom),
    };
  }

  function drawGrid(context, at, panel) {
    context.fillStyle = Picture.color("--ink");
    context.textAlign = "left";
    context.fillText(panel.name, 4, 10);
    drawNames(context, at, panel);
    context.fillStyle = Picture.color("--quiet");
    context.strokeStyle = Picture.color("--line");
    context.lineWidth = 1;
    context.textAlign = "right";
    for (const value of Picture.ticks(at.low, at.high, 3)) {
      const y = Math.round(at.y(value)) + 0.5;
      context.beginPath();
      context.moveTo(PAD.left, y);
      context.lineTo(at.width - PAD.right, y);
      context.stroke();
      context.fillText(String(Number(value.toPrecision(6))), PAD.left - 6, y);
    }
    context.textAlign = "center";
    for (const step of Picture.ticks(0, at.steps, Math.max(2, Math.floor(at.width / 90)))) {
      const x = at.x(step);
      if (x < at.width - 20) context.fillText(Text.whole(step), x, HEIGHT - 9);
    }
  }

  /** Name the lines at the right end of the title, in their colours: one line has the name of its panel. */
  function drawNames(context, at, panel) {
    let x = at.width - PAD.right;
    context.textAlign = "right";
    for (const line of panel.lines.filter((each) => each.points.length && each.name !== panel.name).reverse()) {
      context.fillStyle = Picture.color(line.dashed ? "--curve-test" : "--accent");
      const text = `${line.dashed ? "╌╌" : "──"} ${line.name}`;
      context.fillText(text, x, 10);
      x -= context.measureText(text).width + 14;
    }
  }

  function drawDeath(context, at, death) {
    const x = Math.round(at.x(death.step)) + 0.5;
    context.strokeStyle = context.fillStyle = Picture.color("--bad");
    context.globalAlpha = 0.55;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, PAD.top);
    context.lineTo(x, HEIGHT - PAD.bottom);
    context.stroke();
    context.globalAlpha = 1;
    context.textAlign = "center";
    context.fillText("✕", x, PAD.top - 7);
  }

  function drawLine(context, at, line) {
    context.strokeStyle = context.fillStyle = Picture.color(line.dashed ? "--curve-test" : "--accent");
    context.lineWidth = line.dashed ? 2 : 1.5;
    context.setLineDash(line.dashed ? [6, 4] : []);
    context.beginPath();
    line.points.forEach(([step, value], index) => (index ? context.lineTo(at.x(step), at.y(value)) : context.moveTo(at.x(step), at.y(value))));
    context.stroke();
    context.setLineDash([]);
    if (line.dashed && line.points.length < 60) for (const [step, value] of line.points) dot(context, at.x(step), at.y(value));
  }

  function dot(context, x, y) {
    context.beginPath();
    context.arc(x, y, 3, 0, 7);
    context.fill();
  }

  function drawCursor(context, at) {
    context.strokeStyle = Picture.color("--quiet");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(at.x(view.step), PAD.top);
    context.lineTo(at.x(view.step), HEIGHT - PAD.bottom);
    context.stroke();
  }

  function onPointer(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right);
    lookAt(Math.max(0, Math.min(1, share)) * Number(canvas.dataset.steps));
  }

  function onKey(canvas, event) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const steps = Number(canvas.dataset.steps);
    lookAt(Math.max(0, Math.min(steps, (view.step ?? steps / 2) + (move * steps) / 100)));
  }

  function lookAt(step) {
    view.step = step;
    view.redraw();
  }

  function readout(panels, deaths) {
    const lines = panels.flatMap((panel) => panel.lines).map((line) => [line.name, nearest(line.points, view.step)]);
    const shown = lines.filter(([, point]) => point).map(([name, point]) => `${name} ${Text.number(point[1])}`);
    const near = deaths.filter((death) => Math.abs(death.step - view.step) < 2).map((death) => Events.sentence(death.event));
    return [`step ${Text.whole(view.step)}`, ...shown, ...near].join(" · ");
  }

  function nearest(points, step) {
    const at = Model.upTo(points, step, (point) => point[0]);
    return points[Math.max(0, at - 1)];
  }

  return { start, render, costAt };
})();
