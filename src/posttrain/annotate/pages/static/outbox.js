// Judgments, skips and flags stay in this browser until the server has them; they are sent in order.
import { $, problem } from "./dom.js";
import { request } from "./http.js";

const RETRY = 3000;

export class Outbox {
  #sending = false;
  #timer = null;

  constructor(drafts) {
    this.drafts = drafts;
  }

  /** Keep a request until it is sent; its key makes it count once, however often it is sent. */
  put(assignment, what, body) {
    const path = `/api/v1/assignments/${assignment}/${what}`;
    this.drafts.wait({ path, body, key: crypto.randomUUID(), id: assignment });
  }

  /** Send the waiting requests; throws if the server is not reached. */
  async flush() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (const waiting of this.drafts.waiting()) {
        try {
          await request("POST", waiting.path, waiting.body, { headers: { "Idempotency-Key": waiting.key } });
        } catch (error) {
          if (error.status === 0 || error.status >= 500 || error.status === 429) throw error;
          if (error.status === 401) return void location.assign("/login");
          problem(`A judgment was refused: ${error.message}.`);
        }
        this.drafts.sent(waiting.key);
        this.drafts.drop(waiting.id);
      }
    } finally {
      this.#sending = false;
    }
    $("offline").hidden = true;
  }

  /** Display that the connection is lost, and try again later. */
  lost(again) {
    const count = this.drafts.waiting().length;
    $("offline").hidden = false;
    $("offline").textContent =
      `The connection is lost. Your work is kept in this browser${count ? ` (${count} to send)` : ""} and is sent once it is back.`;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(again, RETRY);
  }
}
