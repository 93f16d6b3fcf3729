"use strict";
// A walk: its points as they come from the server, which makes the moves, or those that are saved in the page.

const Step = (() => {
  const { el, put, byId, known } = Text;
  const KINDS = ["forward", "backward", "weight gradient", "target", "report", "predict", "committed", "resume", "await"];
  const MARKS = { next: "▶", allowed: "○", held: "·" };
  const view = { point: null, saved: null, isBusy: false, opened: new Set() };

  function start() {
    const saved = byId("points");
    for (const [id, words] of [["begin", "begin"], ["back", "b"], ["forward", "f"], ["end", "end"], ["chance", "random:1"]]) {
      byId(id).addEventListener("click", () => go(words));
    }
    byId("scrub").addEventListener("change", (event) => goTo(Number(event.target.value)));
    document.addEventListener("keydown", onKey);
    if (saved) {
      view.saved = JSON.parse(saved.textContent);
      show(view.saved[view.saved.length - 1]);
    } else {
      startLive();
    }
  }

  function startLive() {
    byId("ways").hidden = false;
    byId("kind").append(el("option", { value: "" }, "any"), ...KINDS.map((kind) => el("option", { value: kind.replace(" ", "-") }, kind)));
    byId("find").addEventListener("click", () => find(""));
    byId("find-back").addEventListener("click", () => find("-"));
    byId("again").addEventListener("click", () => ask(`schedule:${byId("schedule").value}`));
    byId("words").addEventListener("submit", (event) => {
      event.preventDefault();
      ask(byId("text").value).then(() => { byId("text").value = ""; });
    });
    ask("").then((answer) => {
      if (!answer) return;
      byId("schedule").append(...answer.schedules.map((name) => el("option", { value: name }, name)));
      byId("schedule").value = view.point.schedule;
      const layers = view.point.peers.filter((peer) => known(peer.layer));
      byId("layer").append(el("option", { value: "" }, "any"), ...layers.map((peer) => el("option", { value: peer.layer }, peer.label)));
    });
  }

  /** Let the server do what the words say, and show what is then seen. */
  async function ask(words) {
    if (view.isBusy) return null;
    view.isBusy = true;
    document.body.setAttribute("aria-busy", "true");
    try {
      const response = await fetch("/words", { method: "POST", headers: { "x-annex-actors": "1" }, body: words });
      if (!response.ok) throw new Error(await response.text());
      const answer = await response.json();
      put(byId("said"), answer.note);
      show(answer.point);
      return answer;
    } catch (error) {
      put(byId("said"), `no answer: ${error.message}`);
      return null;
    } finally {
      view.isBusy = false;
      document.body.removeAttribute("aria-busy");
    }
  }

  function go(words) {
    if (!view.saved) ask(words);
    else if (words !== "random:1") showSaved({ begin: -Infinity, end: Infinity, b: index() - 1, f: index() + 1 }[words]);
  }

  function goTo(number) {
    if (view.saved) showSaved(number - view.saved[0].number);
    else if (number < view.point.number) ask(`b${view.point.number - number}`);
    else ask(`f${number - view.point.number}`);
  }

  const index = () => view.saved.indexOf(view.point);

  function showSaved(at) {
    show(view.saved[Math.min(view.saved.length - 1, Math.max(0, at))]);
  }

  function find(back) {
    const parts = ["layer", "kind", "step"].map((id) => [id, byId(id).value]).filter(([, value]) => value !== "");
    if (parts.length) ask(back + parts.map(([name, value]) => `${name}:${value}`).join(","));
    else put(byId("said"), "choose a layer, a kind or a step to go to");
  }

  function onKey(event) {
    if (event.target.closest("input, select, button, summary")) return;
    if (event.key === "ArrowRight" || event.key === "f") go("f");
    if (event.key === "ArrowLeft" || event.key === "b") go("b");
  }

  function show(point) {
    view.point = point;
    const state = byId("state");
    state.dataset.state = point.state === "goes on" ? "running" : point.state;
    put(state, point.state);
    const cost = point.costs.length ? `, cost ${short(point.costs[point.costs.length - 1])}` : "";
    const weights = point.weights_sha256 ? ` · weights ${point.weights_sha256}` : "";
    const parts = `${point.microbatches} microbatch${point.microbatches === 1 ? "" : "es"}`;
    put(byId("headline"), `${point.schedule}, ${parts} · ${Text.counted(point.costs.length, "step")} done${cost}${weights}`);
    put(byId("rule"), point.failure ? point.failure : point.rule);
    const scrub = byId("scrub");
    scrub.min = view.saved ? view.saved[0].number : 0;
    scrub.max = point.length;
    scrub.value = point.number;
    put(byId("moment"), `move ${point.number}${point.length > point.number ? ` of ${point.length}` : ""}`);
    byId("done").replaceChildren(...done(point.done));
    byId("cards").replaceChildren(...point.peers.map((peer) => card(peer, point)));
    byId("moves").replaceChildren(...point.choices.map((choice, at) => el("li", {}, action(choice.text, `choose:${at + 1}`))));
  }

  function done(last) {
    if (!last) return [el("p", { class: "quiet" }, "Nothing yet: every actor has started, and asks its neighbours for what it missed.")];
    return [
      el("p", {}, el("strong", {}, last.move), ...(last.letter ? [": ", ...letter(last.letter)] : [])),
      ...last.events.map((event) => el("p", { class: "event" }, event)),
      ...last.deeds.map((deed) => el("p", {}, el("span", { class: "verb" }, deed.verb), " ", deed.text, ...(deed.letter ? deed.letter.arrays.map(array) : []))),
    ];
  }

  function card(peer, point) {
    const coming = point.channels.filter((channel) => channel.to === peer.address);
    const isActive = point.done !== null && point.done.peer === peer.address;
    const name = peer.address === peer.label ? null : el("span", { class: "quiet" }, peer.address);
    return el("article", { class: "card", "data-peer": peer.address, "data-active": String(isActive) },
      el("div", { class: "bar" }, el("h3", {}, peer.label), name, el("span", { class: "grow" }), action("Kill", `crash:${peer.address}`, "danger")),
      facts(peer),
      peer.waits_for ? el("p", { class: "quiet" }, `waits for ${peer.waits_for}`) : null,
      el("ol", { class: "mailbox" }, ...peer.mailbox.map((waiting) => mail(waiting, peer))),
      coming.length ? el("ol", { class: "coming" }, ...coming.flatMap(arriving)) : null,
      kept(peer));
  }

  function facts(peer) {
    const limit = (value, of) => `${value}${known(of) ? ` of ${of}` : ""}`;
    const shown = { incarnation: peer.incarnation, committed: peer.committed };
    if (peer.finished > peer.committed) shown.finished = peer.finished;
    if (known(peer.fed)) shown["steps fed"] = peer.fed;
    if (peer.limits) {
      shown["in flight"] = limit(peer.limits.in_flight, peer.limits.credit);
      shown["W deferred"] = limit(peer.limits.deferred, peer.limits.cap);
    }
    const parts = Object.entries(shown).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", { "data-fact": name }, String(value))));
    return el("dl", {}, ...parts);
  }

  function mail(waiting, peer) {
    const words = waiting.verdict === "allowed" ? `take:${peer.address}:${waiting.letter.piece}` : null;
    return el("li", { "data-verdict": waiting.verdict },
      `${MARKS[waiting.verdict]} `, ...letter(waiting.letter),
      words ? action("take it first", words) : null,
      el("span", { class: "why" }, waiting.why));
  }

  function arriving(channel) {
    return channel.letters.map(([incarnation, , message]) =>
      el("li", {}, `⋯ from ${channel.sender}${incarnation > 1 ? `, incarnation ${incarnation}` : ""}: `, ...letter(message)));
  }

  function kept(peer) {
    const parts = [
      ...peer.versions.map((version) => el("li", {}, `weights, version ${version.number}`, ...version.arrays.map(array))),
      ...peer.saved.map((saved) => el("li", {}, `${saved.of} of step ${saved.step} microbatch ${saved.microbatch}${known(saved.version) ? `, at version ${saved.version}` : ""}`, ...saved.arrays.map(array))),
      ...peer.outbox.map((out) => el("li", {}, `sent to ${out.to}, kept until it commits: `, ...letter(out.letter))),
    ];
    if (!parts.length) return null;
    const details = el("details", view.opened.has(peer.address) ? { open: "" } : {}, el("summary", {}, `keeps ${parts.length}`), el("ol", { class: "kept" }, ...parts));
    details.addEventListener("toggle", () => (details.open ? view.opened.add(peer.address) : view.opened.delete(peer.address)));
    return details;
  }

  function letter(message) {
    const chip = message.piece ? [el("span", { class: "chip", "data-letter": message.piece[0] }, message.piece[0])] : [];
    const text = message.arrays.length ? message.text.split(" edge ")[0] : message.text;
    const version = known(message.version) ? `, meets version ${message.version}` : "";
    return [...chip, text + version, ...message.arrays.map(array)];
  }

  function array(shown) {
    const shape = shown.shape.join("×") || "1";
    const size = shown.shape.reduce((product, each) => product * each, 1);
    const first = shown.first.map(short).join(" ") + (size > shown.first.length ? " …" : "");
    return el("span", { class: "array" }, `${shown.name ? `${shown.name} ` : ""}[${shape}] norm ${short(shown.norm)}: ${first} #${shown.hash}`);
  }

  const short = (value) => (typeof value === "number" ? Number(value.toPrecision(4)).toString() : value);

  /** A button that lets the server do something; in a saved page its text alone. */
  function action(text, words, kind = null) {
    return view.saved ? (kind ? null : el("span", {}, text)) : el("button", { class: kind, onclick: () => ask(words) }, text);
  }

  document.addEventListener("DOMContentLoaded", start);

  return { view };
})();
