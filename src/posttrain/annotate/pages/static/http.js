// Requests to the server: JSON in both directions, with the CSRF token.
const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** An error response; `status` 0 means that the server was not reached. */
export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Send a request; resolves to the response's JSON, to null for "no content", or to the Response if `raw` is set. */
export async function request(method, path, body, { headers = {}, raw = false, signal } = {}) {
  const sent = { ...headers, "X-CSRF-Token": csrf };
  let payload = body;
  if (body !== undefined && !(body instanceof Blob)) {
    sent["Content-Type"] = "application/json";
    payload = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: payload, credentials: "same-origin", signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError(0, "the server cannot be reached");
  }
  if (!answer.ok) throw new RequestError(answer.status, await problem(answer));
  if (raw) return answer;
  return answer.status === 204 ? null : answer.json();
}

async function problem(answer) {
  const { detail } = await answer.json().catch(() => ({ detail: `the server answered ${answer.status}` }));
  if (typeof detail === "string") return detail;
  return (detail ?? []).map((part) => `${part.where}: ${part.problem}`).join("; ") || `status ${answer.status}`;
}
