// Sends a prompt to several models of a run, and displays the answers side by side as they are generated.
import { diff } from "/static/diff.js";
import { $, make, makeText } from "/static/dom.js";
import { RequestError, request } from "/static/http.js";

const form = $("ask");
let stopping = null;

/** The lines of a response, as they come. */
async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

function column(model) {
  const article = make("article", "answer");
  const text = makeText("p", "text", "");
  const note = make("p", "hint", "loading the model …");
  article.append(make("h2", "", model), text, note);
  $("answers").append(article);
  return { model, text, note, answer: "", ended: false };
}

async function fill(place, question, signal) {
  try {
    const response = await request("POST", "/api/v1/runs/answers", question, { raw: true, signal });
    const started = performance.now(); // the model is loaded
    place.note.textContent = "…";
    for await (const part of linesOf(response)) {
      if (part.problem) throw new RequestError(0, part.problem);
      if (part.text) {
        place.answer += part.text;
        place.text.textContent = place.answer;
      }
      if (part.end) {
        const why = part.end === "length" ? "cut at the limit of tokens" : "ended";
        place.note.textContent = `${why}, ${((performance.now() - started) / 1000).toFixed(1)} s`;
        place.ended = true;
      }
    }
  } catch (error) {
    place.note.textContent = error.name === "AbortError" ? "stopped" : `Not answered: ${error.message}`;
  }
}

/** Mark the words of each answer that the first one does not have there; what only the first one has is not repeated. */
function mark(places) {
  const [first, ...others] = places;
  for (const other of others) {
    const pieces = first.ended && other.ended ? diff(first.answer, other.answer) : null;
    if (!pieces) continue;
    const own = pieces.filter(([kind]) => kind !== "del");
    other.text.replaceChildren(...own.map(([kind, text]) => (kind === "same" ? text : make(kind, "", text))));
    const same = pieces.every(([kind]) => kind === "same");
    other.note.textContent += same ? `; the same as ${first.model}` : `; marked: what differs from ${first.model}`;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector('button[type="submit"]');
  if (button.disabled) return; // Ctrl+Enter does not heed it
  const data = new FormData(form);
  const models = data.getAll("model");
  if (models.length === 0) {
    $("status").textContent = "Choose a model first.";
    return;
  }
  stopping = new AbortController();
  $("answers").replaceChildren();
  $("status").textContent = "The models answer. A model that answers for the first time is loaded first.";
  $("stop").hidden = false;
  const question = {
    run: form.dataset.run,
    prompt: data.get("prompt"),
    system: data.get("system"),
    max_tokens: Number(data.get("max_tokens")),
    temperature: Number(data.get("temperature")),
    seed: Number(data.get("seed")),
  };
  button.disabled = true;
  const places = models.map(column);
  await Promise.all(places.map((place) => fill(place, { ...question, model: place.model }, stopping.signal)));
  mark(places);
  button.disabled = false;
  $("stop").hidden = true;
  $("status").textContent = stopping.signal.aborted ? "Stopped." : "Done.";
});

$("stop").addEventListener("click", () => stopping?.abort());
$("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
