"""For scrapyd-deploy, which builds its egg by this file; everything is said in pyproject.toml."""

import atexit
import py_compile
import shutil
import sys
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.install_lib import install_lib


class InstallCompiled(install_lib):
    """Put compiled modules into an egg, as ``m.pyc`` beside ``m.py``, where Python looks for them.

    Without compiled modules, every crawl would compile every module again.
    """

    def byte_compile(self, files: list[str]) -> None:
        """Compile modules. Python need not check the sources: those in an egg do not change."""
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        for it in files:
            if it.endswith(".py"):
                name = str(Path(it).relative_to(self.install_dir))
                py_compile.compile(it, f"{it}c", name, doraise=True, invalidation_mode=mode)


options, commands = {}, {}
if {"clean", "bdist_egg"} & set(sys.argv):
    # What a build leaves behind has no place in the tree.
    folder = tempfile.mkdtemp(prefix="newscrawl-egg-")
    atexit.register(shutil.rmtree, folder)
    options = {"build": {"build_base": folder}}
    commands = {"install_lib": InstallCompiled}
    if not Path("newscrawl.egg-info").exists():
        atexit.register(shutil.rmtree, "newscrawl.egg-info", ignore_errors=True)

setup(options=options, cmdclass=commands)
