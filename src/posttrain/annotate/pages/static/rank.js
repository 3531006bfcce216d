// The ranking page: takes an item, lets a person order its candidates by key, click or drag, and sends the order.
import { diff } from "./diff.js";
import { Drafts } from "./drafts.js";
import { ask } from "./http.js";
import { Order } from "./order.js";

const $ = (id) => document.getElementById(id);
const work = $("work");
const { project, kind, person } = work.dataset;
const drafts = new Drafts(person, project, kind);
const RETRY = 3000;

let item = null; // the assignment at hand, as the server told it
let order = new Order(0);
let began = 0;
let leaseUntil = 0;
let history = []; // assignments judged in this page, to go back to
let sending = false;

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function say(text) {
  $("said").textContent = "";
  requestAnimationFrame(() => {
    $("said").textContent = text;
  });
}

function problem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text ?? "";
}

const nth = (rank) => `${rank}${["th", "st", "nd", "rd"][rank % 10 < 4 && Math.floor(rank / 10) !== 1 ? rank % 10 : 0]}`;

// ---- taking an item

async function next() {
  problem(null);
  try {
    await flush();
    const told = await ask("POST", `/api/v1/projects/${project}/assignments?kind=${kind}`);
    if (told === null) return nothing();
    return show(told);
  } catch (error) {
    if (error.status !== 0) problem(error.message);
    else lost(next);
  }
  return undefined;
}

function nothing() {
  item = null;
  $("item").hidden = true;
  $("empty").hidden = false;
  say("Nothing left for you.");
}

async function back() {
  const before = history.pop() ?? (await lastJudged());
  if (before === undefined) return say("There is nothing to undo.");
  try {
    show(await ask("GET", `/api/v1/assignments/${before}`));
    say("Back at the item before. Change it and submit again, or skip on.");
  } catch (error) {
    problem(error.message);
  }
  return undefined;
}

async function lastJudged() {
  if (kind !== "ranking") return undefined;
  const told = await ask("GET", `/api/v1/projects/${project}/judgments`).catch(() => ({ items: [] }));
  return told.items.find((one) => one.assignment !== item?.id)?.assignment;
}

function show(told) {
  item = told;
  order = new Order(told.candidates.length);
  began = Date.now();
  leaseUntil = Date.now() + told.lease_seconds * 1000;
  const draft = drafts.get(told.id) ?? told.said;
  if (draft) order.restore(draft.ranks);
  $("empty").hidden = true;
  $("item").hidden = false;
  $("progress").textContent = `${told.progress.yours} judged by you, ${told.progress.left} left`;
  $("prompt").replaceChildren(...told.prompt.map(turn));
  $("all-bad").checked = draft?.all_bad ?? false;
  $("rewrite-part").hidden = !told.rewrite;
  $("rewrite").value = draft?.rewrite ?? "";
  showOthers();
  showCandidates(draft?.criteria ?? {});
  update();
  $("candidates").firstElementChild.focus({ preventScroll: true });
  window.scrollTo({ top: 0 });
}

function turn(one) {
  const node = make("div", "turn");
  if (item.prompt.length > 1 || one.role !== "user") node.append(make("b", "", one.role));
  node.append(make("div", "text", one.text));
  return node;
}

function showOthers() {
  $("others").hidden = !item.others.length;
  $("others-list").replaceChildren(
    ...item.others.map((one) => {
      const other = new Order(one.ranks.length);
      other.restore(one.ranks);
      return make("li", "", other.levels.map((some) => some.map((place) => place + 1).join(" = ")).join("  >  "));
    }),
  );
}

function showCandidates(criteria) {
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
      head.append(chip(place), name, rank, ...controls(place));
      const body = make("div", "body");
      body.tabIndex = 0;
      body.setAttribute("role", "region");
      body.setAttribute("aria-label", `Text of answer ${place + 1}`);
      card.append(head, body);
      if (item.criteria.length) card.append(boxes(place, criteria));
      return card;
    }),
  );
  showTexts();
}

function controls(place) {
  const button = (label, told, act) => {
    const node = make("button", "", label);
    node.type = "button";
    node.setAttribute("aria-label", `${told} answer ${place + 1}`);
    node.addEventListener("click", act);
    return node;
  };
  return [
    button("Next", "Place next:", () => change(() => order.place(place), place)),
    button("↑", "Move up", () => change(() => order.move(place, -1), place)),
    button("↓", "Move down", () => change(() => order.move(place, 1), place)),
    button("=", "Tie with the one above:", () => change(() => tieUp(place), place)),
  ];
}

function tieUp(place) {
  const rank = order.rank(place) ?? order.levels.length + 1;
  const above = order.levels[rank - 2];
  if (above) order.join(place, above[0]);
}

function boxes(place, criteria) {
  const row = make("div", "criteria");
  for (const name of item.criteria) {
    const label = make("label", "check");
    const box = make("input");
    box.type = "checkbox";
    box.dataset.criterion = name;
    box.dataset.place = place;
    box.checked = (criteria[name] ?? []).includes(place);
    box.addEventListener("change", keep);
    label.append(box, name);
    row.append(label);
  }
  return row;
}

function showTexts() {
  const view = $("view").value;
  const base = order.levels[0]?.[0] ?? 0;
  for (const card of $("candidates").children) {
    const place = Number(card.dataset.place);
    const { text, html } = item.candidates[place];
    const node = make("div", view === "markdown" && html !== null ? "markdown" : "text");
    if (view === "markdown" && html !== null) node.innerHTML = html; // made by the server, which lets nothing active through
    else if (view === "diff" && place !== base) node.append(...differences(item.candidates[base].text, text));
    else node.textContent = text;
    card.querySelector(".body").replaceChildren(node);
  }
}

function differences(from, to) {
  const pieces = diff(from, to);
  if (pieces === null) return [to];
  return pieces.map(([what, text]) => (what === "same" ? text : make(what, "", text)));
}

// ---- the order

function change(act, place) {
  if (!item) return;
  act();
  update();
  if (place === undefined) return;
  const rank = order.rank(place);
  const tied = rank !== null && order.levels[rank - 1].length > 1;
  say(rank === null ? `Answer ${place + 1} is not placed.` : `Answer ${place + 1} is ${nth(rank)}${tied ? ", tied" : ""}.`);
}

function update() {
  for (const card of $("candidates").children) {
    const rank = order.rank(Number(card.dataset.place));
    card.classList.toggle("placed", rank !== null);
    card.querySelector(".rank").textContent = rank === null ? "" : `${nth(rank)} of ${item.candidates.length}`;
  }
  const parts = [gap(0)];
  order.levels.forEach((some, level) => {
    parts.push(levelBox(some, level), gap(level + 1));
  });
  if (!order.levels.length) {
    const hint = make("li", "strip-empty", "Best first: press a number, use the buttons, or drag an answer here");
    parts.splice(1, 0, hint);
  }
  $("strip").replaceChildren(...parts);
  $("submit").disabled = !ready();
  if ($("view").value === "diff") showTexts();
  keep();
}

const ready = () => item !== null && (order.complete() || $("all-bad").checked);

function levelBox(some, level) {
  const box = make("li", "level");
  box.append(make("span", "nth", nth(level + 1)), ...some.map(chip));
  droppable(box, (place) => order.join(place, some.find((one) => one !== place) ?? place));
  return box;
}

function gap(at) {
  const node = make("li", "gap");
  node.setAttribute("aria-hidden", "true");
  droppable(node, (place) => order.insert(place, at));
  return node;
}

function chip(place) {
  const node = make("button", "chip", String(place + 1));
  node.type = "button";
  node.draggable = true;
  node.title = "Drag into your order, or press to place next";
  node.setAttribute("aria-label", `Answer ${place + 1}: place next`);
  node.addEventListener("click", () => change(() => order.place(place), place));
  node.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData("text/plain", String(place));
    event.dataTransfer.effectAllowed = "move";
  });
  return node;
}

function droppable(node, drop) {
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

// ---- drafts and sending

function said() {
  const criteria = {};
  for (const box of document.querySelectorAll("[data-criterion]")) {
    criteria[box.dataset.criterion] ??= [];
    if (box.checked) criteria[box.dataset.criterion].push(Number(box.dataset.place));
  }
  const rewrite = $("rewrite").value.trim();
  return { ranks: order.ranks(), all_bad: $("all-bad").checked, criteria, rewrite: rewrite || null };
}

function keep() {
  if (item) drafts.keep(item.id, said());
}

function submit() {
  if (!ready()) return say("Place every answer first.");
  const body = said();
  const last = order.levels.length + 1;
  body.ranks = body.ranks.map((rank) => rank ?? Math.min(last, item.candidates.length));
  body.duration_ms = Math.min(Date.now() - began, 2 ** 31 - 1);
  drafts.wait({ path: `/api/v1/assignments/${item.id}/judgments`, body, key: crypto.randomUUID(), id: item.id });
  history.push(item.id);
  say("Sent.");
  return next();
}

/** Send what waits, in order; throws where the server is not reached. */
async function flush() {
  if (sending) return;
  sending = true;
  try {
    for (const one of drafts.waiting()) {
      try {
        await ask("POST", one.path, one.body, { headers: { "Idempotency-Key": one.key } });
      } catch (error) {
        if (error.status === 0 || error.status >= 500 || error.status === 429) throw error;
        if (error.status === 401) return void location.assign("/login");
        problem(`An answer was not taken: ${error.message}.`);
      }
      drafts.sent(one.key);
      drafts.drop(one.id);
    }
  } finally {
    sending = false;
  }
  $("offline").hidden = true;
}

let waiting = null;

function lost(again) {
  const count = drafts.waiting().length;
  $("offline").hidden = false;
  $("offline").textContent =
    `The connection is lost. Your work is kept in this browser${count ? ` (${count} to send)` : ""} and is sent once it is back.`;
  clearTimeout(waiting);
  waiting = setTimeout(again, RETRY);
}

window.addEventListener("online", () => {
  if (waiting !== null && !$("offline").hidden) next();
});

async function prolong() {
  if (!item || item.said || Date.now() < leaseUntil - item.lease_seconds * 500) return;
  const told = await ask("POST", `/api/v1/assignments/${item.id}/renewals`).catch(() => null);
  if (told) leaseUntil = Date.now() + item.lease_seconds * 1000;
}
setInterval(prolong, 20000);

// ---- skip, flag, dialogs

let asideKind = "skips";

function aside(what) {
  if (!item) return;
  asideKind = what;
  $("aside-title").textContent = what === "skips" ? "Skip this item" : "Flag this item";
  $("reason").value = "";
  $("aside").showModal();
}

$("aside-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { id } = item;
  try {
    if (!item.said) await ask("POST", `/api/v1/assignments/${id}/${asideKind}`, { reason: $("reason").value.trim() });
    drafts.drop(id);
    $("aside").close();
    say(asideKind === "skips" ? "Skipped." : "Flagged.");
    await next();
  } catch (error) {
    $("aside").close();
    problem(error.message);
  }
});
$("aside-cancel").addEventListener("click", () => $("aside").close());

function undo() {
  if (!item) return back();
  if (order.undo()) {
    update();
    return say("Undone.");
  }
  return back();
}

function allBad() {
  $("all-bad").checked = !$("all-bad").checked;
  update();
  say($("all-bad").checked ? "All bad." : "Not all bad.");
}

function focusCard(by) {
  const cards = [...$("candidates").children];
  const at = cards.indexOf(document.activeElement.closest(".candidate"));
  cards.at(Math.max(0, Math.min(cards.length - 1, at + by))).focus();
}

const focused = () => {
  const card = document.activeElement.closest(".candidate");
  return card ? Number(card.dataset.place) : undefined;
};

const KEYS = {
  0: () => change(() => order.tie(), order.levels.at(-1)?.at(-1)),
  ArrowLeft: () => focusCard(-1),
  ArrowRight: () => focusCard(1),
  ArrowUp: () => focused() !== undefined && change(() => order.move(focused(), -1), focused()),
  ArrowDown: () => focused() !== undefined && change(() => order.move(focused(), 1), focused()),
  Enter: submit,
  s: () => aside("skips"),
  f: () => aside("flags"),
  u: undo,
  b: allBad,
  g: () => $("guideline").showModal(),
  "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  const pressing = event.key === "Enter" && event.target.closest("button, a, summary");
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || !$("keys-on").checked) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (/^[1-9]$/.test(key) && item && Number(key) <= item.candidates.length) {
    change(() => order.place(Number(key) - 1), Number(key) - 1);
  } else if (!(key in KEYS) || (event.target.closest(".body, #prompt") && key.startsWith("Arrow") && !/Left|Right/.test(key))) {
    return;
  } else if (item || ["u", "g", "?"].includes(key)) KEYS[key]();
  event.preventDefault();
});

$("view").addEventListener("change", () => item && showTexts());
$("show-guideline").addEventListener("click", () => $("guideline").showModal());
$("show-help").addEventListener("click", () => $("help").showModal());
$("submit").addEventListener("click", submit);
$("undo").addEventListener("click", undo);
$("skip").addEventListener("click", () => aside("skips"));
$("flag").addEventListener("click", () => aside("flags"));
$("all-bad").addEventListener("change", update);
$("rewrite").addEventListener("input", keep);
$("again").addEventListener("click", next);
$("copy-best").addEventListener("click", () => {
  const best = order.levels[0]?.[0];
  if (best !== undefined) $("rewrite").value = item.candidates[best].text;
  keep();
});
$("keys-on").checked = localStorage.getItem("posttrain:keys") !== "off";
$("keys-on").addEventListener("change", (event) => {
  localStorage.setItem("posttrain:keys", event.target.checked ? "on" : "off");
});

$("view").value = "text";
next().then(() => {
  if (item && item.view !== "text") {
    $("view").value = item.view;
    showTexts();
  }
});
