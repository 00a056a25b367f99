"""Base spiders: the code that all outlets share."""
