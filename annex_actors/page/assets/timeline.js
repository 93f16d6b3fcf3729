"use strict";
// The timeline: a row for each peer, a cell for each piece of work, in fixed colours with letters; what is idle says why.
// A run without a trace shows the lives of its peers instead.

const Timeline = (() => {
  const ROW = 24;
  const AXIS = 22;
  const view = { span: null, cell: null, rows: [], model: null };

  function start(redraw) {
    view.redraw = redraw;
    const scroll = Text.byId("timeline-scroll");
    scroll.addEventListener("scroll", redraw, { passive: true });
    scroll.addEventListener("keydown", onKey);
    scroll.addEventListener("pointermove", onPointer);
    scroll.addEventListener("pointerleave", () => point(null));
    Text.byId("wider").addEventListener("click", () => zoom(2));
    Text.byId("closer").addEventListener("click", () => zoom(0.5));
  }

  function legendItem([letter, kind]) {
    return Text.el("li", {}, Text.el("span", { class: "chip", "data-letter": letter }, letter), kind.name);
  }

  /** Explain the letters that are used. */
  function showLegend() {
    const used = new Set(["✕"]);
    if (!view.isTraced) used.add("1");
    for (const row of view.rows.slice(0, 50)) for (const piece of row.pieces.slice(-300)) if (piece.letter) used.add(piece.letter);
    const shown = Object.entries(Picture.KINDS).filter(([letter]) => used.has(letter));
    const key = shown.map(([letter]) => letter).join();
    if (key !== view.legend) Text.byId("legend").replaceChildren(...shown.map(legendItem));
    view.legend = key;
  }

  function zoom(factor) {
    view.span = spanOf(view.model) * factor;
    view.redraw();
  }

  function render(model, moment) {
    view.model = model;
    view.isTraced = model.rows.size > 0;
    view.moment = view.isTraced ? Model.tracedMoment(model, moment) : moment;
    view.rows = view.isTraced ? tracedRows(model, moment) : lives(model, moment);
    const omitted = model.omitted ? ` · ${Text.whole(model.omitted)} records are not shown live` : "";
    Text.put(Text.byId("timeline-note"), view.isTraced ? `the last ${Text.seconds(spanOf(model))}${omitted}` : "lives of the peers; `annex-actors train --trace all` records each piece of their work");
    showLegend();
    draw();
  }

  function tracedRows(model, moment) {
    const order = Pipeline.peersOf(Model.actorsAt(model, moment)).map((peer) => peer.id);
    const ids = [...order.filter((id) => model.rows.has(id)), ...[...model.rows.keys()].filter((id) => !order.includes(id))];
    return ids.map((id) => ({ id, pieces: model.rows.get(id) }));
  }

  /** Return a row for each peer with a piece for each incarnation, and one for each time that it was not up. */
  function lives(model, moment) {
    const rows = new Map(Pipeline.peersOf(Model.actorsAt(model, moment)).map((peer) => [peer.id, []]));
    for (const event of model.events) {
      const row = rows.get(event.address);
      if (!row || event.time > moment) continue;
      const open = row[row.length - 1];
      if (open && open.end === Infinity) open.end = event.time;
      if (event.event === "PeerStarted") row.push(life("up", event));
      if (Model.isDeath(event)) row.push(life("down", event));
    }
    for (const row of rows.values()) for (const piece of row) piece.end = Math.min(piece.end, moment);
    return [...rows].map(([id, pieces]) => ({ id, pieces }));
  }

  function life(type, event) {
    return { type, peer: event.address, start: event.time, end: Infinity, incarnation: event.incarnation, reason: event.reason };
  }

  /** Return the seconds that are shown: about twenty pieces of the busiest row, or the whole run without a trace. */
  function spanOf(model) {
    if (view.span) return view.span;
    const [first, last] = [model.first || 0, model.last || 1];
    const whole = Math.max(1e-3, (last - first) * 1.02);
    if (!model.rows.size) return whole;
    const longest = [...model.rows.values()].reduce((one, other) => (other.length > one.length ? other : one), []);
    const recent = longest.slice(-20);
    return recent.length < 10 ? whole : round125(Math.min(whole, recent[recent.length - 1].end - recent[0].start));
  }

  function round125(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value * 0.999);
  }

  function frame() {
    const scroll = Text.byId("timeline-scroll");
    const width = scroll.clientWidth, height = Math.min(scroll.clientHeight, view.rows.length * ROW + AXIS);
    const names = width < 500 ? 66 : 104;
    const span = spanOf(view.model);
    return { width, height, names, span, begin: view.moment - span, top: scroll.scrollTop };
  }

  const xOf = (at, time) => at.names + ((time - at.begin) / at.span) * (at.width - at.names);

  function draw() {
    Text.byId("timeline-rows").style.height = `${view.rows.length * ROW + AXIS}px`;
    const at = frame();
    const context = Picture.begin(Text.byId("timeline-picture"), at.width, at.height);
    drawAxis(context, at);
    context.save();
    context.beginPath();
    context.rect(0, 0, at.width, at.height - AXIS);
    context.clip();
    const first = Math.floor(at.top / ROW), last = Math.min(view.rows.length, first + Math.ceil(at.height / ROW) + 1);
    for (let index = first; index < last; index += 1) drawRow(context, at, view.rows[index], index * ROW - at.top);
    context.restore();
  }

  function drawAxis(context, at) {
    context.fillStyle = context.strokeStyle = Picture.color("--quiet");
    context.textAlign = "center";
    const zero = view.model.first || 0;
    const about = Math.max(2, Math.floor((at.width - at.names) / 110));
    const ticks = Picture.ticks(at.begin - zero, at.begin + at.span - zero, about);
    const digits = ticks.length > 1 ? Math.max(0, Math.ceil(-Math.log10(ticks[1] - ticks[0]) - 1e-9)) : 3;
    for (const tick of ticks) {
      const x = xOf(at, tick + zero);
      if (x > at.names + 18 && x < at.width - 26) context.fillText(`${Math.abs(tick).toFixed(digits)} s`, x, at.height - AXIS / 2);
    }
  }

  function drawRow(context, at, row, y) {
    context.textAlign = "left";
    context.fillStyle = Picture.color(view.cell && view.cell.row === row.id ? "--accent" : "--ink");
    context.fillText(row.id, 8, y + ROW / 2, at.names - 12);
    const end = Model.upTo(row.pieces, at.begin + at.span, (piece) => piece.start);
    for (let index = end - 1; index >= 0; index -= 1) {
      const piece = row.pieces[index];
      if (piece.end < at.begin) break;
      drawPiece(context, at, piece, y);
    }
  }

  function drawPiece(context, at, piece, y) {
    const left = Math.max(at.names, xOf(at, piece.start));
    const width = Math.max(1, xOf(at, Math.min(piece.end, view.moment)) - left - 0.5);
    const look = lookOf(piece);
    if (look) {
      context.fillStyle = Picture.color(look.color);
      context.fillRect(left, y + 3, width, ROW - 6);
      if (look.hatched) Picture.hatch(context, left, y + 3, width, ROW - 6, look.ink);
      drawLetter(context, piece, look, left, y, width);
    } else {
      context.fillStyle = Picture.color("--idle");
      context.fillRect(left, y + ROW / 2 - 1, width, 2);
    }
    if (view.cell && view.cell.piece === piece) outline(context, left, y, width);
  }

  function lookOf(piece) {
    if (piece.type === "work") return Picture.KINDS[piece.letter] || Picture.KINDS["·"];
    if (piece.type === "up") return Picture.KINDS["1"];
    return piece.type === "down" || piece.reason === "restarting" ? Picture.KINDS["✕"] : null;
  }

  function drawLetter(context, piece, look, left, y, width) {
    const text = piece.type === "work" ? piece.letter : piece.type === "up" ? String(piece.incarnation) : "";
    const long = piece.type === "work" && Text.known(piece.microbatch) && piece.microbatch >= 0 ? `${text}${piece.microbatch}` : text;
    if (width < 11 || look.hatched) return;
    context.fillStyle = look.ink;
    context.textAlign = "center";
    context.fillText(width > 24 ? long : text, left + width / 2, y + ROW / 2 + 1);
  }

  function outline(context, left, y, width) {
    context.strokeStyle = Picture.color("--ink");
    context.lineWidth = 2;
    context.strokeRect(left, y + 2, width, ROW - 4);
  }

  function onPointer(event) {
    const at = frame();
    const box = Text.byId("timeline-picture").getBoundingClientRect();
    const row = view.rows[Math.floor((event.clientY - box.top + at.top) / ROW)];
    const time = at.begin + ((event.clientX - box.left - at.names) / (at.width - at.names)) * at.span;
    point(row && Model.pieceAt(row.pieces, Math.min(time, view.moment - 1e-9)), row);
  }

  function point(piece, row) {
    view.cell = piece ? { piece, row: row.id } : null;
    if (piece) Text.put(Text.byId("timeline-readout"), describe(piece));
    view.redraw();
  }

  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  /** Go to the next piece in the row, or to the piece of the next row at that moment. */
  function onKey(event) {
    const move = MOVES[event.key];
    if (!move || !view.rows.length) return;
    event.preventDefault();
    const time = view.cell ? view.cell.piece.start : view.moment - spanOf(view.model) / 2;
    const old = Math.max(0, view.rows.findIndex((row) => view.cell && row.id === view.cell.row));
    const index = Math.max(0, Math.min(view.rows.length - 1, old + move[0]));
    const row = view.rows[index];
    const place = Model.upTo(row.pieces, time, (piece) => piece.start) - 1 + (view.cell ? move[1] : 0);
    const piece = row.pieces[Math.max(0, Math.min(row.pieces.length - 1, place))];
    showRow(index);
    point(piece, row);
  }

  function showRow(index) {
    const scroll = Text.byId("timeline-scroll");
    if (index * ROW < scroll.scrollTop) scroll.scrollTop = index * ROW;
    if ((index + 2) * ROW > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = (index + 2) * ROW - scroll.clientHeight;
  }

  function describe(piece) {
    const lasting = `${Text.seconds(piece.end - piece.start)} from ${Text.seconds(piece.start - view.model.first)}`;
    if (piece.type === "up") return `${piece.peer}: up, incarnation ${piece.incarnation}, ${lasting}`;
    if (piece.type === "down") return `${piece.peer}: restarting after "${piece.reason}", ${lasting}`;
    if (piece.type === "idle") return `${piece.peer}: idle, ${piece.reason}${nextOf(piece)}, ${lasting}`;
    const more = [["mailbox", piece.mailbox], ["version", piece.version], ["credit", piece.credit]].filter(([, value]) => Text.known(value));
    return `${piece.peer}: ${shortText(piece)}, ${lasting}${more.map(([name, value]) => `, ${name} ${value}`).join("")}`;
  }

  const nextOf = (piece) => (piece.kind ? ` (next: ${shortText(piece)})` : "");

  function shortText(piece) {
    const step = Text.known(piece.step) && piece.step >= 0 ? ` · step ${piece.step}` : "";
    const part = Text.known(piece.microbatch) && piece.microbatch >= 0 ? ` · part ${piece.microbatch}` : "";
    return `${(piece.kind || "").replaceAll("_", " ")}${step}${part}`;
  }

  return { start, render, describe, shortText };
})();
