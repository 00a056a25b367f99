"""Looking at the dataset: one SQLite file made of it, and Datasette with pages of ours before it.

The text comes from strangers. Our pages escape all of it, run no script, load no picture and
allow neither (Content-Security-Policy); addresses become links only when they are http or https.
"""
