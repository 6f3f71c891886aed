"""Sphinx: Markdown by MyST, the looks of Furo; a reference that does not resolve fails the build."""

from forebay.version import __version__

project = "forebay"
author = "The forebay authors"
copyright = f"2026, {author}"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "forebay"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

smartquotes_action = "qe"  # quotes and dots, but no dashes: they would make one of the two in --flags

default_role = "code"  # docstrings are read in editors: `name` is code there
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_custom_sections = [("Arguments", "params_style")]
nitpick_ignore_regex = [("py:.*", ".*")]  # types of libraries and of inner modules have no page here
