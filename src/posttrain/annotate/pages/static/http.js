// One way to ask the server: JSON in and out, the CSRF token with everything that changes something.
const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** What the server refused; `status` 0 means it was not reached. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Ask; resolves to the answer's JSON, to a Response where `raw` is set, to null for "no content". */
export async function ask(method, path, body, { headers = {}, raw = false } = {}) {
  const sent = { ...headers, "X-CSRF-Token": csrf };
  let payload = body;
  if (body !== undefined && !(body instanceof Blob)) {
    sent["Content-Type"] = "application/json";
    payload = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: payload, credentials: "same-origin" });
  } catch {
    throw new Refused(0, "the server cannot be reached");
  }
  if (!answer.ok) throw new Refused(answer.status, await problem(answer));
  if (raw) return answer;
  return answer.status === 204 ? null : answer.json();
}

async function problem(answer) {
  const told = await answer.json().catch(() => ({ detail: `the server answered ${answer.status}` }));
  if (typeof told.detail === "string") return told.detail;
  return (told.detail ?? []).map((one) => `${one.where}: ${one.problem}`).join("; ") || `status ${answer.status}`;
}
