"""Benchmarks of newscrawl that anyone can rerun: ``python -m bench [quality] [throughput]``."""
