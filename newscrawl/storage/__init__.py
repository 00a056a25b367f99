"""Storage: parts, runs, books, ledger and WARC files. Knows nothing of a running crawl."""
