"""newscrawl turns news sites into datasets that people can trust."""

__version__ = "0.1.0"
