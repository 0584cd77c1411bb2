"""Parts of a self-contained HTML page: no links, pictures embedded."""

import base64
from collections.abc import Iterable
from html import escape

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #222; --quiet: #666;
  --rule: #ccc; --line: #e4e4e4; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181c; --ink: #e6e9ec; --quiet: #9aa4ae;
    --rule: #4a525b; --line: #363d45; }
  figure img { background: #fff; border-radius: 4px; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); margin: 2rem auto; max-width: 60rem;
  padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; margin: 2rem 0 .6rem; break-after: avoid; }
h2 { border-bottom: 1px solid var(--rule); padding-bottom: .2rem; }
table { border-collapse: collapse; margin: .6rem 0; font-size: .9rem;
  display: block; overflow-x: auto; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th { color: var(--quiet); font-weight: 600; }
img.thumbnail { height: 3rem; vertical-align: middle; }
img { max-width: 100%; height: auto; }
figure { margin: .8rem 0; break-inside: avoid; }
figcaption, .note { color: var(--quiet); font-size: .9rem; }
summary { cursor: pointer; }
@media print {
  table { display: table; overflow-wrap: break-word; }
  tr { break-inside: avoid; }
  figure img { max-height: 28rem; width: auto; }
}
"""


def page(
  title: str, parts: Iterable[str], *, style: str = _STYLE, head: str = ""
) -> str:
  """A page from its title (plain text) and its parts (HTML).

  Args:
    title: plain text.
    parts: HTML of the body.
    style: CSS of the whole page.
    head: further HTML of the head.
  """
  body = "\n".join(parts)
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
