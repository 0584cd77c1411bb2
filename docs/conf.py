"""How Sphinx builds the documentation site; see bin/docs."""

from mentornet_tf import __version__

project = "mentornet-tf"
author = "The mentornet-tf authors"
project_copyright = author
version = release = __version__

extensions = [
  "myst_parser",
  "sphinx.ext.autodoc",
  "sphinx.ext.napoleon",
  "sphinx.ext.viewcode",
  "sphinx_copybutton",
  "sphinx_design",
  "command_reference",
  "outside_documents",
  "python_reference",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["extensions"]
highlight_language = "text"  # of blocks that name none
default_role = "py:obj"  # in docstrings: code, linked where it is a name
nitpicky = True  # references that lead nowhere are warnings, which fail
nitpick_ignore_regex = [
  # Types of other packages, whose pages a build without a network cannot know.
  ("py:.*", r"(keras|np|numpy|tf|tensorflow|jax|os|pathlib)\..*"),
  ("py:class", r"(?!mentornet_tf).*"),
  ("py:obj", ".*"),  # code that is no name
]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4  # as code hosts make them

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False  # Keras' own are in Keras' documents
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 72
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

# Nothing comes from another server: no fonts, no scripts, no counters.
html_theme = "pydata_sphinx_theme"
html_title = "mentornet-tf"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_sphinx = False
# Pages without others below them.
_ALONE = ("index", "start", "concepts", "troubleshooting")
html_sidebars = {page: [] for page in _ALONE}
html_theme_options = {
  "logo": {"text": "mentornet-tf"},
  "navbar_align": "left",
  "header_links_before_dropdown": 8,
  "show_toc_level": 2,
  "navigation_with_keys": False,
  "show_prev_next": True,
  "back_to_top_button": False,
  "footer_start": ["copyright"],
  "footer_end": [],
  "pygments_light_style": "a11y-high-contrast-light",
  "pygments_dark_style": "a11y-high-contrast-dark",
}
