// What every part of the ranking page needs of the document.

export const $ = (id) => document.getElementById(id);

export function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** The same for a text of a model or a person, which goes in the direction of its script. */
export function makeText(tag, className, text) {
  const node = make(tag, className, text);
  node.dir = "auto";
  return node;
}

/** Tell a screen reader, even what it was told last. */
export function say(text) {
  $("said").textContent = "";
  requestAnimationFrame(() => {
    $("said").textContent = text;
  });
}

export function problem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text ?? "";
}

export const nth = (rank) =>
  `${rank}${["th", "st", "nd", "rd"][rank % 10 < 4 && Math.floor(rank / 10) !== 1 ? rank % 10 : 0]}`;
