// The order of candidates while a person makes it: levels from best to worst, each a list of places, with undo.
// This module does not use the document.

export class Order {
  constructor(count) {
    this.count = count;
    this.levels = [];
    this.steps = [];
  }

  /** One rank per place, for the server; null for candidates that are not placed. */
  ranks() {
    return Array.from({ length: this.count }, (_, place) => this.rank(place));
  }

  /** The rank of a place: 1 for the best, null if it is not placed. */
  rank(place) {
    const level = this.levels.findIndex((places) => places.includes(place));
    return level < 0 ? null : level + 1;
  }

  complete() {
    return this.levels.flat().length === this.count;
  }

  /** Restore the order from ranks of an earlier judgment or a draft. */
  restore(ranks) {
    const given = [...new Set(ranks.filter((rank) => rank !== null))].sort((a, b) => a - b);
    this.levels = given.map((rank) => ranks.flatMap((own, place) => (own === rank ? [place] : [])));
    this.steps = [];
  }

  /** Put a place at the end, as a level of its own. */
  place(place) {
    this.#change(() => this.#insert(place, this.levels.length));
  }

  /** Put a place into a gap between levels: 0 is before the best. */
  insert(place, gap) {
    this.#change(() => this.#insert(place, gap));
  }

  /** Tie a place with the level of another. */
  join(place, other) {
    if (place === other || this.rank(other) === null) return;
    this.#change(() => {
      this.#remove(place);
      this.levels.find((places) => places.includes(other)).push(place);
    });
  }

  /** Tie a place with the level above it; a candidate that is not placed joins the last level. */
  tieUp(place) {
    const above = this.levels[(this.rank(place) ?? this.levels.length + 1) - 2];
    if (above) this.join(place, above[0]);
  }

  /** Tie the last level with the one before it. */
  tie() {
    if (this.levels.length < 2) return;
    this.#change(() => {
      const last = this.levels.pop();
      this.levels.at(-1).push(...last);
    });
  }

  /** Move a place up (-1) or down (+1): first out of a tie, then past the next level. */
  move(place, by) {
    const level = this.levels.findIndex((places) => places.includes(place));
    if (level < 0) return this.place(place);
    const alone = this.levels[level].length === 1;
    if (alone && (level + by < 0 || level + by >= this.levels.length)) return undefined;
    return this.#change(() => {
      this.#remove(place);
      const gap = alone ? level + by : by < 0 ? level : level + 1;
      this.levels.splice(gap, 0, [place]);
    });
  }

  /** Undo the last step; false if there is none. */
  undo() {
    if (!this.steps.length) return false;
    this.levels = this.steps.pop();
    return true;
  }

  #change(work) {
    const before = this.levels.map((places) => [...places]);
    work();
    if (JSON.stringify(before) !== JSON.stringify(this.levels)) this.steps.push(before);
  }

  #insert(place, gap) {
    const mark = {};
    this.levels.splice(gap, 0, mark);
    this.#remove(place);
    this.levels[this.levels.indexOf(mark)] = [place];
  }

  #remove(place) {
    this.levels = this.levels.map((places) => (Array.isArray(places) ? places.filter((other) => other !== place) : places));
    this.levels = this.levels.filter((places) => !Array.isArray(places) || places.length);
  }
}
