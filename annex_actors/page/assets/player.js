"use strict";
// The moment that is shown: live, or one of the past, standing still or going on at a speed of one's own.

const Player = (() => {
  const SPEEDS = [1, 0.1, 0.01, 0.001, 0.0001];
  const view = { live: true, playing: false, speed: 1, moment: null, ticked: null };

  function start(redraw) {
    view.redraw = redraw;
    const speed = Text.byId("speed");
    speed.append(...SPEEDS.map((each) => Text.el("option", { value: each }, each === 1 ? "1 ×" : `1/${Math.round(1 / each)} ×`)));
    speed.addEventListener("change", () => { view.speed = Number(speed.value); play(); });
    Text.byId("live").addEventListener("click", goLive);
    Text.byId("pause").addEventListener("click", () => (view.live || view.playing ? pause() : play()));
    Text.byId("scrub").addEventListener("input", (event) => goTo(view.model.first + Number(event.target.value)));
    Text.byId("back").addEventListener("click", () => goTo(neighbour(-1)));
    Text.byId("forward").addEventListener("click", () => goTo(neighbour(1)));
    document.addEventListener("keydown", onKey);
  }

  function onKey(event) {
    if (event.target.closest("input, button, select, summary, dialog") || event.key !== " ") return;
    event.preventDefault();
    Text.byId("pause").click();
  }

  function goLive() {
    view.live = true;
    view.playing = false;
    view.redraw();
  }

  function pause() {
    if (view.live) view.moment = view.model.last;
    view.live = view.playing = false;
    view.redraw();
  }

  function play() {
    if (view.live || view.moment === null) view.moment = view.model.last;
    if (view.moment >= view.model.last && view.model.end) view.moment = view.model.first;
    view.live = false;
    view.playing = true;
    view.ticked = performance.now();
    view.redraw();
  }

  function goTo(moment) {
    view.moment = Math.max(view.model.first, Math.min(view.model.last, moment));
    view.live = view.playing = false;
    view.redraw();
  }

  /** Return the moment at which the piece of work or the event before or after this one begins. */
  function neighbour(direction) {
    const now = momentOf(view.model);
    const times = [...view.model.rows.values()].map((row) => around(row, now, direction, (piece) => piece.start));
    times.push(around(view.model.events, now, direction, (event) => event.time));
    const found = times.filter(Text.known);
    if (!found.length) return now;
    return direction > 0 ? Math.min(...found) : Math.max(...found);
  }

  function around(list, now, direction, time) {
    const count = Model.upTo(list, now, time);
    if (direction > 0) return count < list.length ? time(list[count]) : null;
    for (let at = count - 1; at >= 0; at -= 1) if (time(list[at]) < now) return time(list[at]);
    return null;
  }

  function momentOf(model) {
    return view.live || view.moment === null ? model.last : view.moment;
  }

  /** Return the moment to show now; while it plays, it goes on with the clock. */
  function advance(model) {
    view.model = model;
    if (view.playing) {
      const now = performance.now();
      view.moment = Math.min(model.last, view.moment + (view.speed * (now - view.ticked)) / 1000);
      view.ticked = now;
      if (view.moment >= model.last && model.end) view.playing = false;
    }
    show(model);
    return momentOf(model) ?? 0;
  }

  function show(model) {
    if (model.first === null) return;
    const scrub = Text.byId("scrub");
    scrub.max = model.last - model.first;
    scrub.value = momentOf(model) - model.first;
    const text = Text.seconds(momentOf(model) - model.first);
    scrub.setAttribute("aria-valuetext", text);
    Text.put(Text.byId("moment"), `${text} of ${Text.seconds(model.last - model.first)}`);
    Text.put(Text.byId("pause"), view.live || view.playing ? "Pause" : "Play");
    Text.byId("live").setAttribute("aria-pressed", view.live);
    Text.put(Text.byId("live"), model.end ? "End" : "Live");
  }

  return { start, advance, isPlaying: () => view.playing };
})();
