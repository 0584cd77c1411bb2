"use strict";

const byId = (id) => document.getElementById(id);
const shown = (number) => number.toLocaleString("en");

/** Which rows are listed: those of a class, of a pair, the undecided ones. */
class Filters {
  constructor(rows, decisions) {
    this.rows = rows;
    this.decisions = decisions;
    this.given = byId("given-filter");
    this.suggested = byId("suggested-filter");
    this.undecided = byId("undecided-filter");
    this.offer(this.given, rows.given, () => true);
  }

  /** The rows that match, most suspect first. */
  matching() {
    const { given, suggested, length } = this.rows;
    const allows = (select, label) =>
      select.value === "" || label === Number(select.value);
    const isGiven = (row) => allows(this.given, given[row]);
    this.offer(this.suggested, suggested, isGiven);
    const found = [];
    for (let row = 0; row < length; row++) {
      const matches =
        isGiven(row) &&
        allows(this.suggested, suggested[row]) &&
        !(this.undecided.checked && this.decisions.codes[row]);
      if (matches) found.push(row);
    }
    return found;
  }

  /** Offers the classes in a column, with the number of rows of each. */
  offer(select, column, counts) {
    const { classes } = this.rows;
    const before = select.value;
    const numbers = new Map();
    column.forEach((label, row) => {
      if (counts(row)) numbers.set(label, (numbers.get(label) ?? 0) + 1);
    });
    const labels = [...numbers.keys()].sort((a, b) =>
      classes[a].localeCompare(classes[b], "en", { numeric: true }),
    );
    const options = labels.map(
      (label) =>
        new Option(`${classes[label]} (${shown(numbers.get(label))})`, label),
    );
    select.replaceChildren(new Option("any class", ""), ...options);
    const isOffered = before !== "" && numbers.has(Number(before));
    select.value = isOffered ? before : "";
  }
}
