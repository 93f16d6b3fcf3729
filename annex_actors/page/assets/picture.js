"use strict";
// Canvases: as sharp as the screen, in the colours of the page's style.

const Picture = (() => {
  /** The letters say what the colours say: about one reader in twelve sees some of them alike. */
  const KINDS = {
    F: { name: "forward", color: "--work-forward", ink: "#fff" },
    B: { name: "backward", color: "--work-backward", ink: "#1c1f23" },
    W: { name: "weight gradient", color: "--work-weight", ink: "#fff" },
    P: { name: "predict", color: "--work-predict", ink: "#1c1f23" },
    C: { name: "commit", color: "--work-commit", ink: "#1c1f23" },
    S: { name: "start", color: "--work-start", ink: "#1c1f23" },
    "·": { name: "other", color: "--work-other", ink: "#fff" },
    "1": { name: "up, with its incarnation", color: "--work-up", ink: "#fff" },
    "✕": { name: "restart", color: "--work-restart", ink: "#fff", hatched: true },
  };

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /** Return a context that draws in CSS pixels, cleared. */
  function begin(canvas, width, height) {
    const scale = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    return context;
  }

  function hatch(context, x, y, width, height, stroke) {
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.strokeStyle = stroke;
    context.lineWidth = 1;
    context.beginPath();
    for (let at = x - height; at < x + width; at += 5) {
      context.moveTo(at, y + height);
      context.lineTo(at + height, y);
    }
    context.stroke();
    context.restore();
  }

  /** Return about so many round numbers between two. */
  function ticks(low, high, about) {
    const span = high - low;
    if (!(span > 0)) return [low];
    const rough = span / about;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push(at);
    return found;
  }

  return { KINDS, color, begin, hatch, ticks };
})();
