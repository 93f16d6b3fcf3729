"use strict";
// The model: what a page knows of a run. It is a function of the records that were taken, in their order, and of
// nothing else; the views are functions of the model and of a moment.

const Model = (() => {
  const MOST_STATUSES = 2400;
  const MOST_TRACED = 60000;
  const FAILING = new Set(["failed", "hung", "restarting"]);

  const empty = () => ({
    runs: [], events: [], epochs: [], statuses: [], costs: [], end: null, omitted: 0,
    rows: new Map(), traced: 0, messages: [], seen: new Set(), first: null, last: null, lastTraced: null, version: 0,
  });

  const takers = {
    run: (model, record) => model.runs.push(record),
    event: takeEvent,
    status: takeStatus,
    costs: (model, record) => { model.costs.push(record); see(model, record.time); },
    work: takePiece,
    idle: takePiece,
    message: takeMessage,
    omitted: (model, record) => { model.omitted += record.records; },
    end: (model, record) => { model.end = record; },
  };

  function take(model, record) {
    const taker = takers[record.type];
    if (taker) taker(model, record);
    model.version += 1;
  }

  /** Return the moment of the trace to show: at the newest one, its last record, which is a little before the last event. */
  const tracedMoment = (model, moment) => (moment >= model.last ? model.lastTraced ?? moment : moment);

  function see(model, time) {
    if (!Text.known(time)) return;
    if (model.first === null || time < model.first) model.first = time;
    if (model.last === null || time > model.last) model.last = time;
  }

  /** An event may reach an observer twice. */
  function takeEvent(model, record) {
    const key = JSON.stringify([record.event, record.address, record.incarnation, record.epoch, record.step, record.time]);
    if (model.seen.has(key)) return;
    model.seen.add(key);
    model.events.push(record);
    if (record.event === "EpochFinished") model.epochs.push(record);
    see(model, record.time);
  }

  function takeStatus(model, record) {
    model.statuses.push(record);
    if (model.statuses.length > MOST_STATUSES) model.statuses.splice(0, MOST_STATUSES / 4);
    see(model, record.time);
  }

  function takePiece(model, record) {
    if (!model.rows.has(record.peer)) model.rows.set(record.peer, []);
    insert(model.rows.get(record.peer), record, (piece) => piece.start);
    see(model, record.start);
    see(model, record.end);
    model.lastTraced = Math.max(model.lastTraced ?? record.end, record.end);
    model.traced += 1;
    if (model.traced > MOST_TRACED) forget(model);
  }

  function takeMessage(model, record) {
    insert(model.messages, record, (message) => message.sent);
    see(model, record.sent);
    if (model.messages.length > MOST_TRACED) model.messages.splice(0, MOST_TRACED / 2);
  }

  /** Forget the older half of each row: a page may be left open for days. */
  function forget(model) {
    model.traced = 0;
    for (const [peer, row] of model.rows) {
      model.rows.set(peer, row.slice(row.length >> 1));
      model.traced += model.rows.get(peer).length;
    }
  }

  function insert(list, record, time) {
    let at = list.length;
    while (at > 0 && time(list[at - 1]) > time(record)) at -= 1;
    list.splice(at, 0, record);
  }

  /** Return how many elements of a sorted list are at or before a moment. */
  function upTo(list, moment, time) {
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time(list[middle]) <= moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  const run = (model) => model.runs[model.runs.length - 1] || null;

  function statusAt(model, moment) {
    const count = upTo(model.statuses, moment, (status) => status.time);
    return count ? model.statuses[count - 1] : null;
  }

  const eventsAt = (model, moment) => model.events.filter((event) => event.time <= moment);

  const isDeath = (event) => event.event === "PeerExited" && !event.orderly;

  /** Return the actors at a moment: what the last status said, and what has happened since. */
  function actorsAt(model, moment) {
    const status = statusAt(model, moment);
    const actors = new Map((status ? status.actors : plan(model)).map((actor) => [actor.id, { ...actor }]));
    const since = status ? status.time : -Infinity;
    for (const event of model.events) {
      if (event.time > since && event.time <= moment) happen(actors, event);
    }
    if (model.end && moment >= model.last) conclude(actors, model);
    return [...actors.values()];
  }

  /** Return the actors that the run's own record names, for a run without any status. */
  function plan(model) {
    const first = run(model);
    const stages = first ? first.stages : [];
    const actor = (id, parent, kind, label) => ({ id, parent, kind, label, state: kind === "supervisor" ? "working" : "starting", incarnation: 1 });
    return [
      actor("run", null, "supervisor", "run"),
      actor("layers", "run", "supervisor", "layers"),
      ...stages.map((stage) => actor(stage.id, "layers", "layer", stage.label)),
      actor("trainer", "run", "trainer", "trainer"),
    ];
  }

  function happen(actors, event) {
    if (!event.address) return;
    if (!actors.has(event.address)) {
      const kind = event.address === "reader" ? "reader" : "layer";
      actors.set(event.address, { id: event.address, parent: "run", kind, label: event.label, exits: [] });
    }
    const actor = actors.get(event.address);
    actor.incarnation = event.incarnation;
    actor.state = stateAfter(event);
    if (event.event === "PeerStarted") {
      actor.restarts_used = Math.max(actor.restarts_used || 0, event.incarnation - 1);
      actor.node = event.node;
    }
    if (isDeath(event)) actor.exits = [...(actor.exits || []), event].slice(-5);
  }

  function stateAfter(event) {
    if (event.event === "PeerStarted") return "working";
    if (event.event === "PeerHung") return "hung";
    return event.orderly ? "stopped" : "restarting";
  }

  /** When a run is over, what was about to be restarted has failed, and all else has stopped. */
  function conclude(actors, model) {
    for (const actor of actors.values()) {
      const failed = model.end.status === "failed" && FAILING.has(actor.state);
      actor.state = failed ? "failed" : "stopped";
      actor.work = null;
    }
    const layers = actors.get("layers");
    if (model.end.status === "failed" && layers) actors.get("run").state = layers.state = "failed";
  }

  /** Return the step at a moment, between the steps whose times are known; null where none is. */
  function stepAt(model, moment) {
    const knots = knotsOf(model);
    const count = upTo(knots, moment, (knot) => knot.time);
    if (!knots.length) return null;
    if (count === knots.length) return knots[count - 1].step;
    if (count === 0) return 0;
    const [before, after] = [knots[count - 1], knots[count]];
    const share = (moment - before.time) / (after.time - before.time || 1);
    return before.step + share * (after.step - before.step);
  }

  const knotted = new WeakMap();

  function knotsOf(model) {
    const known = knotted.get(model);
    if (known && known.version === model.version) return known.knots;
    const begin = model.events.find((event) => event.event === "PeerStarted" && event.address === "trainer");
    const knots = [
      ...(begin ? [{ time: begin.time, step: 0 }] : []),
      ...model.epochs.map((epoch) => ({ time: epoch.time, step: epoch.steps })),
      ...model.costs.filter((each) => Text.known(each.time)).map((each) => ({ time: each.time, step: lastStep(each) + 1 })),
      ...model.statuses.map((status) => ({ time: status.time, step: status.step })),
      ...beginningsOf(model),
    ].sort((one, other) => one.time - other.time);
    knotted.set(model, { version: model.version, knots });
    return knots;
  }

  /** Return when each traced step began, in the row that begins first. */
  function beginningsOf(model) {
    const [row] = [...model.rows.values()].sort((one, other) => one[0].start - other[0].start);
    const begun = new Map();
    for (const piece of row || []) if (piece.letter === "F" && !begun.has(piece.step)) begun.set(piece.step, piece.start);
    return [...begun].map(([step, time]) => ({ time, step }));
  }

  const lastStep = (costs) => costs.step + costs.costs.length * (costs.stride || 1) - 1;

  /** Return the events that matter most to a run that failed: the death that is the first of its cause, or null. */
  function firstCause(model) {
    const deaths = model.events.filter(isDeath);
    const last = deaths[deaths.length - 1];
    if (!last) return null;
    return deaths.find((death) => death.address === last.address && death.reason === last.reason);
  }

  /** Return the piece of work that a row is at; null between two. */
  function pieceAt(row, moment) {
    const at = upTo(row, moment, (piece) => piece.start) - 1;
    return at >= 0 && row[at].end > moment ? row[at] : null;
  }

  return {
    empty, take, upTo, run, statusAt, eventsAt, actorsAt, stepAt, firstCause, pieceAt, tracedMoment, isDeath, lastStep, FAILING,
  };
})();
