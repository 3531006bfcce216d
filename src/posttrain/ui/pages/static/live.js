// Follows a run: reads the part of the page that changes again, until the run has ended.

const EVERY = 2000;
const RESTING = 15000; // a run that is not at work may be started again

const live = document.getElementById("live");
const lost = document.getElementById("lost");
let shown = "";

/** Replace the part, but keep open what the reader opened, and their place in it. */
function show(html) {
  if (html === shown) return;
  shown = html;
  const next = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  for (const details of live.querySelectorAll("details[id]")) {
    const same = next.querySelector(`#${CSS.escape(details.id)}`);
    if (same && details.dataset.chosen) {
      same.open = details.open;
      same.dataset.chosen = "yes";
    }
  }
  const focused = document.activeElement?.closest("details[id]")?.id;
  live.replaceChildren(next);
  if (focused) live.querySelector(`#${CSS.escape(focused)} > summary`)?.focus();
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
      if (answer.redirected) location.assign("/login");
      if (answer.ok) show(await answer.text());
      lost.hidden = answer.ok;
    } catch {
      lost.hidden = false;
    }
  }
  const wait = live.firstElementChild?.dataset.working === "yes" ? EVERY : RESTING;
  setTimeout(follow, Math.max(wait, 10 * (performance.now() - began))); // long runs must not keep the server busy
}

setTimeout(follow, EVERY);
