"""Browse the dataset: one SQLite file made from it, and Datasette with our own pages.

The text is untrusted. Our pages escape all of it, run no script and load no picture
(Content-Security-Policy). Only http and https addresses become links.
"""
