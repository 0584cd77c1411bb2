"use strict";

const COLUMNS = ["rank", "id", "path", "given_label", "action", "label"];

/**
 * The decided rows as a CSV file (RFC 4180), in the order of the ranking.
 * "label" is the new class of a relabelled row, and empty for others.
 */
function writeCorrections(rows, decisions) {
  const lines = [COLUMNS.join(",")];
  decisions.codes.forEach((code, row) => {
    if (code === UNDECIDED) return;
    const cells = [
      String(rows.rank(row)),
      rows.id(row),
      guarded(rows.path(row)),
      guarded(rows.words[rows.given[row]]),
      Decisions.action(code),
      code >= RELABEL ? guarded(rows.words[code - RELABEL]) : "",
    ];
    lines.push(cells.map(quoted).join(","));
  });
  return lines.join("\r\n") + "\r\n";
}

/**
 * The decisions in the text of a corrections.csv.
 *
 * A line counts where the ranking has its id with the same given label, so that
 * one of an earlier ranking of the same data can be taken over.
 *
 * @returns {{changes: [number, number][], skipped: number}} rows with codes,
 *   and the number of lines that are not of this ranking.
 * @throws {Error} where the text is no such file; the message says what it is.
 */
function readCorrections(text, rows) {
  const [header = [], ...lines] = parseCsv(text.replace(/^\uFEFF/, ""));
  const missing = COLUMNS.filter((name) => !header.includes(name));
  if (missing.length)
    throw new Error(`it has no column ${missing.join(", ")}`);
  const rowOfId = new Map();
  for (let row = 0; row < rows.length; row++) rowOfId.set(rows.id(row), row);
  const classOfWord = new Map(rows.words.map((word, i) => [word, i]));

  function change(fields) {
    const cell = (name) => fields[header.indexOf(name)] ?? "";
    const row = rowOfId.get(cell("id"));
    const given = classOfWord.get(unguarded(cell("given_label")));
    if (row === undefined || rows.given[row] !== given) return null;
    const label = classOfWord.get(unguarded(cell("label")));
    const codes = { keep: KEEP, drop: DROP };
    if (label !== undefined) codes.relabel = RELABEL + label;
    const code = codes[cell("action")];
    return code === undefined ? null : [row, code];
  }

  const found = lines.map(change);
  const changes = found.filter(Boolean);
  return { changes, skipped: found.length - changes.length };
}

/** A cell of a CSV file. */
function quoted(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// As in mentornet_tf/internal/spreadsheet_cells.py: a spreadsheet would run a
// cell that begins with one of these as a formula.

function guarded(text) {
  return /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function unguarded(cell) {
  return /^'+[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell;
}

/** The cells of a CSV file, line by line; empty lines are left out. */
function parseCsv(text) {
  const lines = [];
  let cells = [];
  // A cell, quoted or not, and what follows it.
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\r|\n|$)/y;
  while (pattern.lastIndex < text.length || cells.length) {
    const match = pattern.exec(text);
    if (!match) throw new Error(`its line ${lines.length + 1} is damaged`);
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2]);
    if (match[3] === ",") continue;
    if (cells.length > 1 || cells[0]) lines.push(cells);
    cells = [];
  }
  return lines;
}
