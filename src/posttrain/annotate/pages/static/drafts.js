// Drafts and unsent requests in local storage, which survive a lost connection or a closed page.

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

  /** Unsent requests, the oldest first: {path, body, key}. */
  waiting() {
    return this.#get("outbox") ?? [];
  }

  wait(request) {
    this.#set("outbox", [...this.waiting(), request]);
  }

  sent(key) {
    this.#set("outbox", this.waiting().filter((request) => request.key !== key));
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
