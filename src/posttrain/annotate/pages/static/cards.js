// The cards of the candidates: text, rank, buttons and criteria.
import { diff } from "./diff.js";
import { $, make, makeText, nth } from "./dom.js";

/** The number of a candidate: a press places it next, a drag places it where it is dropped. */
export function chip(place, change) {
  const node = make("button", "chip", String(place + 1));
  node.type = "button";
  node.draggable = true;
  node.title = "Drag into your order, or press to place next";
  node.setAttribute("aria-label", `Answer ${place + 1}: place next`);
  node.addEventListener("click", () => change((order) => order.place(place), place));
  node.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData("text/plain", String(place));
    event.dataTransfer.effectAllowed = "move";
  });
  return node;
}

export function drawCards(item, criteria, change, keep) {
  $("candidates").dataset.count = item.candidates.length;
  $("candidates").replaceChildren(
    ...item.candidates.map((_, place) => {
      const card = make("article", "candidate");
      card.tabIndex = 0;
      card.dataset.place = place;
      card.setAttribute("aria-labelledby", `name-${place} rank-${place}`);
      const head = make("header");
      const name = make("h2", "", `Answer ${place + 1}`);
      name.id = `name-${place}`;
      const rank = make("span", "rank");
      rank.id = `rank-${place}`;
      head.append(chip(place, change), name, rank, buttons(place, change));
      const body = make("div", "body");
      body.tabIndex = 0;
      body.setAttribute("role", "region");
      body.setAttribute("aria-label", `Text of answer ${place + 1}`);
      card.append(head, body);
      if (item.criteria.length) card.append(boxes(item, place, criteria, keep));
      return card;
    }),
  );
}

export function showRanks(item, order) {
  for (const card of $("candidates").children) {
    const rank = order.rank(Number(card.dataset.place));
    card.classList.toggle("placed", rank !== null);
    card.querySelector(".rank").textContent = rank === null ? "" : `${nth(rank)} of ${item.candidates.length}`;
  }
}

/** Display every text as plain text, as Markdown, or as differences from the candidate that is best so far. */
export function showTexts(item, order, view) {
  const base = order.levels[0]?.[0] ?? 0;
  for (const card of $("candidates").children) {
    const place = Number(card.dataset.place);
    const { text, html } = item.candidates[place];
    const node = makeText("div", view === "markdown" && html !== null ? "markdown" : "text");
    if (view === "markdown" && html !== null) node.innerHTML = html; // rendered by the server, without any active content
    else if (view === "diff" && place !== base) node.append(...differences(item.candidates[base].text, text));
    else node.textContent = text;
    const hint = view === "diff" && place === base ? [make("p", "hint", "The others are compared with this one.")] : [];
    card.querySelector(".body").replaceChildren(...hint, node);
  }
}

/** The place of the card that has or contains the focus; undefined if there is none. */
export function focused() {
  const card = document.activeElement.closest(".candidate");
  return card ? Number(card.dataset.place) : undefined;
}

export function focusCard(by) {
  const cards = [...$("candidates").children];
  const at = cards.indexOf(document.activeElement.closest(".candidate"));
  cards.at(Math.max(0, Math.min(cards.length - 1, at + by))).focus();
}

/** criterion → places of the candidates whose box is checked. */
export function checkedCriteria() {
  const criteria = {};
  for (const box of document.querySelectorAll("[data-criterion]")) {
    criteria[box.dataset.criterion] ??= [];
    if (box.checked) criteria[box.dataset.criterion].push(Number(box.dataset.place));
  }
  return criteria;
}

function buttons(place, change) {
  const button = (label, action, act) => {
    const node = make("button", "", label);
    node.type = "button";
    node.setAttribute("aria-label", `${action} answer ${place + 1}`);
    node.addEventListener("click", () => change(act, place));
    return node;
  };
  const row = make("div", "buttons");
  row.append(
    button("Next", "Place next:", (order) => order.place(place)),
    button("↑", "Move up", (order) => order.move(place, -1)),
    button("↓", "Move down", (order) => order.move(place, 1)),
    button("=", "Tie with the one above:", (order) => order.tieUp(place)),
  );
  return row;
}

function boxes(item, place, criteria, keep) {
  const row = make("div", "criteria");
  for (const name of item.criteria) {
    const label = make("label", "check");
    const box = make("input");
    box.type = "checkbox";
    box.dataset.criterion = name;
    box.dataset.place = place;
    box.checked = (criteria[name] ?? []).includes(place);
    box.addEventListener("change", keep);
    label.append(box, makeText("span", "", name));
    row.append(label);
  }
  return row;
}

function differences(from, to) {
  const pieces = diff(from, to);
  if (pieces === null) return [make("p", "hint", "Too long to compare."), to];
  return pieces.map(([what, text]) => (what === "same" ? text : make(what, "", text)));
}
