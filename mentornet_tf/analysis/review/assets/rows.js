"use strict";

/**
 * The labels to review, most suspect first. Rows are numbered from 0; classes
 * are positions in `classes`. The columns lie in this page as compressed JSON.
 */
class Rows {
  constructor(columns, images) {
    this.title = columns.title;
    this.digest = columns.digest;
    this.classes = columns.classes;
    this.words = columns.words ?? columns.classes; // for corrections
    this.given = Int32Array.from(columns.given);
    this.suggested = Int32Array.from(columns.suggested);
    this.givenPercent = Uint8Array.from(columns.givenPercent);
    this.suggestedPercent = Uint8Array.from(columns.suggestedPercent);
    this.hasPaths = "files" in columns;
    this.kind = columns.kind;
    this.columns = columns;
    this.contents = columns.kind === "image" ? images : columns.contents;
  }

  static async read() {
    const packed = Rows.take("rows");
    const binary = atob(packed);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    const stream = new Blob([bytes])
      .stream()
      .pipeThrough(new DecompressionStream("gzip"));
    const columns = await new Response(stream).json();
    return new Rows(columns, JSON.parse(Rows.take("images")));
  }

  /** The text of a data element, which is removed to free its memory. */
  static take(id) {
    const element = document.getElementById(id);
    element.remove();
    return element.textContent;
  }

  get length() {
    return this.given.length;
  }

  id(row) {
    return String(this.columns.ids[row]);
  }

  rank(row) {
    return this.columns.ranks ? this.columns.ranks[row] : row + 1;
  }

  /** The path of the example's file, "" where it is not known. */
  path(row) {
    if (!this.hasPaths) return "";
    const { folders, folder, files } = this.columns;
    return folders[folder[row]] + files[row];
  }

  /** A data URL, a text or values by name; null where nothing is shown. */
  content(row) {
    return this.contents[row] ?? null;
  }
}
