"""Give the crawls that are due to Scrapyd nodes: the most overdue first, spread in time.

One pass asks the nodes for their jobs and the ledger for what was given and what has run, gives
what is due to nodes with free places, and ends. A clock such as cron starts a pass every minute.
"""
