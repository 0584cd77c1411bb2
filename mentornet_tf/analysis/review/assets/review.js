"use strict";

const PAGE_SIZE = 24;
/** The page: which rows are listed, which is chosen, and what keys do. */
class Review {
  constructor(rows, decisions) {
    this.rows = rows;
    this.decisions = decisions;
    this.search = new ClassSearch(rows.classes);
    this.cards = new Map(); // of the rows in the DOM
    this.position = 0; // of the chosen row, in `view`
    this.isDownloaded = true;
    this.describe();
    // Who has begun knows the keys, and few small screens come with some.
    const { matches } = window.matchMedia("(pointer: coarse), (width < 40rem)");
    if (!matches && !decisions.numDecided) this.toggleKeys();
    this.filters = new Filters(rows, decisions);
    this.listen();
    this.filter();
  }

  // What is listed.

  /** Lists the rows that match the filters, from the first undecided on. */
  filter() {
    this.view = this.filters.matching();
    this.page = null;
    byId("nothing").hidden = this.view.length > 0;
    this.choose(Math.max(0, this.nextUndecided(-1)), false);
  }

  /** Chooses the row at a position of the view, and shows its page. */
  choose(position, focus = true) {
    const last = Math.max(0, this.view.length - 1);
    this.position = Math.min(Math.max(position, 0), last);
    const page = Math.floor(this.position / PAGE_SIZE);
    if (page !== this.page) this.showPage(page);
    const chosen = this.view[this.position];
    for (const [row, card] of this.cards) {
      const isChosen = row === chosen;
      card.classList.toggle("chosen", isChosen);
      for (const part of [card, ...card.querySelectorAll("button")])
        part.tabIndex = isChosen ? 0 : -1;
      if (isChosen && focus) card.focus();
    }
  }

  showPage(page) {
    this.page = page;
    const rows = this.view.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    const items = rows.map((row) => makeCard(this.rows, row));
    this.cards = new Map(rows.map((row, i) => [row, items[i].firstChild]));
    byId("list").start = page * PAGE_SIZE + 1;
    byId("list").replaceChildren(...items);
    const pages = Math.max(1, Math.ceil(this.view.length / PAGE_SIZE));
    byId("page").value = page + 1;
    byId("page").max = pages;
    const labels = this.view.length === 1 ? "label" : "labels";
    byId("pages").textContent =
      `of ${shown(pages)} · ${shown(this.view.length)} ${labels}`;
    byId("previous-page").disabled = page === 0;
    byId("next-page").disabled = page === pages - 1;
    window.scrollTo(0, 0);
    this.refresh();
  }

  /** Shows the decisions as they are now. */
  refresh() {
    const { decisions, rows } = this;
    for (const [row, card] of this.cards)
      showDecision(card, rows, row, decisions.codes[row]);
    const { keep, relabel, drop } = decisions.counts;
    byId("progress").max = rows.length;
    byId("progress").value = decisions.numDecided;
    byId("counts").textContent =
      `${shown(decisions.numDecided)} of ${shown(rows.length)} reviewed · ` +
      `${shown(keep)} kept · ${shown(relabel)} relabelled · ` +
      `${shown(drop)} dropped`;
    byId("undo").disabled = decisions.past.length === 0;
    const notice = byId("notice");
    notice.hidden = !decisions.problem;
    if (decisions.problem)
      notice.textContent =
        `This browser does not keep your progress (${decisions.problem}). ` +
        "Download corrections.csv before you close or reload the page; " +
        "import it later to continue.";
  }

  describe() {
    const { rows } = this;
    document.title = rows.title;
    const things = { image: "images", text: "texts", values: "values" };
    const total = `${shown(rows.length)} labels, most suspect first.`;
    const number = rows.contents.filter((each) => each !== null).length;
    const what = `shown with their ${things[rows.kind]}`;
    let which = "There are no images in this page: labels have path and id.";
    if (number === rows.length) which = `All are ${what}.`;
    else if (number) {
      const those = number === rows.contents.length ? "The first " : "";
      which = `${those}${shown(number)} are ${what}, the others by path and id.`;
    }
    byId("about").textContent =
      `${total} ${which} Decisions stay in this browser; ` +
      "corrections.csv holds them for use elsewhere.";
  }

  say(text, isProblem = false) {
    byId("status").textContent = text;
    byId("status").classList.toggle("problem", isProblem);
  }

  // Decisions.

  /** Does what a button or key stands for; `advance` chooses the next row. */
  async act(action, advance) {
    const row = this.view[this.position];
    if (row === undefined) return;
    const code = await this.codeOf(action, row);
    if (code === null) return;
    this.isDownloaded = false;
    this.decisions.decide([[row, code]]);
    this.refresh();
    const text = decisionText(this.rows, code) || "Undecided";
    this.say(`Rank ${this.rows.rank(row)}: ${text}.`);
    if (advance && code !== UNDECIDED) this.advance();
  }

  /** The code for an action on a row; null where nothing is to be done. */
  async codeOf(action, row) {
    const { given, suggested, classes } = this.rows;
    if (action === "suggested") {
      if (suggested[row] !== given[row]) return RELABEL + suggested[row];
      this.say("The suggested label is the given one: keep it, or type another.");
      return null;
    }
    if (action === "other") {
      const chosen = await this.search.ask(
        `Rank ${this.rows.rank(row)}, given ${classes[given[row]]}: which class?`,
      );
      this.choose(this.position);
      if (chosen === null) return null;
      return chosen === given[row] ? KEEP : RELABEL + chosen;
    }
    return { keep: KEEP, drop: DROP, clear: UNDECIDED }[action];
  }

  /** Chooses the next undecided row, or else says that there is none. */
  advance() {
    let next = this.nextUndecided(this.position);
    if (next < 0) next = this.nextUndecided(-1);
    if (next >= 0) this.choose(next);
    else this.say("All labels listed here are reviewed.");
  }

  nextUndecided(position) {
    const { codes } = this.decisions;
    return this.view.findIndex((row, i) => i > position && !codes[row]);
  }

  undo() {
    const rows = this.decisions.undo();
    if (!rows.length) return this.say("There is nothing to undo.");
    this.isDownloaded = false;
    this.refresh();
    const position = this.view.indexOf(rows[0]);
    if (position >= 0) this.choose(position);
    this.say(
      rows.length === 1
        ? `Rank ${this.rows.rank(rows[0])}: undone.`
        : `${shown(rows.length)} decisions undone.`,
    );
  }

  download() {
    const text = writeCorrections(this.rows, this.decisions);
    const file = new Blob([text], { type: "text/csv;charset=utf-8" });
    const link = element("a", { download: "corrections.csv" });
    link.href = URL.createObjectURL(file);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.isDownloaded = true;
    this.say(`corrections.csv: ${shown(this.decisions.numDecided)} decisions.`);
  }

  async importFile(file) {
    try {
      const { changes, skipped } = readCorrections(await file.text(), this.rows);
      if (changes.length) this.decisions.decide(changes);
      this.refresh();
      const others = skipped
        ? ` Skipped, as not of this ranking: ${shown(skipped)} lines.`
        : "";
      this.say(`${shown(changes.length)} decisions imported.${others}`);
    } catch (error) {
      this.say(`${file.name} cannot be imported: ${error.message}.`, true);
    }
  }

  // Mouse and keys.

  listen() {
    const click = (id, action) => byId(id).addEventListener("click", action);
    click("undo", () => this.undo());
    click("download", () => this.download());
    click("import", () => byId("import-file").click());
    click("previous-page", () => this.turn(-1, false));
    click("next-page", () => this.turn(1, false));
    click("show-keys", () => this.toggleKeys());
    byId("list").addEventListener("click", (event) => this.onClick(event));
    byId("filters").addEventListener("change", () => this.filter());
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("page").addEventListener("change", () => {
      const page = Math.trunc(byId("page").valueAsNumber) || 1;
      this.choose((page - 1) * PAGE_SIZE, false);
      byId("page").value = this.page + 1;
    });
    byId("import-file").addEventListener("change", async (event) => {
      for (const file of event.target.files) await this.importFile(file);
      event.target.value = "";
    });
    document.addEventListener("keydown", (event) => this.onKey(event));
    window.addEventListener("storage", (event) => {
      if (this.decisions.follow(event.key)) this.refresh();
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.decisions.problem && !this.isDownloaded) event.preventDefault();
    });
  }

  onClick(event) {
    const card = event.target.closest(".card");
    if (!card) return;
    const row = [...this.cards.keys()].find((each) => this.cards.get(each) === card);
    const button = event.target.closest("button");
    this.choose(this.view.indexOf(row), !button);
    if (!button) return;
    const isPressed = button.ariaPressed === "true";
    const { action } = button.dataset;
    this.act(isPressed && action !== "other" ? "clear" : action, false);
  }

  onKey(event) {
    const typing = event.target.closest("input:not([type=checkbox]), select");
    if (typing || event.altKey || this.search.dialog.open) return;
    const isLatin = /^[a-z]$/i.test(event.key);
    // Under other alphabets, the letter where it is on a Latin keyboard.
    const letter = !isLatin && event.code.match(/^Key([A-Z])$/)?.[1];
    const key = (letter || event.key).toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" || event.shiftKey) return;
      this.undo();
    } else if (!this.onPlainKey(key, event)) return;
    event.preventDefault();
  }

  /** Whether the key means anything here. */
  onPlainKey(key, event) {
    const letters = {
      k: () => this.act("keep", true),
      s: () => this.act("suggested", true),
      o: () => this.act("other", true),
      d: () => this.act("drop", true),
      c: () => this.act("clear", false),
      u: () => this.undo(),
      n: () => this.advance(),
      "?": () => this.toggleKeys(),
    };
    const moves = {
      arrowleft: () => this.choose(this.position - 1),
      arrowright: () => this.choose(this.position + 1),
      arrowup: () => this.choose(this.position - this.numColumns()),
      arrowdown: () => this.choose(this.position + this.numColumns()),
      pageup: () => this.turn(-1),
      pagedown: () => this.turn(1),
    };
    if (key in letters) {
      // A key that is held down decides once.
      if (!event.repeat) letters[key]();
      return true;
    }
    const elsewhere = event.target.closest("button, input");
    if (!(key in moves) || (elsewhere && !elsewhere.closest("#list")))
      return false;
    moves[key]();
    return true;
  }

  /** Shows the next or previous page, where there is one. */
  turn(pages, focus = true) {
    const first = (this.page + pages) * PAGE_SIZE;
    if (first >= 0 && first < this.view.length) this.choose(first, focus);
  }

  /** Cards side by side. */
  numColumns() {
    const tops = [...this.cards.values()].map((card) => card.offsetTop);
    return tops.filter((top) => top === tops[0]).length;
  }

  toggleKeys() {
    const keys = byId("keys");
    keys.hidden = !keys.hidden;
    byId("show-keys").ariaExpanded = String(!keys.hidden);
  }
}

Rows.read().then(
  (rows) => new Review(rows, new Decisions(rows, browserStorage())),
  (error) => {
    byId("notice").hidden = false;
    byId("notice").textContent =
      `This browser cannot read the page (${error.message}): ` +
      "open it in a current version of Firefox, Chrome, Edge or Safari.";
  },
);
