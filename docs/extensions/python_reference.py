"""What Sphinx does not know of the public names of this package."""

import inspect
import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

_PUBLIC = "mentornet_tf"


def _signature(
  app: Sphinx,
  kind: str,
  name: str,
  value: object,
  options: object,
  signature: str | None,
  result: str | None,
) -> tuple[str, str | None] | None:
  """That of the constructor, where `__new__` takes anything."""
  if not inspect.isclass(value) or "*args" not in (signature or ""):
    return None
  parameters = [*inspect.signature(value.__init__).parameters.values()][1:]
  own = inspect.Signature(parameters)
  return stringify_signature(own, unqualified_typehints=True), result


def _repair_links_of_source(
  app: Sphinx,
  page: str,
  template: str,
  context: dict[str, Any],
  doctree: object,
) -> None:
  """Lets source pages of `sphinx.ext.viewcode` lead back to the reference.

  viewcode takes all objects of a module to be documented under one name. Here
  the public ones are, as `mentornet_tf.NAME`, and others under their module's.
  """
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
  """Registers what is known here."""
  app.connect("autodoc-process-signature", _signature)
  app.connect("html-page-context", _repair_links_of_source)
  return {"parallel_read_safe": True, "parallel_write_safe": True}
