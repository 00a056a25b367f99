"""For scrapyd-deploy, which builds its egg by this file; everything is said in pyproject.toml."""

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

from setuptools import setup

options = {}
if {"clean", "bdist_egg"} & set(sys.argv):
    # What a build leaves behind has no place in the tree.
    folder = tempfile.mkdtemp(prefix="newscrawl-egg-")
    atexit.register(shutil.rmtree, folder)
    options = {"build": {"build_base": folder}}
    if not Path("newscrawl.egg-info").exists():
        atexit.register(shutil.rmtree, "newscrawl.egg-info", ignore_errors=True)

setup(options=options)
