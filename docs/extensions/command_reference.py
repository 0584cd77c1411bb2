"""Sphinx directive that describes commands from their flags.

  ```{commands} train evaluate
  ```

stands for a section per command: what its help says, with a Sphinx `option` per
flag, which links and the search of the site find.
"""

from command_pages import command_section
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mentornet_tf.commands.main import COMMANDS


class Commands(SphinxDirective):
  """A section per command that its arguments name."""

  required_arguments = 1
  optional_arguments = len(COMMANDS)
  has_content = False

  def run(self) -> list[nodes.Node]:
    text = "\n\n".join(command_section(name) for name in self.arguments)
    return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers the directive."""
  app.add_directive("commands", Commands)
  return {"parallel_read_safe": False, "parallel_write_safe": True}
