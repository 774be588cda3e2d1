"""How Sphinx builds the site: ``make docs`` runs it, with warnings as errors.

What lives here: settings. What the site draws or reads from the code is in ``extensions/``.
"""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]

project = "rxphoenix"
author = "rxphoenix contributors"
copyright = author
version = release = installed_version("rxphoenix")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "docstrings",
    "figures",
    "lifecycles",
    "options",
    "local_links",
]
exclude_patterns = ["extensions", "static", "figures/README.md"]
nitpicky = False

# Pages are Markdown; a notebook runs from top to bottom, and one that raises fails the build.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
maximum_signature_line_length = 90
napoleon_numpy_docstring = False
napoleon_use_rtype = False
add_module_names = False

html_theme = "furo"
html_title = "rxphoenix"
html_static_path = ["static"]
html_css_files = ["site.css", "marbles.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"
# Nothing is fetched from elsewhere by who reads the site, and nothing on it refers to a machine.
html_baseurl = ""
