"""A made-up copy of The Hill: its addresses, layouts and quirks, with invented news.

Nothing here was written by The Hill. The news is that of Calderra, a country that does not exist.
"""
