"use strict";
// The line of the run: how far it is, how fast, and whether its weights are those of an undisturbed run.

const Headline = (() => {
  const MARKS = {
    running: "●", stopping: "◐", finished: "✓", failed: "✕", interrupted: "■", dead: "✕", connecting: "◌", saved: "▤",
  };

  function render(model, moment, connection) {
    const status = Model.statusAt(model, moment);
    const end = model.end && moment >= model.last ? model.end : null;
    const state = end ? end.status : status ? status.state : model.runs.length ? "running" : "connecting";
    showState(state, end);
    Text.put(Text.byId("run-name"), nameOf(model, status));
    document.title = `${MARKS[state] || ""} ${nameOf(model, status)}`;
    Text.put(Text.byId("freshness"), connection);
    showFacts(factsOf(model, moment, status));
    showFingerprint(model.end);
  }

  function showState(state, end) {
    const pill = Text.byId("run-state");
    Text.put(pill, `${MARKS[state] || "●"} ${state}`);
    pill.dataset.state = state;
    pill.title = (end && end.error) || "";
  }

  function nameOf(model, status) {
    const run = Model.run(model);
    const path = (status && status.run) || (run && run.run) || (model.end && model.end.run) || "annex-actors";
    return path.split("/").pop();
  }

  function factsOf(model, moment, status) {
    const run = Model.run(model) || {};
    const epochs = model.epochs.filter((epoch) => epoch.time <= moment);
    const last = epochs[epochs.length - 1];
    const step = Model.stepAt(model, moment);
    const cost = Curves.costAt(model, step);
    const facts = [
      ["epoch", of(Math.max(status ? status.epoch : 0, last ? last.epoch + 1 : 0), run.epochs)],
      ["step", of(step === null ? null : Math.floor(step), run.steps)],
      ["samples/s", status && status.samples_per_second ? Text.whole(status.samples_per_second) : null],
      ["cost", cost === null ? null : Text.number(cost)],
      ...Object.entries((last && last.metrics) || {}).filter(isNumber).map(([name, value]) => [name, Text.number(value)]),
      ["restarts", Text.whole(restarts(model, moment))],
      ["time", model.first === null ? null : Text.seconds(moment - model.first)],
      ["schedule", run.schedule ? `${run.schedule}, ${Text.counted(run.microbatches, "microbatch").replace("hs", "hes")}` : null],
      ["runtime", status ? status.runtime : run.runtime],
    ];
    return facts.filter(([, value]) => Text.known(value) && value !== Text.missing);
  }

  const isNumber = ([, value]) => typeof value === "number";

  const of = (value, all) => (Text.known(value) ? Text.whole(value) + (all ? ` of ${Text.whole(all)}` : "") : null);

  function restarts(model, moment) {
    const isRestart = (event) => event.event === "PeerStarted" && event.incarnation > 1 && event.time <= moment;
    return model.events.filter(isRestart).length;
  }

  function showFacts(facts) {
    const list = Text.byId("facts");
    while (list.children.length > facts.length) list.lastChild.remove();
    while (list.children.length < facts.length) list.append(Text.el("div", {}, Text.el("dt"), Text.el("dd")));
    facts.forEach(([name, value], index) => {
      const [term, shown] = list.children[index].children;
      Text.put(term, name);
      Text.put(shown, value);
    });
  }

  function showFingerprint(end) {
    const line = Text.byId("fingerprint");
    line.hidden = !(end && end.weights_sha256);
    if (line.hidden) return;
    const other = end.undisturbed_sha256;
    const verdict = !other ? "none" : other === end.weights_sha256 ? "equal" : "different";
    const words = {
      none: "no undisturbed run to compare with",
      equal: "✓ equal to the undisturbed run's, bit by bit",
      different: `✕ different from the undisturbed run's, ${other}`,
    };
    line.dataset.verdict = verdict;
    Text.put(line, `weights ${end.weights_sha256} · ${words[verdict]}`);
  }

  return { render, MARKS };
})();
