"use strict";

/** A dialog that asks for a class by typing part of its name. */
class ClassSearch {
  static MOST_SHOWN = 50;

  constructor(classes) {
    this.classes = classes;
    this.lowered = classes.map((name) => name.toLowerCase());
    this.dialog = document.getElementById("class-search");
    this.heading = document.getElementById("class-search-title");
    this.input = document.getElementById("class-search-text");
    this.list = document.getElementById("class-search-list");
    this.count = document.getElementById("class-search-count");
    this.input.addEventListener("input", () => this.show());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.finish(Number(option.dataset.class));
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.finish(null); // outside of it
    });
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.finish(null);
    });
  }

  /** Resolves to the chosen class, or to null. */
  ask(heading) {
    this.heading.textContent = heading;
    this.input.value = "";
    this.show();
    this.dialog.showModal();
    this.input.focus();
    return new Promise((resolve) => (this.resolve = resolve));
  }

  /** Classes whose names hold `text`: the same one, then beginnings, first. */
  matches(text) {
    const wanted = text.trim().toLowerCase();
    const groups = [[], [], []];
    this.lowered.forEach((name, i) => {
      const place = name.indexOf(wanted);
      if (name === wanted) groups[0].push(i);
      else if (place >= 0) groups[place === 0 ? 1 : 2].push(i);
    });
    return groups.flat();
  }

  show() {
    const matches = this.matches(this.input.value);
    const options = matches.slice(0, ClassSearch.MOST_SHOWN).map((i) => {
      const option = document.createElement("li");
      option.id = `class-${i}`;
      option.role = "option";
      option.dir = "auto";
      option.dataset.class = i;
      option.textContent = this.classes[i];
      return option;
    });
    this.list.replaceChildren(...options);
    this.count.textContent =
      matches.length > options.length
        ? `The first ${options.length} of ${matches.length} classes.`
        : `${matches.length} ${matches.length === 1 ? "class" : "classes"}.`;
    this.choose(0);
  }

  choose(index) {
    const options = [...this.list.children];
    this.chosen = Math.max(0, Math.min(index, options.length - 1));
    options.forEach((option, i) => {
      option.ariaSelected = String(i === this.chosen);
    });
    const option = options[this.chosen];
    option?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option?.id ?? "");
  }

  onKey(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") this.choose(this.chosen + 1);
    else if (event.key === "ArrowUp") this.choose(this.chosen - 1);
    else if (event.key === "Enter") {
      const option = this.list.children[this.chosen];
      if (option) this.finish(Number(option.dataset.class));
    } else return;
    event.preventDefault();
  }

  finish(chosen) {
    this.dialog.close();
    this.resolve(chosen);
  }
}
