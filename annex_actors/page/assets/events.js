"use strict";
// What has happened, the first cause first: on top the death that a failure began with, then everything in its order.

const Events = (() => {
  const PAGE = 100;
  const view = { most: PAGE, failuresOnly: false, shown: "" };

  function start(redraw, choose) {
    Text.byId("failures-only").addEventListener("change", (event) => { view.failuresOnly = event.target.checked; redraw(); });
    Text.byId("more-events").addEventListener("click", () => { view.most += PAGE; redraw(); });
    view.choose = choose;
  }

  function render(model, moment) {
    const events = notable(Model.eventsAt(model, moment)).filter((event) => !view.failuresOnly || isTrouble(event));
    const key = [events.length, view.most, view.failuresOnly, model.end !== null, model.first].join();
    if (key === view.shown) return;
    view.shown = key;
    showCause(model, moment);
    const rows = events.slice(-view.most).reverse().map((event) => row(event, model.first));
    Text.byId("event-list").replaceChildren(...rows);
    Text.byId("more-events").hidden = events.length <= view.most;
    Text.put(Text.byId("event-count"), `${Text.counted(events.length, "event")}, the newest first`);
  }

  /** Return events without the checkpoints that a newer one has replaced: there are hundreds. */
  function notable(events) {
    const saved = events.filter((event) => event.event === "CheckpointSaved");
    const newest = saved[saved.length - 1];
    return events.filter((event) => event.event !== "CheckpointSaved" || event === newest);
  }

  const TROUBLE = new Set(["PeerHung", "PeerAbandoned", "CheckpointFailed"]);

  const isTrouble = (event) => Model.isDeath(event) || TROUBLE.has(event.event);

  function showCause(model, moment) {
    const failed = model.end && model.end.status === "failed";
    const cause = Model.firstCause(model);
    const place = Text.byId("cause");
    place.hidden = !(failed && moment >= model.last);
    if (place.hidden) return;
    place.replaceChildren(
      Text.el("h3", {}, cause ? `✕ First cause: ${nameOf(cause)}` : "✕ The run failed"),
      Text.el("p", {}, cause ? `${cause.reason} · ${since(cause, model.first)}` : ""),
      cause && cause.traceback ? traceback(cause.traceback, true) : null,
      Text.el("p", {}, `Then: ${model.end.error}`),
    );
  }

  const nameOf = (event) => (event.label && event.label !== event.address ? `${event.address} (${event.label})` : event.address);

  const on = (event) => (event.node ? ` on node ${event.node}` : "");

  const since = (event, first) => `${Text.seconds(event.time - first)}`;

  function row(event, first) {
    const item = Text.el("li", { "data-event": event.event, class: isTrouble(event) ? "trouble" : "" });
    item.append(Text.el("time", {}, since(event, first)), Text.el("span", {}, sentence(event)));
    if (event.traceback) item.append(traceback(event.traceback, false));
    if (event.address) item.append(Text.el("button", { class: "link", onclick: () => view.choose(event.address, true) }, "details"));
    return item;
  }

  function traceback(text, open) {
    return Text.el("details", { open: open ? "" : null }, Text.el("summary", {}, "traceback"), Text.el("pre", {}, text));
  }

  const SENTENCES = {
    PeerStarted: (event) => (event.incarnation > 1 ? `↻ ${nameOf(event)} is up again, incarnation ${event.incarnation}${on(event)}` : `▸ ${nameOf(event)} is up${on(event)}`),
    PeerExited: (event) => (event.orderly ? `■ ${nameOf(event)} stopped` : `✕ ${nameOf(event)} ended: ${event.reason}`),
    PeerMoved: (event) => `→ ${nameOf(event)} moves to a ${event.worker}`,
    PeerHung: (event) => `◆ ${nameOf(event)} hangs${on(event)} at ${event.place}, for more than ${Text.seconds(event.limit_s)}`,
    PeerAbandoned: (event) => `✕ ${nameOf(event)} could not be stopped and was abandoned`,
    EpochFinished: (event) => `✓ epoch ${event.epoch + 1}: ${[`cost ${Text.number(event.train_cost)}`, ...metrics(event)].join(", ")}`,
    Evaluated: (event) => `✓ evaluated at step ${Text.whole(event.steps)}: ${metrics(event).join(", ")}`,
    CheckpointSaved: (event) => `▪ checkpoint at step ${Text.whole(event.step)}`,
    CheckpointFailed: (event) => `✕ no checkpoint at step ${Text.whole(event.step)}: ${event.reason}`,
    Finished: (event) => `✓ all ${Text.counted(event.step, "step")} are committed`,
  };

  function sentence(event) {
    const words = SENTENCES[event.event];
    return words ? words(event) : event.event;
  }

  function metrics(event) {
    const costs = { "validation cost": event.validation_cost, "test cost": event.test_cost };
    const known = Object.entries({ ...costs, ...event.metrics }).filter(([, value]) => typeof value === "number");
    return known.map(([name, value]) => `${name} ${Text.number(value)}`);
  }

  return { start, render, sentence, isTrouble, traceback };
})();
