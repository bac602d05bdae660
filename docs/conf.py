"""How Sphinx builds the site: sphinx-build -W docs build/site. Everything it needs lies in the site itself."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

project = "mlcli"
author = "the mlcli authors"
html_title = "mlcli"
extensions = ["myst_parser"]
exclude_patterns = ["generate"]
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3
# Links to files of the repository beside docs/ are for readers of the sources.
suppress_warnings = ["myst.xref_missing", "misc.highlighting_failure"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_extra_path = ["llms.txt"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c8a", "color-brand-content": "#0b5c8a"},
    "dark_css_variables": {"color-brand-primary": "#6cb8e6", "color-brand-content": "#6cb8e6"},
}


def setup(app: Sphinx) -> None:
    """Copy the pages' sources beside them, where llms.txt names them."""

    def copy_sources(app: Sphinx, error: Exception | None) -> None:
        for name in app.env.found_docs if error is None else ():
            shutil.copy(Path(app.srcdir, f"{name}.md"), Path(app.outdir, f"{name}.md"))

    app.connect("build-finished", copy_sources)
