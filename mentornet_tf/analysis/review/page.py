"""The review page as one HTML file, which loads nothing from elsewhere."""

import base64
import gzip
import json
from collections.abc import Sequence
from html import escape
from importlib import resources

from mentornet_tf.analysis import html_parts
from mentornet_tf.analysis.review.contents import Content
from mentornet_tf.analysis.review.rows import ReviewRows
from mentornet_tf.errors import UserError

_STYLES = ("page.css", "cards.css")
# In the order in which they use each other.
_SCRIPTS = (
  "rows.js",
  "decisions.js",
  "corrections.js",
  "class_search.js",
  "cards.js",
  "filters.js",
  "review.js",
)
# More would take several times as long for a few percent.
_COMPRESSION = 6
# Browsers then refuse every request, whatever the content holds.
_NOTHING_FROM_ELSEWHERE = (
  '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
  "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
)


def review_html(
  rows: ReviewRows, contents: Sequence[Content | None], title: str
) -> bytes:
  """The page, UTF-8.

  Args:
    rows: the ranking.
    contents: what is shown of the first rows, all of one kind; None for a row
      of which there is nothing to show.
    title: plain text.

  Raises:
    UserError: the contents are of several kinds.
  """
  kinds = {each.kind for each in contents if each is not None}
  if len(kinds) > 1:
    raise UserError(
      f"content: expected one kind, got {' and '.join(sorted(kinds))}; write a "
      "page for each"
    )
  kind = kinds.pop() if kinds else ""
  values = [None if each is None else each.value for each in contents]
  columns = {
    "title": title,
    "digest": rows.digest,
    "kind": kind,
    **rows.columns,
  }
  if kind != "image":
    columns["contents"] = values
  text = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
  try:
    compressed = gzip.compress(text.encode(), _COMPRESSION, mtime=0)
  except UnicodeEncodeError as error:
    raise UserError(
      "paths, class_names, content: expected texts that UTF-8 can hold, got "
      f"{error.object[error.start : error.end]!r}; rename the file or class"
    ) from error
  parts = [
    _asset("body.html").replace("{title}", escape(title)),
    _data("rows", base64.b64encode(compressed).decode("ascii")),
    # Compressed already. Data URLs need no escape in JSON.
    _data("images", json.dumps(values if kind == "image" else [])),
    *(f"<script>\n{_asset(name)}</script>" for name in _SCRIPTS),
  ]
  style = "\n".join(map(_asset, _STYLES))
  return html_parts.page(
    title, parts, style=style, head=_NOTHING_FROM_ELSEWHERE
  ).encode()


def _data(name: str, text: str) -> str:
  return f'<script type="application/octet-stream" id="{name}">{text}</script>'


def _asset(name: str) -> str:
  folder = resources.files(__package__) / "assets"
  return (folder / name).read_text(encoding="utf-8")
