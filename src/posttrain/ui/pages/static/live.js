// Follows a run: reads the part of the page that changes again, until the run has ended.

const EVERY = 2000;
const RESTING = 15000; // a run that is not at work may be started again

const live = document.getElementById("live");
const lost = document.getElementById("lost");
const shown = new Map(); // the id of a section → its HTML as the server sent it

/** Replace the sections that have changed, but keep open what the reader opened. */
function show(html) {
  const next = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  const part = live.firstElementChild;
  part.dataset.working = next.dataset.working;
  const sections = [...next.children];
  const same = sections.length === part.children.length && sections.every((one, at) => one.id === part.children[at].id);
  sections.forEach((section, at) => {
    const source = section.outerHTML;
    const before = part.querySelector(`:scope > #${CSS.escape(section.id)}`);
    if (before?.dataset.chosen) {
      section.open = before.open;
      section.dataset.chosen = "yes";
    }
    if (same && shown.get(section.id) !== source) replace(part.children[at], section);
    shown.set(section.id, source);
  });
  if (!same) part.replaceChildren(...sections);
}

/** Put a section in the place of another one; the keyboard stays where it was. */
function replace(before, section) {
  const places = "summary, [tabindex]";
  const focused = [...before.querySelectorAll(places)].indexOf(document.activeElement);
  before.replaceWith(section);
  if (focused >= 0) section.querySelectorAll(places)[focused]?.focus({ preventScroll: true });
}

function problem(text) {
  lost.hidden = !text;
  lost.textContent = text;
}

live.addEventListener("click", (event) => {
  const details = event.target.closest("summary")?.parentElement;
  if (details) details.dataset.chosen = "yes";
});

async function follow() {
  const began = performance.now();
  if (!document.hidden) {
    try {
      const answer = await fetch(live.dataset.part, { credentials: "same-origin" });
      if (answer.redirected) {
        location.assign("/login");
        return;
      }
      if (answer.status === 403 || answer.status === 404) {
        problem("This run can no longer be shown: it was removed, its files are broken, or your role has changed.");
        return;
      }
      if (answer.ok) show(await answer.text());
      problem(answer.ok ? "" : "The server has a problem. This page tries again.");
    } catch {
      problem("The server cannot be reached. This page tries again.");
    }
  }
  const wait = live.firstElementChild.dataset.working === "yes" ? EVERY : RESTING;
  setTimeout(follow, Math.max(wait, 10 * (performance.now() - began))); // long runs must not keep the server busy
}

setTimeout(follow, EVERY);
