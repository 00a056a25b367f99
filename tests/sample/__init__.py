"""The sample site: The Hill's addresses, layouts and quirks, with invented news.

Nothing here was written by The Hill. The news is that of Calderra, a country that does not exist.
"""
