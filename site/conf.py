"""Sphinx settings of the course as a site, on which pictures move and questions answer without a kernel."""

from docutils import nodes
from latex2mathml.converter import convert

project, html_title = "batchlab", "batchlab: see what epochs and batch size do"
author = copyright = "batchlab contributors"
language = "en"
extensions = ["myst_nb"]
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]
html_theme = "sphinx_book_theme"
html_theme_options = {
    "show_navbar_depth": 1,
    "secondary_sidebar_items": [],  # a picture takes the room
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_css_files = ["live.css", "question.css", "site.css"]
html_js_files = ["batchlab.js"]
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"


def _mathml(display):
    def visit(self, node):
        self.body.append(convert(node.astext(), display=display))
        raise nodes.SkipNode

    return visit, None


def setup(app):
    """Formulas are written as MathML when the page is built: no script, no font from elsewhere."""
    app.add_html_math_renderer("mathml", inline_renderers=_mathml("inline"), block_renderers=_mathml("block"))
