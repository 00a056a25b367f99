"""Storage: parts, runs, books, ledger and WARC files. Independent of a running crawl."""
