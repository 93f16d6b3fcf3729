"use strict";
// The page: it takes records, live from the server or those that are saved in it, and shows them at a moment.

const Page = (() => {
  const view = { model: Model.empty(), selected: null, isDue: false, heard: null, source: "connecting", width: 0 };

  function start() {
    Tree.start(choose);
    Pipeline.start(choose);
    Timeline.start(draw);
    Curves.start(draw);
    Events.start(draw, choose);
    Player.start(draw);
    Text.byId("theme").addEventListener("click", switchTheme);
    Text.byId("stop-run").addEventListener("click", stopRun);
    window.addEventListener("resize", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    const saved = Text.byId("records");
    if (saved) showSaved(JSON.parse(saved.textContent));
    else listen();
  }

  function showSaved(records) {
    view.source = "saved";
    for (const record of records) Model.take(view.model, record);
    const cause = view.model.end && view.model.end.status === "failed" ? Model.firstCause(view.model) : null;
    if (cause) view.selected = cause.address;
    render();
  }

  function listen() {
    const stream = new EventSource("/events");
    stream.addEventListener("begin", (event) => { view.model = Model.empty(); take(event.data); });
    stream.addEventListener("controls", (event) => allow(event.data === "on"));
    stream.onmessage = (event) => { take(event.data); if (view.model.end) finish(stream); };
    stream.onerror = () => { view.source = view.model.end ? "over" : "lost"; draw(); };
    setInterval(draw, 1000);
  }

  /** Take lines of records, as server-sent events hold them. */
  function take(lines) {
    for (const line of lines.split("\n")) if (line) Model.take(view.model, JSON.parse(line));
    view.heard = performance.now();
    view.source = "live";
    draw();
  }

  function finish(stream) {
    stream.close();
    view.source = "over";
    allow(false);
    draw();
  }

  function allow(controls) {
    Details.allow(controls);
    Text.byId("stop-run").hidden = !controls;
  }

  function connection() {
    if (view.source === "saved") return "saved";
    if (view.source === "over") return "the run is over; this page keeps what it has seen";
    if (view.source === "lost") return "connection lost; trying again";
    const silent = view.heard === null ? 0 : Math.floor((performance.now() - view.heard) / 1000);
    return silent < 3 ? "live" : `nothing new for ${silent} s`;
  }

  /** Draw soon, once, however often it is asked for until then. */
  function draw() {
    if (view.isDue) return;
    view.isDue = true;
    requestAnimationFrame(() => { view.isDue = false; render(); });
  }

  function render() {
    const model = view.model;
    const moment = Player.advance(model);
    Headline.render(model, moment, connection());
    Tree.render(model, moment, view.selected);
    Pipeline.render(model, moment, view.selected);
    Timeline.render(model, moment);
    Curves.render(model, moment);
    Events.render(model, moment);
    Details.render(model, moment, view.selected);
    if (Player.isPlaying()) draw();
  }

  function choose(actor, isAsked = false) {
    view.selected = actor;
    render();
    const details = Text.byId("details");
    if (isAsked) details.focus();
    if (isAsked || innerWidth < 1100) details.scrollIntoView({ block: "nearest" });
  }

  function stopRun() {
    Control.ask("Stop the run? The steps in flight are finished and saved; `annex-actors resume` goes on from there.", "Stop the run", "/stop");
  }

  function switchTheme() {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    draw();
  }

  document.addEventListener("DOMContentLoaded", start);

  return { view };
})();
