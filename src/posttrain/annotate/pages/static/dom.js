// Helpers for the document that every part of the ranking page uses.

export const $ = (id) => document.getElementById(id);

export function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** An element for a text of a model or a person; the text has the direction of its script. */
export function makeText(tag, className, text) {
  const node = make(tag, className, text);
  node.dir = "auto";
  return node;
}

/** Announce a text to screen readers, even if it is the same as the last one. */
export function announce(text) {
  $("announcement").textContent = "";
  requestAnimationFrame(() => {
    $("announcement").textContent = text;
  });
}

export function problem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text ?? "";
}

export const nth = (rank) =>
  `${rank}${["th", "st", "nd", "rd"][rank % 10 < 4 && Math.floor(rank / 10) !== 1 ? rank % 10 : 0]}`;
