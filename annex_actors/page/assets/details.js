"use strict";
// All that is known of one actor; with --observe-control, what can be done to it.

const Details = (() => {
  const view = { shown: "", controls: false };

  function render(model, moment, selected) {
    const actor = selected && Model.actorsAt(model, moment).find((each) => each.id === selected);
    if (!actor) return;
    Text.put(Text.byId("details-title"), actor.label && actor.label !== actor.id ? `${actor.id} · ${actor.label}` : actor.id);
    const facts = factsOf(model, moment, actor);
    const exits = actor.exits || [];
    const key = JSON.stringify([selected, facts.map(([name]) => name), exits.length, view.controls, actor.kind]);
    if (key !== view.shown) build(actor, facts, exits, model.first);
    view.shown = key;
    const values = Text.byId("details-body").querySelectorAll("dd");
    facts.forEach(([, value], index) => Text.put(values[index], value));
  }

  function build(actor, facts, exits, first) {
    const list = Text.el("dl", {}, ...facts.map(([name]) => Text.el("div", {}, Text.el("dt", {}, name), Text.el("dd"))));
    const ends = exits.length
      ? [Text.el("h3", {}, "How it ended before"), Text.el("ol", { class: "exits" }, ...exits.slice().reverse().map((exit) => exitItem(exit, first)))]
      : [];
    Text.byId("details-body").replaceChildren(...buttons(actor), list, ...ends);
  }

  function exitItem(exit, first) {
    const when = `${Text.seconds(exit.time - first)} · incarnation ${exit.incarnation}`;
    return Text.el("li", {}, Text.el("span", { class: "quiet" }, when), Text.el("p", {}, exit.reason), exit.traceback ? Events.traceback(exit.traceback, false) : null);
  }

  function factsOf(model, moment, actor) {
    const piece = Model.pieceAt(model.rows.get(actor.id) || [], moment);
    const facts = [
      ["state", `${Tree.MARKS[actor.state] || ""} ${actor.state}`],
      ["kind", actor.kind],
      ["node", actor.node || null],
      ["supervisor", actor.parent],
      ["incarnation", Text.whole(actor.incarnation)],
      ["restarts used", Text.whole(actor.restarts_used)],
      ["restarts left", Text.whole(actor.restarts_left)],
      ["mailbox", Text.known(actor.mailbox) ? Text.counted(actor.mailbox, "message") : null],
      ["handled", Text.whole(actor.handled)],
      ["handled per second", Text.whole(actor.handled_per_second)],
      ["busy", Text.percent(actor.busy)],
      ["work", actor.work ? `${actor.work}, since ${Text.seconds(actor.work_seconds)}` : piece ? Timeline.describe(piece) : null],
      ["memory", Text.known(actor.memory_bytes) ? Text.bytes(actor.memory_bytes) : null],
      ["up for", Text.seconds(actor.uptime)],
    ];
    return facts.filter(([, value]) => Text.known(value) && value !== Text.missing);
  }

  function buttons(actor) {
    if (!view.controls || !["layer", "trainer", "reader"].includes(actor.kind)) return [];
    const label = actor.label && actor.label !== actor.id ? `${actor.id} (${actor.label})` : actor.id;
    const path = `/actors/${encodeURIComponent(actor.id)}`;
    const kill = () => Control.ask(`Kill ${label}? Its supervisor restarts it, and no bit of the result changes.`, `Kill ${label}`, `${path}/kill`);
    const move = () => Control.ask(`Move ${label} to another worker? It starts there at its last commit, and no bit of the result changes.`, `Move ${label}`, `${path}/move`);
    const slow = () => Control.ask(`Let ${label} take longer than ever before, once?`, `Slow ${label}`, `${path}/slow`);
    const made = [Text.el("button", { id: "kill-actor", class: "danger", onclick: kill }, "Kill")];
    if (actor.kind !== "trainer") made.push(Text.el("button", { id: "move-actor", onclick: move }, "Move"));
    if (actor.kind === "layer") made.push(Text.el("button", { id: "slow-actor", onclick: slow }, "Slow"));
    return [Text.el("div", { class: "bar" }, ...made)];
  }

  function allow(controls) {
    view.controls = controls;
    view.shown = "";
  }

  return { render, allow };
})();

/** Buttons that change a run: each asks first, naming what it changes, and says what was done. */
const Control = (() => {
  const SHOWN_MS = 8000;

  function ask(question, verb, path) {
    const dialog = Text.byId("confirm");
    Text.put(Text.byId("confirm-question"), question);
    Text.put(Text.byId("confirm-yes"), verb);
    Text.byId("confirm-no").onclick = () => dialog.close();
    Text.byId("confirm-yes").onclick = () => { dialog.close(); send(path); };
    dialog.showModal();
    Text.byId("confirm-no").focus();
  }

  async function send(path) {
    try {
      const reply = await fetch(path, { method: "POST", headers: { "X-Annex-Actors": "1" } });
      const answer = await reply.json();
      say(answer.done || answer.error);
    } catch (error) {
      say(`not done: ${error.message}`);
    }
  }

  function say(text) {
    const place = Text.byId("said");
    Text.put(place, text);
    clearTimeout(say.timer);
    say.timer = setTimeout(() => Text.put(place, ""), SHOWN_MS);
  }

  return { ask };
})();
