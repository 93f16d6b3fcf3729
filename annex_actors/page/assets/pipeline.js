"use strict";
// The pipeline: a box for each peer with what waits in its mailbox, and the messages that are on their way.

const Pipeline = (() => {
  const NARROWEST = 132, WIDEST = 184, HEIGHT = 92;
  const MOST_DOTS = 9;
  const MOST_FLYING = 400;

  const view = { columns: 1, width: NARROWEST, gap: 28, peers: [], boxes: new Map() };

  function start(choose) {
    view.choose = choose;
    view.canvas = Text.el("canvas", { "aria-hidden": "true" });
    Text.byId("boxes").append(view.canvas);
    Text.byId("pipeline-scroll").addEventListener("scroll", () => view.redraw && view.redraw(), { passive: true });
  }

  /** Return the peers in the order of the data: those that feed, then the layers. */
  function peersOf(actors) {
    const of = (...kinds) => actors.filter((actor) => kinds.includes(actor.kind));
    return [...of("reader"), ...of("trainer"), ...of("layer")];
  }

  function render(model, moment, selected) {
    view.redraw = () => render(model, moment, selected);
    view.peers = peersOf(Model.actorsAt(model, moment));
    lay();
    const [first, last] = seen();
    for (const [index, box] of view.boxes) if (index < first || index >= last) drop(index, box);
    const traced = Model.tracedMoment(model, moment);
    for (let index = first; index < last; index += 1) fill(boxAt(index), view.peers[index], model, traced, selected);
    drawMessages(model, traced, first, last);
    Text.put(Text.byId("pipeline-note"), noteOf(model));
  }

  function noteOf(model) {
    return model.rows.size ? "" : "messages move here in a run with --trace all";
  }

  function lay() {
    const place = Text.byId("boxes");
    const width = place.clientWidth;
    view.gap = width < 500 ? 16 : 28;
    view.columns = Math.max(1, Math.floor((width + view.gap) / (NARROWEST + view.gap)));
    view.width = Math.min(WIDEST, Math.floor((width - (view.columns - 1) * view.gap) / view.columns));
    place.style.height = `${Math.ceil(view.peers.length / view.columns) * (HEIGHT + view.gap)}px`;
  }

  /** Return the range of the boxes that are seen. */
  function seen() {
    const scroll = Text.byId("pipeline-scroll");
    const first = Math.floor(scroll.scrollTop / (HEIGHT + view.gap)) * view.columns;
    const rows = Math.ceil(scroll.clientHeight / (HEIGHT + view.gap)) + 1;
    return [Math.max(0, first), Math.min(view.peers.length, first + rows * view.columns)];
  }

  const corner = (index) => [
    (index % view.columns) * (view.width + view.gap),
    4 + Math.floor(index / view.columns) * (HEIGHT + view.gap),
  ];

  function boxAt(index) {
    if (!view.boxes.has(index)) {
      const parts = ["name", "label", "dots", "work", "facts"].map((name) => Text.el("span", { class: name }));
      const box = Text.el("button", { class: "box", onclick: () => view.choose(view.peers[index].id) }, ...parts);
      view.boxes.set(index, box);
      Text.byId("boxes").append(box);
    }
    return view.boxes.get(index);
  }

  function drop(index, box) {
    box.remove();
    view.boxes.delete(index);
  }

  function fill(box, peer, model, moment, selected) {
    const index = view.peers.indexOf(peer);
    const [x, y] = corner(index);
    box.style.transform = `translate(${x}px, ${y}px)`;
    box.style.width = `${view.width}px`;
    const row = model.rows.get(peer.id) || [];
    const known = lastWork(row, moment);
    const isLive = moment === model.lastTraced && !model.end;  // what is going on is not recorded yet
    const piece = Model.pieceAt(row, moment) || (isLive ? known : null);
    const waiting = peer.state === "stopped" ? null : known ? known.mailbox : peer.mailbox;
    const [name, label, dots, work, facts] = box.children;
    box.id = `box-${peer.id}`;
    box.dataset.state = peer.state;
    box.setAttribute("aria-pressed", peer.id === selected);
    Text.put(name, `${Tree.MARKS[peer.state] || ""} ${peer.id}`);
    Text.put(label, [peer.node, peer.label === peer.id ? "" : peer.label].filter(Boolean).join(" · "));
    Text.put(dots, dotted(waiting));
    dots.title = Text.known(waiting) ? `${Text.counted(waiting, "message")} in the mailbox` : "";
    Text.put(work, workText(piece, peer));
    work.dataset.letter = piece && piece.type === "work" ? piece.letter : "";
    Text.put(facts, known ? factsText(known) : "");
  }

  function lastWork(row, moment) {
    for (let at = Model.upTo(row, moment, (piece) => piece.start) - 1; at >= 0; at -= 1) {
      if (row[at].type === "work") return row[at];
    }
    return null;
  }

  function dotted(waiting) {
    if (!Text.known(waiting)) return "";
    return "•".repeat(Math.min(waiting, MOST_DOTS)) + (waiting > MOST_DOTS ? ` ${waiting}` : "");
  }

  function workText(piece, peer) {
    if (!piece) return peer.work || "";
    return piece.type === "idle" ? piece.reason : Timeline.shortText(piece);
  }

  function factsText(piece) {
    const parts = [["v", piece.version], ["credit ", piece.credit]].filter(([, value]) => Text.known(value));
    return parts.map(([name, value]) => `${name}${value}`).join(" · ");
  }

  function drawMessages(model, moment, first, last) {
    const scroll = Text.byId("pipeline-scroll");
    const context = Picture.begin(view.canvas, Text.byId("boxes").clientWidth, scroll.clientHeight);
    const top = Math.min(scroll.scrollTop, Math.max(0, Text.byId("boxes").clientHeight - scroll.clientHeight));
    view.canvas.style.transform = `translateY(${top}px)`;
    context.translate(0, -top);
    drawEdges(context, first, last);
    const places = new Map(view.peers.map((peer, index) => [peer.id, index]));
    for (const message of flying(model, moment)) drawMessage(context, message, moment, places);
  }

  function drawEdges(context, first, last) {
    context.strokeStyle = Picture.color("--line");
    context.lineWidth = 2;
    context.beginPath();
    for (let index = first; index < last - 1; index += 1) {
      if ((index + 1) % view.columns === 0) continue;
      const [x, y] = corner(index);
      context.moveTo(x + view.width, y + HEIGHT / 2);
      context.lineTo(x + view.width + view.gap, y + HEIGHT / 2);
    }
    context.stroke();
  }

  function flying(model, moment) {
    const end = Model.upTo(model.messages, moment, (message) => message.sent);
    const recent = model.messages.slice(Math.max(0, end - MOST_FLYING), end);
    return recent.filter((message) => message.received === null ? moment < message.sent + 0.001 : message.received > moment);
  }

  function drawMessage(context, message, moment, places) {
    const [from, to] = [places.get(message.from), places.get(message.to)];
    if (from === undefined || to === undefined) return;
    const share = Math.min(1, (moment - message.sent) / ((message.received || message.sent + 0.001) - message.sent || 1));
    const [start, end] = [centre(from), centre(to)];
    const [x, y] = [start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])];
    context.fillStyle = Picture.color(Picture.KINDS[letterOf(message)].color);
    context.beginPath();
    context.arc(x, y, 8, 0, 7);
    context.fill();
    context.fillStyle = Picture.KINDS[letterOf(message)].ink;
    context.textAlign = "center";
    context.fillText(message.received === null ? "✕" : letterOf(message), x, y + 1);
  }

  const LETTERS = { forward: "F", backward: "B", predict: "P" };

  const letterOf = (message) => LETTERS[message.kind] || "·";

  function centre(index) {
    const [x, y] = corner(index);
    return [x + view.width / 2, y + HEIGHT / 2];
  }

  return { start, render, peersOf };
})();
