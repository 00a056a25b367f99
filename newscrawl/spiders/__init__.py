"""One file for each outlet, with all knowledge about it."""
