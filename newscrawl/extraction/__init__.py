"""Extraction: from a page to a record, without a crawl."""
