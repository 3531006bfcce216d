// What must survive a lost connection or a closed page: the draft of the item at hand, and what waits to be sent.

export class Drafts {
  constructor(person, project, kind) {
    this.prefix = `posttrain:${person}:${project}:${kind}:`;
  }

  keep(assignment, draft) {
    this.#set(`draft:${assignment}`, draft);
  }

  get(assignment) {
    return this.#get(`draft:${assignment}`);
  }

  drop(assignment) {
    localStorage.removeItem(`${this.prefix}draft:${assignment}`);
  }

  /** Requests to send, oldest first: {path, body, key}. */
  waiting() {
    return this.#get("outbox") ?? [];
  }

  wait(request) {
    this.#set("outbox", [...this.waiting(), request]);
  }

  sent(key) {
    this.#set("outbox", this.waiting().filter((one) => one.key !== key));
  }

  #get(name) {
    try {
      return JSON.parse(localStorage.getItem(this.prefix + name));
    } catch {
      return null;
    }
  }

  #set(name, value) {
    localStorage.setItem(this.prefix + name, JSON.stringify(value));
  }
}
