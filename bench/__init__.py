"""Benchmarks of newscrawl: ``python -m bench [NAME …]``."""
