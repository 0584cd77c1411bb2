"""Links from the source pages of `sphinx.ext.viewcode` back to the reference.

viewcode takes all objects of a module to be documented under one name. Here the
public ones are, as `mentornet_tf.NAME`, and others under their module's; its
links to these would lead nowhere.
"""

import re
from typing import Any

from sphinx.application import Sphinx

_PUBLIC = "mentornet_tf"


def _repair(
  app: Sphinx,
  page: str,
  template: str,
  context: dict[str, Any],
  doctree: object,
) -> None:
  if not page.startswith(f"_modules/{_PUBLIC}/"):
    return
  module = page.removeprefix("_modules/").replace("/", ".")
  known = app.env.domains.python_domain.objects

  def anchor(match: re.Match) -> str:
    name = match[1]
    return match[0] if f"{_PUBLIC}.{name}" in known else f"#{module}.{name}"

  context["body"] = re.sub(
    rf"#{_PUBLIC}\.(\w+(?:\.\w+)?)(?=\")", anchor, context["body"]
  )


def setup(app: Sphinx) -> dict[str, bool]:
  """Repairs the pages before they are written."""
  app.connect("html-page-context", _repair)
  return {"parallel_read_safe": True, "parallel_write_safe": True}
