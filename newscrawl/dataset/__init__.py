"""The dataset: what people load, made of the parts.

``<output>/dataset`` leads to the latest build: Parquet, one folder a view, outlet and month.

- ``articles/outlet=…/month=…/articles.parquet``: the latest revision of every article.
- ``revisions/outlet=…/month=…/{latest,earlier}.parquet``: all of them. ``latest.parquet`` is the
  same file as the one of ``articles``; each revision is stored once.
- ``duplicates/duplicates.parquet``: the near-duplicates among the articles, once they were
  searched, and ``signatures.parquet``, which the next search goes on with.
- ``dataset.json``: the manifest, and ``README.md``: the card.

The month is that in which an article was first published, as its first revision says: however it
is revised, an article stays where it is.
"""
