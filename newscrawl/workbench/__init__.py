"""Workbench: survey a site, draft an outlet, try it on pages, save fixtures."""
