"""The tables of the ledger, and the migrations of older ledgers."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

LEDGER_VERSION = 7

metadata = sa.MetaData()

articles = sa.Table(
    "articles",
    metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("url", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_attempt", sa.String),
    sa.Column("first_seen", sa.String, nullable=False),
    sa.Column("last_fetched", sa.String),
    sa.Column("date_modified", sa.String),
    sa.Column("content_hash", sa.String),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("etag", sa.String),
    sa.Column("last_modified", sa.String),
    sa.Column("date_published", sa.String),
    sa.Column("authors", sa.String),
    sa.Index("articles_due", "outlet", "next_attempt"),
    sqlite_with_rowid=False,
)

revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("date_modified", sa.String),
    sa.Column("date_fetched", sa.String, nullable=False),
    sa.Index("revisions_run", "outlet", "run"),
    sqlite_with_rowid=False,
)

# What a run saves about a listing (by its address) or a job (by its name) for later runs.
checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("asked", sa.String, nullable=False),
    sa.Column("etag", sa.String),
    sa.Column("last_modified", sa.String),
    sa.Column("due", sa.String),
    sa.Column("pause", sa.Float, nullable=False, server_default="0"),
    sa.Column("position", sa.String),
    sqlite_with_rowid=False,
)

# Which run found an article gone from its site, or back.
withdrawals = sa.Table(
    "withdrawals",
    metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("gone", sa.Boolean, nullable=False),
    sa.Column("date", sa.String, nullable=False),
    sa.Column("reason", sa.String),
    sqlite_with_rowid=False,
)

# Which article an address leads to, where the address does not name it.
addresses = sa.Table(
    "addresses",
    metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("id", sa.String, nullable=False),
    sa.Index("addresses_article", "outlet", "id"),
    sqlite_with_rowid=False,
)

# Which output folder the rows of an outlet speak of, and up to which run.
basis = sa.Table(
    "basis",
    metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("through", sa.String, nullable=False),
    sa.Column("output", sa.String),
    sa.Column("folder", sa.String),
    sqlite_with_rowid=False,
)

# Which ranges of archives' files were read for an outlet, and where the one after each begins.
ranges = sa.Table(
    "ranges",
    metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("file", sa.String, primary_key=True),
    sa.Column("state", sa.String, primary_key=True),
    sa.Column("how", sa.String, primary_key=True),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("next", sa.BigInteger),
    sa.Column("run", sa.String, nullable=False),
    sqlite_with_rowid=False,
)

# Who may change an outlet's rows, and who may ask a host; only in a ledger on a server.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("node_id", sa.String, nullable=False),
    sa.Column("outlet", sa.String, nullable=False),
    sa.Column("expires", sa.Double, nullable=False),
    sa.Index("leases_holder", "holder"),
    sqlite_with_rowid=False,
)

# The runs of all nodes, and how far each is published; see ``SharedRuns``.
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("node", sa.String, nullable=False),
    sa.Column("node_id", sa.String, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("began", sa.String, nullable=False),
    sa.Column("document", sa.String),
    sa.Index("runs_state", "outlet", "state"),
    sqlite_with_rowid=False,
)

version_table = sa.Table(
    "schema_version", metadata, sa.Column("version", sa.Integer, primary_key=True)
)

OF_OUTLET = (articles, revisions, checkpoints, withdrawals, addresses, basis, ranges, runs)
"""The tables whose rows are an outlet's."""

# Statements that upgrade a ledger of version n to n + 1, in order.
MIGRATIONS: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE articles ADD COLUMN date_published VARCHAR",
        "ALTER TABLE articles ADD COLUMN authors VARCHAR",
    ),
    2: (),  # a table more, which is created where it is missing
    3: (
        # The oldest ledgers lack it.
        "CREATE TABLE IF NOT EXISTS listings (outlet VARCHAR NOT NULL, name VARCHAR NOT NULL,"
        " asked VARCHAR NOT NULL, etag VARCHAR, last_modified VARCHAR, due VARCHAR,"
        " pause FLOAT DEFAULT '0' NOT NULL, position VARCHAR, PRIMARY KEY (outlet, name))",
        "ALTER TABLE listings RENAME TO checkpoints",
    ),
    4: (
        "CREATE TABLE IF NOT EXISTS basis (outlet VARCHAR NOT NULL PRIMARY KEY,"
        " through VARCHAR NOT NULL, output VARCHAR, folder VARCHAR)",
        "INSERT INTO basis (outlet, through)"
        " SELECT outlet, MAX(run) FROM revisions WHERE true GROUP BY outlet ON CONFLICT DO NOTHING",
    ),
    5: (),  # two tables more
    6: (),  # two tables more
}
