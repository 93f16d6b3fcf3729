"use strict";
// Text and elements. All text of a run goes into text nodes: a layer's name is never read as HTML.

const Text = (() => {
  const missing = "–";

  function el(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick") made.addEventListener("click", value);
      else if (value !== null && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  /** Set text only where it differs, so that a selection and the layout stay as they are. */
  function put(element, text) {
    const wanted = String(text);
    if (element.textContent !== wanted) element.textContent = wanted;
  }

  const byId = (id) => document.getElementById(id);

  const known = (value) => value !== null && value !== undefined;

  function number(value, digits = 4) {
    if (!known(value)) return missing;
    if (Number.isInteger(value)) return whole(value);
    const size = Math.abs(value);
    return size >= 1000 ? whole(Math.round(value)) : size < 1e-3 ? value.toExponential(2) : value.toPrecision(digits);
  }

  const whole = (value) => (known(value) ? Math.round(value).toLocaleString("en") : missing);

  const percent = (value) => (known(value) ? `${Math.round(100 * value)} %` : missing);

  function seconds(value) {
    if (!known(value)) return missing;
    const size = Math.abs(value);
    if (size < 0.0009995) return `${(1e6 * value).toFixed(0)} µs`;
    if (size < 1) return `${(1e3 * value).toPrecision(3)} ms`;
    if (size < 120) return `${value.toFixed(size < 10 ? 2 : 1)} s`;
    const minutes = Math.floor(value / 60);
    return minutes < 120 ? `${minutes} min ${Math.floor(value % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  function bytes(value) {
    if (!known(value)) return missing;
    const units = ["B", "kB", "MB", "GB"];
    let at = 0;
    for (; value >= 1000 && at < units.length - 1; at += 1) value /= 1000;
    return `${value >= 100 || at === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[at]}`;
  }

  const counted = (count, noun) => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;

  return { el, put, byId, known, number, whole, percent, seconds, bytes, counted, missing };
})();
