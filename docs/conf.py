"""Sphinx configuration: the pages are Markdown, read by MyST."""

from newscrawl import __version__

project = "newscrawl"
author = "The newscrawl maintainers"
release = __version__
extensions = ["myst_parser"]
# Links to a heading, such as page.md#a-heading, work down to this level.
myst_heading_anchors = 4
highlight_language = "none"

# Alabaster comes with Sphinx and loads nothing from other hosts.
html_theme = "alabaster"
html_theme_options = {
    "description": "Crawl news sites, keep every revision, build datasets.",
    "fixed_sidebar": True,
    "page_width": "72rem",
    "sidebar_width": "16rem",
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "code_font_size": "0.85em",
}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html", "relations.html"]}
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
