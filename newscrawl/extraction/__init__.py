"""Extraction: from a page to a record. Knows nothing of a crawl."""
