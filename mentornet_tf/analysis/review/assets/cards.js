"use strict";

// Images up to this width are shown with their pixels.
const SMALL_IMAGE = 64;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** A text of the data, whose direction is its own. */
function dataText(text) {
  return element("bdi", { textContent: text });
}

/** The card of a row: its content, labels and buttons. */
function makeCard(rows, row) {
  const given = rows.classes[rows.given[row]];
  const suggested = rows.classes[rows.suggested[row]];
  const agrees = rows.given[row] === rows.suggested[row];
  const labels = element(
    "p",
    { className: "labels" },
    element("span", { className: "given" }, dataText(given)),
    element("small", { textContent: ` ${rows.givenPercent[row]} %` }),
  );
  if (!agrees)
    labels.append(
      element("span", { className: "arrow", textContent: " → " }),
      element("span", { className: "suggested" }, dataText(suggested)),
      element("small", { textContent: ` ${rows.suggestedPercent[row]} %` }),
    );
  const path = rows.path(row);
  const place = element(
    "p",
    { className: "place quiet" },
    `#${rows.rank(row)} · id ${rows.id(row)}`,
    ...(path ? [" · ", dataText(path)] : []),
  );
  const buttons = element(
    "div",
    { className: "buttons" },
    ...(agrees ? [] : [actionButton("suggested", suggested, "S")]),
    actionButton("keep", "Keep", "K"),
    actionButton("other", "Other…", "O"),
    actionButton("drop", "Drop", "D"),
  );
  const card = element(
    "article",
    { className: "card", tabIndex: -1 },
    element("figure", {}, shownContent(rows, row)),
    labels,
    place,
    element("p", { className: "decision" }),
    buttons,
  );
  return element("li", {}, card);
}

function actionButton(action, text, key) {
  const button = element(
    "button",
    { type: "button", tabIndex: -1 },
    dataText(text),
    element("kbd", { textContent: key, ariaHidden: "true" }),
  );
  button.dataset.action = action;
  if (action === "suggested") {
    button.ariaLabel = `Relabel: ${text}`;
    button.prepend(element("span", { textContent: "→" }));
  }
  return button;
}

function shownContent(rows, row) {
  const content = rows.content(row);
  if (content === null) {
    const text = rows.kind ? `No ${rows.kind} in this page` : "";
    return element("span", { className: "quiet", textContent: text });
  }
  if (rows.kind === "image") {
    const image = element("img", { alt: `Example ${rows.id(row)}` });
    image.addEventListener("load", () => {
      const isSmall = image.naturalWidth <= SMALL_IMAGE;
      image.classList.toggle("small", isSmall);
    });
    image.src = content;
    return image;
  }
  if (rows.kind === "text") {
    return element("blockquote", { dir: "auto", textContent: content });
  }
  const pairs = Object.entries(content).flatMap(([name, value]) => [
    element("dt", { dir: "auto", textContent: name }),
    element("dd", { dir: "auto", textContent: value }),
  ]);
  return element("dl", {}, ...pairs);
}

/** What was decided, in words; "" where nothing was. */
function decisionText(rows, code) {
  if (code >= RELABEL) return `Relabelled: ${rows.classes[code - RELABEL]}`;
  return ["", "Kept", "Dropped"][code];
}

/** Shows what was decided of a row on its card. */
function showDecision(card, rows, row, code) {
  const action = Decisions.action(code);
  card.dataset.decision = action;
  card.querySelector(".decision").textContent = decisionText(rows, code);
  const isSuggested = code === RELABEL + rows.suggested[row];
  const pressed = {
    keep: code === KEEP,
    suggested: isSuggested,
    other: action === "relabel" && !isSuggested,
    drop: code === DROP,
  };
  for (const button of card.querySelectorAll("button"))
    button.ariaPressed = String(pressed[button.dataset.action]);
  card.ariaLabel = [
    `Rank ${rows.rank(row)}, given ${rows.classes[rows.given[row]]}`,
    `suggested ${rows.classes[rows.suggested[row]]}`,
    decisionText(rows, code) || "undecided",
  ].join(", ");
}
