"""Sphinx's settings for the site. `make site` copies the pages beside this file, and builds from that copy."""

from pathlib import Path

import ziamath
from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

from tools import repo

project = "dlsfaces"
author = copyright = "dlsfaces contributors"
language = "en"
root_doc = "index"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
templates_path = ["templates"]
exclude_patterns = ["templates", "contents.md"]

# Every link must lead somewhere, but for types in signatures (torch's, numpy's, records that no room exports) and for
# what docstrings name without exporting it.
nitpicky = True
nitpick_ignore_regex = [
    ("py:class|py:obj", ".*"),
    ("py:func", "fit_camera|images|members|person_bootstrap|save_face_net|save_landmark_net|uniform"),
    ("py:data|py:mod", "LOSS_RECIPES|blocked"),
]

# Notebooks: the outputs that they hold; nothing is run.
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the set-up"  # no other cell is folded
nb_code_prompt_hide = "Hide the set-up"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_heading_slug_func = "tools.site.anchor"

# The API, from the docstrings.
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "signature"
add_module_names = False

html_theme = "sphinx_book_theme"
html_title = "dlsfaces"
html_static_path = ["static", str(Path(ziamath.__file__).parent / "fonts")]  # a font for formulas
html_css_files = ["site.css"]
html_copy_source = False
html_math_renderer = "mathml"
html_theme_options = {
    "repository_url": f"https://github.com/{repo.address()}",
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],  # the field for searching stands above the chapters
}


def mathml(display: str):
    """A visitor that writes a formula as MathML."""

    def visit(translator, node):
        tex = node.astext().replace(r"\arg", r"\operatorname{arg}")  # unknown to latex2mathml
        made = convert(tex, display=display)
        made = made.replace("<mo>&#x02016;", '<mo stretchy="false">&#x02016;')  # an exponent parts ‖ from ‖
        if ">\\" in made:
            logging.getLogger(__name__).warning("a command that latex2mathml does not know: %s", tex, location=node)
        translator.body.append(f'<div class="formula">{made}</div>' if display == "block" else made)
        raise nodes.SkipNode

    return visit


def setup(app):
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (mathml("inline"), None), (mathml("block"), None))
