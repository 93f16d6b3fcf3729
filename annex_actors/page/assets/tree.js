"use strict";
// The supervision tree as a table: searched, sorted by a header, nested by parent. What fails is pinned on top, whatever
// is searched for. Only the rows that are seen are in the document, so that a thousand actors cost no more than thirty.

const Tree = (() => {
  const ROW = 32;
  const SPARE = 8;

  const MARKS = {
    starting: "◌", working: "●", waiting: "○", restarting: "↻", hung: "◆", failed: "✕", stopped: "■", finished: "✓",
  };

  const rank = ["failed", "hung", "restarting", "starting", "working", "waiting", "stopped"];

  /** key, title, text, order, and how narrow a page may be that still shows the column: 1 all, 2 middle, 3 wide. */
  const COLUMNS = [
    { key: "name", title: "Actor", text: (actor) => actor.id, order: (actor) => actor.place, from: 1 },
    { key: "label", title: "What", text: (actor) => (actor.label === actor.id ? "" : actor.label), from: 2 },
    { key: "node", title: "Node", hint: "of the cluster", text: (actor) => actor.node || "", from: 2 },
    { key: "state", title: "State", text: (actor) => `${MARKS[actor.state] || ""} ${actor.state}`, order: (actor) => rank.indexOf(actor.state), from: 1 },
    { key: "incarnation", title: "Inc.", hint: "incarnation", text: (actor) => Text.whole(actor.incarnation), number: true, from: 2 },
    { key: "restarts_used", title: "Restarts", hint: "used, and left", text: restarts, number: true, from: 2 },
    { key: "mailbox", title: "Mail", hint: "messages in the mailbox", text: (actor) => Text.whole(actor.mailbox), number: true, from: 1 },
    { key: "handled", title: "Handled", text: (actor) => ofPeer(actor, Text.whole(actor.handled)), number: true, from: 3 },
    { key: "handled_per_second", title: "per s", hint: "handled per second, since this page last looked", text: (actor) => ofPeer(actor, Text.whole(actor.handled_per_second)), number: true, from: 2 },
    { key: "busy", title: "Busy", hint: "since this page last looked", text: (actor) => ofPeer(actor, Text.percent(actor.busy)), number: true, bar: true, from: 1 },
    { key: "work", title: "Work now", text: (actor) => actor.work || "", from: 3 },
    { key: "memory_bytes", title: "Memory", hint: "of its own process", text: (actor) => Text.bytes(actor.memory_bytes), number: true, from: 3 },
    { key: "uptime", title: "Up", text: (actor) => Text.seconds(actor.uptime), number: true, from: 3 },
  ];

  const NO_PEERS = new Set(["supervisor", "observer"]);

  /** Return a figure of a peer's work; supervisors and observers have none. */
  function ofPeer(actor, text) {
    return NO_PEERS.has(actor.kind) ? "" : text;
  }

  const view = { sort: "name", down: false, search: "", cursor: 0, rows: [], choose: () => {} };

  function restarts(actor) {
    if (!Text.known(actor.restarts_used)) return Text.missing;
    return Text.known(actor.restarts_left) ? `${actor.restarts_used} / ${actor.restarts_left}` : `${actor.restarts_used}`;
  }

  function start(choose) {
    view.choose = choose;
    Text.byId("tree").tHead.append(Text.el("tr", {}, ...COLUMNS.map(header)));
    Text.byId("search").addEventListener("input", (event) => { view.search = event.target.value.toLowerCase(); arrange(); });
    Text.byId("tree-scroll").addEventListener("scroll", draw, { passive: true });
    Text.byId("tree-scroll").addEventListener("keydown", onKey);
    Text.byId("tree").tBodies[0].addEventListener("click", onClick);
    markSorted();
  }

  function header(column) {
    const button = Text.el("button", { title: column.hint, onclick: () => sortBy(column.key) }, column.title);
    return Text.el("th", { scope: "col", class: classOf(column), "data-key": column.key }, button);
  }

  const classOf = (column) => `from-${column.from}${column.number ? " number" : ""}`;

  function sortBy(key) {
    view.down = view.sort === key ? !view.down : !["name", "label", "node", "state"].includes(key);
    view.sort = key;
    markSorted();
    arrange();
  }

  function markSorted() {
    for (const cell of Text.byId("tree").tHead.rows[0].cells) {
      const sorted = cell.dataset.key === view.sort;
      cell.setAttribute("aria-sort", !sorted ? "none" : view.down ? "descending" : "ascending");
    }
  }

  function render(model, moment, selected) {
    view.actors = Model.actorsAt(model, moment);
    view.selected = selected;
    arrange();
  }

  /** Put the rows in order: first what fails, then each parent before its children. */
  function arrange() {
    if (!view.actors) return;
    Text.byId("tree").classList.toggle("one-machine", !view.actors.some((actor) => actor.node));
    view.actors.forEach((actor, place) => { actor.place = place; });
    const failing = view.actors.filter((actor) => Model.FAILING.has(actor.state));
    const pinned = failing.sort((one, other) => isSupervisor(one) - isSupervisor(other) || byColumn(one, other)).map((actor) => ({ actor, depth: 0, pinned: true }));
    const shown = matching();
    view.rows = [...pinned, ...nested(shown)];
    Text.put(Text.byId("actor-count"), countText(shown.size, failing.length));
    view.cursor = Math.min(view.cursor, Math.max(0, view.rows.length - 1));
    draw();
  }

  const isSupervisor = (actor) => Number(actor.kind === "supervisor");

  function countText(shown, failing) {
    const all = view.actors.length;
    const some = view.search ? `${Text.whole(shown)} of ${Text.counted(all, "actor")}` : Text.counted(all, "actor");
    return failing ? `${some}, ${failing} not up` : some;
  }

  /** Return the ids of the actors that are searched for, with their parents. */
  function matching() {
    const byId = new Map(view.actors.map((actor) => [actor.id, actor]));
    const found = new Set();
    for (const actor of view.actors) {
      const text = `${actor.id} ${actor.label} ${actor.state} ${actor.kind} ${actor.node || ""}`.toLowerCase();
      if (!text.includes(view.search)) continue;
      for (let each = actor; each && !found.has(each.id); each = byId.get(each.parent)) found.add(each.id);
    }
    return found;
  }

  function nested(shown) {
    const children = new Map();
    for (const actor of view.actors) {
      if (!shown.has(actor.id)) continue;
      const parent = shown.has(actor.parent) ? actor.parent : null;
      children.set(parent, [...(children.get(parent) || []), actor]);
    }
    const rows = [];
    const add = (parent, depth) => {
      for (const actor of (children.get(parent) || []).sort(byColumn)) {
        if (!Model.FAILING.has(actor.state)) rows.push({ actor, depth, pinned: false });
        add(actor.id, depth + 1);
      }
    };
    add(null, 0);
    return rows;
  }

  function byColumn(one, other) {
    const column = COLUMNS.find((each) => each.key === view.sort);
    const order = column.order || ((actor) => actor[column.key]);
    const [left, right] = [order(one), order(other)];
    if (!Text.known(left) || !Text.known(right)) return Text.known(right) - Text.known(left) || one.place - other.place;
    const difference = left < right ? -1 : left > right ? 1 : 0;
    return (view.down ? -difference : difference) || one.place - other.place;
  }

  function draw() {
    const body = Text.byId("tree").tBodies[0];
    const scroll = Text.byId("tree-scroll");
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - SPARE);
    const count = Math.min(view.rows.length - first, Math.ceil(scroll.clientHeight / ROW) + 2 * SPARE);
    resize(body, Math.max(0, count));
    body.firstElementChild.firstElementChild.style.height = `${first * ROW}px`;
    body.lastElementChild.firstElementChild.style.height = `${Math.max(0, view.rows.length - first - count) * ROW}px`;
    for (let at = 0; at < count; at += 1) fill(body.children[at + 1], view.rows[first + at], first + at);
    Text.byId("tree").setAttribute("aria-rowcount", view.rows.length);
    const active = view.rows[view.cursor];
    if (active) scroll.setAttribute("aria-activedescendant", `actor-${active.actor.id}`);
  }

  /** Keep one row above and one below for the space of the rows that are not seen. */
  function resize(body, count) {
    if (!body.children.length) body.append(spacer(), spacer());
    while (body.children.length - 2 > count) body.lastElementChild.previousElementSibling.remove();
    while (body.children.length - 2 < count) body.insertBefore(emptyRow(), body.lastElementChild);
  }

  const spacer = () => Text.el("tr", { class: "spacer", "aria-hidden": "true" }, Text.el("td", { colspan: COLUMNS.length }));

  const emptyRow = () => Text.el("tr", { role: "row" }, ...COLUMNS.map((column) => Text.el("td", { class: classOf(column), "data-key": column.key })));

  function fill(row, { actor, depth, pinned }, index) {
    row.id = `actor-${actor.id}`;
    row.dataset.actor = actor.id;
    row.dataset.state = actor.state;
    row.dataset.kind = actor.kind;
    row.setAttribute("aria-rowindex", index + 1);
    row.setAttribute("aria-level", depth + 1);
    row.setAttribute("aria-selected", actor.id === view.selected);
    row.classList.toggle("cursor", index === view.cursor);
    row.classList.toggle("pinned", pinned);
    COLUMNS.forEach((column, at) => Text.put(row.children[at], column.text(actor)));
    row.children[0].style.paddingInlineStart = `${16 + 14 * depth}px`;
    const busy = row.children[COLUMNS.findIndex((column) => column.bar)];
    busy.style.setProperty("--share", `${Math.round(100 * Math.min(1, actor.busy || 0))}%`);
    row.children[0].title = `${actor.id} ${actor.label}`;
  }

  function onClick(event) {
    const row = event.target.closest("tr[data-actor]");
    if (!row) return;
    view.cursor = Number(row.getAttribute("aria-rowindex")) - 1;
    view.choose(row.dataset.actor);
  }

  const MOVES = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

  function onKey(event) {
    if (event.target !== event.currentTarget) return;
    if (event.key === "Enter" && view.rows[view.cursor]) view.choose(view.rows[view.cursor].actor.id, true);
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    view.cursor = Math.max(0, Math.min(view.rows.length - 1, view.cursor + MOVES[event.key]));
    const scroll = Text.byId("tree-scroll");
    const top = view.cursor * ROW;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    if (top + 3 * ROW > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + 3 * ROW - scroll.clientHeight;
    draw();
  }

  return { start, render, MARKS };
})();
