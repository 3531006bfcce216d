// The strip with the current order: a box for each level, the best first, and gaps into which candidates are dropped.
import { chip } from "./cards.js";
import { $, make, nth } from "./dom.js";

export function drawStrip(order, change) {
  const parts = [gap(0, order, change)];
  order.levels.forEach((places, level) => parts.push(box(places, level, order, change), gap(level + 1, order, change)));
  if (!order.levels.length) {
    parts.unshift(make("li", "strip-empty", "Best first: press a number, use the buttons, or drag an answer here"));
  }
  $("strip").replaceChildren(...parts);
}

function box(places, level, order, change) {
  const node = make("li", "level");
  node.append(make("span", "nth", nth(level + 1)), ...places.map((place) => chip(place, change)));
  droppable(node, order, change, (place) => order.join(place, places.find((other) => other !== place) ?? place));
  return node;
}

function gap(at, order, change) {
  const node = make("li", "gap");
  node.setAttribute("aria-hidden", "true");
  droppable(node, order, change, (place) => order.insert(place, at));
  return node;
}

function droppable(node, order, change, drop) {
  node.addEventListener("dragover", (event) => {
    event.preventDefault();
    node.classList.add("over");
  });
  node.addEventListener("dragleave", () => node.classList.remove("over"));
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const place = Number(event.dataTransfer.getData("text/plain"));
    if (Number.isInteger(place) && place >= 0 && place < order.count) change(() => drop(place), place);
  });
}
