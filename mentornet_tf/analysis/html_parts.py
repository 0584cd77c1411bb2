"""Parts of a self-contained HTML page: no links, pictures embedded."""

import base64
from collections.abc import Iterable
from html import escape
from importlib import resources


def page(
  title: str, parts: Iterable[str], *, style: str | None = None, head: str = ""
) -> str:
  """A page from its title (plain text) and its parts (HTML).

  Args:
    title: plain text.
    parts: HTML of the body.
    style: CSS of the whole page; None takes that of reports.
    head: further HTML of the head.
  """
  body = "\n".join(parts)
  if style is None:
    sheet = resources.files(__package__) / "report.css"
    style = sheet.read_text("utf-8")
  return (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width">\n'
    f"{head}<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
    f"<body>\n{body}\n</body>\n</html>\n"
  )


class Html(str):
  """A cell that is HTML already."""


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
  """A table of plain text, or of `Html`."""
  head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
  lines = [
    "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>"
    for row in rows
  ]
  body = "\n".join(lines)
  return (
    f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
    "</table>"
  )


def _cell(text: str) -> str:
  return text if isinstance(text, Html) else escape(text)


def thumbnail(png: bytes, title: str) -> Html:
  """A small PNG picture for a table, with a plain text that describes it."""
  encoded = base64.b64encode(png).decode("ascii")
  return Html(
    f'<img class="thumbnail" alt="{escape(title)}" '
    f'src="data:image/png;base64,{encoded}">'
  )


def picture(png: bytes, caption: str) -> str:
  """A PNG picture above its caption (plain text)."""
  encoded = base64.b64encode(png).decode("ascii")
  caption = escape(caption)
  return (
    f'<figure><img alt="{caption}" src="data:image/png;base64,{encoded}">'
    f"<figcaption>{caption}</figcaption></figure>"
  )
