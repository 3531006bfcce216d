// The ranking page: it leases an item, lets a person order its candidates by key, click or drag, and sends the order.
import { checkedCriteria, drawCards, focusCard, focused, showRanks, showTexts } from "./cards.js";
import { $, announce, make, makeText, nth, problem } from "./dom.js";
import { Drafts } from "./drafts.js";
import { request } from "./http.js";
import { Order } from "./order.js";
import { Outbox } from "./outbox.js";
import { drawStrip } from "./ranking_strip.js";

const { project, kind, person } = $("work").dataset;
const drafts = new Drafts(person, project, kind);
const outbox = new Outbox(drafts);

let item = null; // the current assignment, as the server sent it
let order = new Order(0);
let began = 0;
let leaseUntil = 0;
const history = []; // assignments that were judged on this page, to go back to

// ---- the next item

async function next() {
  problem(null);
  try {
    await outbox.flush();
    const assignment = await request("POST", `/api/v1/projects/${project}/assignments?kind=${kind}`);
    if (assignment === null) nothing();
    else show(assignment);
  } catch (error) {
    if (error.status === undefined) throw error; // a bug of this page, not an error response
    if (error.status !== 0) problem(error.message);
    else outbox.lost(next);
  }
}

function nothing() {
  item = null;
  $("item").hidden = true;
  $("empty").hidden = false;
  announce("Nothing left for you.");
}

async function back() {
  const before = history.pop() ?? (await lastJudged());
  if (before === undefined) return announce("There is nothing to undo.");
  try {
    show(await request("GET", `/api/v1/assignments/${before}`));
    announce("Back at the item before. Change it and submit again, or skip on.");
  } catch (error) {
    problem(error.message);
  }
  return undefined;
}

async function lastJudged() {
  if (kind !== "ranking") return undefined;
  const judgments = await request("GET", `/api/v1/projects/${project}/judgments`).catch(() => ({ items: [] }));
  return judgments.items.find((judgment) => judgment.assignment !== item?.id)?.assignment;
}

/** Make a sent item inert, so that a fast next key does not change it. */
function leave() {
  item = null;
  $("item").inert = true;
}

function show(assignment) {
  item = assignment;
  $("item").inert = false;
  order = new Order(item.candidates.length);
  began = Date.now();
  leaseUntil = Date.now() + item.lease_seconds * 1000;
  const draft = drafts.get(item.id) ?? item.said;
  if (draft) order.restore(draft.ranks);
  $("empty").hidden = true;
  $("item").hidden = false;
  $("progress").textContent = `${item.progress.yours} judged by you, ${item.progress.left} left`;
  $("prompt").replaceChildren(...item.prompt.map(turn));
  $("all-bad").checked = draft?.all_bad ?? false;
  $("rewrite-part").hidden = !item.rewrite;
  $("rewrite").value = draft?.rewrite ?? "";
  $("others").hidden = !item.others.length;
  $("others-list").replaceChildren(...item.others.map(other));
  drawCards(item, draft?.criteria ?? {}, change, keep);
  showTexts(item, order, $("view").value);
  update();
  $("candidates").firstElementChild.focus({ preventScroll: true });
  window.scrollTo({ top: 0 });
}

function turn(message) {
  const node = make("div", "turn");
  if (item.prompt.length > 1 || message.role !== "user") node.append(make("b", "", message.role));
  node.append(makeText("div", "text", message.text));
  return node;
}

function other({ ranks }) {
  const ranking = new Order(ranks.length);
  ranking.restore(ranks);
  return make("li", "", ranking.levels.map((places) => places.map((place) => place + 1).join(" = ")).join("  >  "));
}

// ---- the order

function change(act, place) {
  if (!item) return;
  act(order);
  update();
  if (place === undefined) return;
  const rank = order.rank(place);
  const tied = rank !== null && order.levels[rank - 1].length > 1;
  announce(rank === null ? `Answer ${place + 1} is not placed.` : `Answer ${place + 1} is ${nth(rank)}${tied ? ", tied" : ""}.`);
}

function update() {
  showRanks(item, order);
  drawStrip(order, change);
  $("submit").disabled = !ready();
  if ($("view").value === "diff") showTexts(item, order, "diff");
  keep();
}

const ready = () => item !== null && (order.complete() || $("all-bad").checked);

function undo() {
  if (!item || !order.undo()) return back();
  update();
  return announce("Undone.");
}

function allBad() {
  $("all-bad").checked = !$("all-bad").checked;
  update();
  announce($("all-bad").checked ? "All bad." : "Not all bad.");
}

// ---- drafts and sending

const judgment = () => ({
  ranks: order.ranks(),
  all_bad: $("all-bad").checked,
  criteria: checkedCriteria(),
  rewrite: $("rewrite").value.trim() || null,
});

function keep() {
  if (item) drafts.keep(item.id, judgment());
}

function submit() {
  if (!ready()) return announce("Place every answer first.");
  const body = judgment();
  const last = Math.min(order.levels.length + 1, item.candidates.length);
  body.ranks = body.ranks.map((rank) => rank ?? last); // all bad: candidates that are not placed are the worst
  body.duration_ms = Math.min(Date.now() - began, 2 ** 31 - 1);
  outbox.put(item.id, "judgments", body);
  history.push(item.id);
  leave();
  announce("Sent.");
  return next();
}

let asideKind = "skips";

function aside(what) {
  asideKind = what;
  $("aside-title").textContent = what === "skips" ? "Skip this item" : "Flag this item";
  $("reason").value = "";
  $("aside").showModal();
}

$("aside-form").addEventListener("submit", (event) => {
  event.preventDefault();
  $("aside").close();
  if (item.said) drafts.drop(item.id); // judged already: a skip only goes on to the next item
  else outbox.put(item.id, asideKind, { reason: $("reason").value.trim() });
  leave();
  announce(asideKind === "skips" ? "Skipped." : "Flagged.");
  next();
});

async function prolong() {
  if (!item || item.said || Date.now() < leaseUntil - item.lease_seconds * 500) return;
  const renewal = await request("POST", `/api/v1/assignments/${item.id}/renewals`).catch(() => null);
  if (renewal) leaseUntil = Date.now() + item.lease_seconds * 1000;
}
setInterval(prolong, 20000);

window.addEventListener("online", () => {
  if (!$("offline").hidden) next();
});

// ---- keys and buttons

const inFocus = (act) => focused() !== undefined && change((order) => act(order, focused()), focused());

const KEYS = {
  0: () => change((order) => order.tie(), order.levels.at(-1)?.at(-1)),
  ArrowLeft: () => focusCard(-1),
  ArrowRight: () => focusCard(1),
  ArrowUp: () => inFocus((order, place) => order.move(place, -1)),
  ArrowDown: () => inFocus((order, place) => order.move(place, 1)),
  Enter: submit,
  s: () => aside("skips"),
  f: () => aside("flags"),
  u: undo,
  b: allBad,
  g: () => $("guideline").showModal(),
  "?": () => $("help").showModal(),
};
for (let place = 0; place < 9; place += 1) {
  KEYS[place + 1] = () => place < order.count && change((order) => order.place(place), place);
}
const WITHOUT_ITEM = ["u", "g", "?"];

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  const pressing = event.key === "Enter" && event.target.closest("button, a, summary");
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || !$("keys-on").checked) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const scrolling = event.target.closest(".body, #prompt") && (key === "ArrowUp" || key === "ArrowDown");
  if (!(key in KEYS) || scrolling) return;
  if (item || WITHOUT_ITEM.includes(key)) KEYS[key]();
  event.preventDefault();
});

const CLICKS = {
  "show-guideline": KEYS.g,
  "show-help": KEYS["?"],
  submit,
  undo,
  skip: KEYS.s,
  flag: KEYS.f,
  again: next,
  "aside-cancel": () => $("aside").close(),
  "copy-best": () => {
    const best = order.levels[0]?.[0];
    if (best !== undefined) $("rewrite").value = item.candidates[best].text;
    keep();
  },
};
for (const [id, act] of Object.entries(CLICKS)) $(id).addEventListener("click", act);
$("view").addEventListener("change", () => item && showTexts(item, order, $("view").value));
$("all-bad").addEventListener("change", () => item && update());
$("rewrite").addEventListener("input", keep);
$("keys-on").checked = localStorage.getItem("posttrain:keys") !== "off";
$("keys-on").addEventListener("change", (event) => {
  localStorage.setItem("posttrain:keys", event.target.checked ? "on" : "off");
});
next();
