"use strict";

// Codes of decisions; a relabelled row has RELABEL + its new class.
const UNDECIDED = 0;
const KEEP = 1;
const DROP = 2;
const RELABEL = 3;

/**
 * What was decided of each row, kept in the browser as it is decided.
 *
 * Stored are blocks of rows, each a text such as "4:1 17:2", so that a decision
 * among hundreds of thousands writes little. Their keys hold the digest of the
 * ranking: another ranking's progress is never mixed up with this one's.
 */
class Decisions {
  static BLOCK = 1000;

  constructor(rows, storage) {
    this.codes = new Int32Array(rows.length);
    this.numClasses = rows.classes.length;
    this.counts = { keep: 0, relabel: 0, drop: 0 };
    this.prefix = `mentornet-review:${rows.digest}:`;
    this.storage = storage;
    this.problem = storage ? "" : "it allows no storage for this page";
    this.past = [];
    const blocks = Math.ceil(rows.length / Decisions.BLOCK);
    for (let block = 0; block < blocks; block++) this.load(block);
    this.save(0);
  }

  static action(code) {
    if (code >= RELABEL) return "relabel";
    return ["", "keep", "drop"][code];
  }

  get numDecided() {
    return this.counts.keep + this.counts.relabel + this.counts.drop;
  }

  /** Decides rows, given as pairs [row, code], as one step that can be undone. */
  decide(changes) {
    const before = changes.map(([row]) => [row, this.codes[row]]);
    this.past.push(before);
    this.apply(changes);
  }

  /** Takes the last step back; gives its rows, none where there is no step. */
  undo() {
    const before = this.past.pop() ?? [];
    this.apply(before);
    return before.map(([row]) => row);
  }

  /** Takes over what another tab has stored under `key`; whether that was ours. */
  follow(key) {
    if (!key?.startsWith(this.prefix)) return false;
    this.load(Number(key.slice(this.prefix.length)));
    return true;
  }

  apply(changes) {
    for (const [row, code] of changes) this.put(row, code);
    const blocks = changes.map(([row]) => Math.floor(row / Decisions.BLOCK));
    for (const block of new Set(blocks)) this.save(block);
  }

  put(row, code) {
    const before = Decisions.action(this.codes[row]);
    const after = Decisions.action(code);
    if (before) this.counts[before]--;
    if (after) this.counts[after]++;
    this.codes[row] = code;
  }

  load(block) {
    let text = "";
    try {
      text = this.storage?.getItem(this.prefix + block) ?? "";
    } catch (error) {
      this.problem = error.message;
    }
    const first = block * Decisions.BLOCK;
    const last = Math.min(first + Decisions.BLOCK, this.codes.length);
    for (let row = first; row < last; row++) this.put(row, UNDECIDED);
    for (const pair of text.split(" ").filter(Boolean)) {
      const [offset, code] = pair.split(":").map(Number);
      const row = first + offset;
      const known = code > UNDECIDED && code < RELABEL + this.numClasses;
      if (row < last && known) this.put(row, code);
    }
  }

  save(block) {
    const first = block * Decisions.BLOCK;
    const pairs = [];
    this.codes
      .subarray(first, first + Decisions.BLOCK)
      .forEach((code, offset) => code && pairs.push(`${offset}:${code}`));
    try {
      this.storage?.setItem(this.prefix + block, pairs.join(" "));
      if (this.storage) this.problem = "";
    } catch (error) {
      this.problem = error.message;
    }
  }
}

/** The browser's storage; null where it allows none, as some do for files. */
function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
