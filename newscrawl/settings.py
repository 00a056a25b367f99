"""The settings: where Scrapy's differ from its defaults, each with its reason; then our own."""

import os
from typing import Any

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings, default_settings

from newscrawl.exceptions import ArgumentError
from newscrawl.extensions import options
from newscrawl.extensions.options import Option

BOT_NAME = "newscrawl"
SPIDER_MODULES = ["newscrawl.spiders"]
NEWSPIDER_MODULE = "newscrawl.spiders"
SPIDER_LOADER_CLASS = "newscrawl.base_spiders.spider_loader.OutletLoader"  # rows are spiders, too
COMMANDS_MODULE = "newscrawl.commands"

# Honest and polite: the user agent names the crawler and its contact, and robots.txt is obeyed.
# USER_AGENT is NEWSCRAWL_USER_AGENT, below.
ROBOTSTXT_OBEY = True  # default False
CONCURRENT_REQUESTS_PER_DOMAIN = 1  # default 1 since 2.14's template, 8 without it
CONCURRENT_REQUESTS = 2  # default 16; more would only wait, and hold up Ctrl-C
CONCURRENT_ITEMS = 4  # default 100; Scrapy starts as many tasks for every response
DOWNLOAD_DELAY = 1  # default 0; seconds
AUTOTHROTTLE_ENABLED = True  # default False; slows down when the site does
METAREFRESH_ENABLED = False  # default True; a page that reloads itself is no redirect
COOKIES_ENABLED = False  # default True; a reader without an account has none

# First in, first out: listings show the newest articles first, so request them in that order.
SCHEDULER_MEMORY_QUEUE = "scrapy.squeues.FifoMemoryQueue"  # default LIFO

# Limits of one response.
REDIRECT_MAX_TIMES = 5  # default 20
DOWNLOAD_MAXSIZE = 64 * 1024 * 1024  # default 1 GiB; the largest real page is under 1 MiB
DOWNLOAD_WARNSIZE = 16 * 1024 * 1024  # default 32 MiB
DOWNLOAD_TIMEOUT = 60  # default 180; seconds

# Servers that run Python inside the crawl have no place in production.
TELNETCONSOLE_ENABLED = False  # default True
REMOTE_CONTROL_ENABLED = False  # default True

LOG_FORMATTER = "newscrawl.extensions.logformatter.LogFormatter"  # one line for a dropped record
STATS_DUMP = False  # default True, at INFO; ours is at DEBUG, and run.json holds them
RETRY_GIVE_UP_LOG_LEVEL = "DEBUG"  # default ERROR; failures are logged where they are counted

# Disabled here: an extension that is None in EXTENSIONS would still be imported.
EXTENSIONS_BASE = {
    **default_settings.EXTENSIONS_BASE,
    "scrapy.extensions.remote_control.RemoteControl": None,
}
EXTENSIONS = {
    # Before Scrapy's, at 0: the feed exporter (-o) reads every attribute of the spider, also
    # those that need an open run.
    "newscrawl.extensions.run.Run": -100,
    # Imports Scrapy's remote control only if it is enabled.
    "newscrawl.extensions.remote_control.RemoteControl": 0,
    "newscrawl.extensions.stats.RecordStats": 50,
    "newscrawl.extensions.clock.SiteClock": 60,
    # After Scrapy's stats are final, and before all that reads run.json.
    "newscrawl.extensions.run.RunClosing": 100,
    "newscrawl.extensions.outcomes.Outcomes": 110,
    "newscrawl.extensions.repeats.Repeats": 150,
    "newscrawl.extensions.progress.Progress": 200,
    "newscrawl.extensions.report.Report": 260,
    "newscrawl.extensions.alerts.Alerts": 300,
    # After the checks, whose findings it writes.
    "newscrawl.extensions.metrics.Metrics": 310,
    "newscrawl.extensions.push.Remote": 350,
    "newscrawl.extensions.jsonlog.JsonLog": 400,
}
SPIDER_MIDDLEWARES = {
    # Next to the spider: it sees every request that the spider yields, before the others do.
    "newscrawl.spidermiddlewares.AdmissionMiddleware": 950,
}
# With a browser for requests of ``rendered``; it starts with the first of them.
DOWNLOAD_HANDLERS = {
    "http": "newscrawl.downloader.handlers.PoliteDownloadHandler",
    "https": "newscrawl.downloader.handlers.PoliteDownloadHandler",
}
PLAYWRIGHT_BROWSER_PROVIDER = "newscrawl.downloader.browser.handler.BrowserProvider"
PLAYWRIGHT_PROCESS_REQUEST_HEADERS = None  # the browser's own, but for our user agent
DOWNLOADER_MIDDLEWARES = {
    # Scrapy's own lets subdomains pass; an outlet's are other sites.
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "newscrawl.downloader.hosts.ExactHostMiddleware": 50,
    # Scrapy's own, with RFC 9309's error handling and Crawl-delay.
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "newscrawl.downloader.robots.RobotsMiddleware": 100,
    # Before a refusal is retried, and after its body is decompressed.
    "newscrawl.downloader.circuit_breaker.RefusalMiddleware": 580,
    # Before DownloaderStats (850) counts a request: an inline post is not sent.
    "newscrawl.downloader.inline_posts.InlinePostMiddleware": 840,
    # Farther from the network than retries: it gets the failures after the last retry.
    "newscrawl.downloader.browser.middleware.PlainAnswerMiddleware": 540,
    # Next to the network: recordings contain responses as they were received.
    "newscrawl.downloader.recordings.RecordMiddleware": 950,
    "newscrawl.downloader.recordings.ReplayMiddleware": 960,
}
ITEM_PIPELINES = {
    "newscrawl.pipelines.ValidatePipeline": 100,
    "newscrawl.pipelines.WindowPipeline": 200,
    # Only on for ``reread``.
    "newscrawl.pipelines.RereadPipeline": 250,
    "newscrawl.pipelines.RevisePipeline": 300,
    "newscrawl.pipelines.DoublesPipeline": 350,
    "newscrawl.pipelines.PublishPipeline": 400,
}

placeholder = "newscrawl/0.1 (+https://newscrawl.example/bot; bot@newscrawl.example)"
"""The user agent until the operator sets one with a contact."""

levels = options.choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# Our own. Each is read from the environment variable of its name, and may be given with -s.
table = (
    Option(
        "NEWSCRAWL_OUTPUT_DIR",
        "output",
        options.FOLDER,
        "Folder for runs, ledger and dataset. A relative path starts at the working directory.",
        "NEWSCRAWL_OUTPUT_DIR=/var/lib/newscrawl newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_OUTLETS",
        "",
        options.FILE,
        "TOML file with your own outlets, one a table. Without it, `outlets.toml` beside the output"
        " folder is read if it is there.",
        "NEWSCRAWL_OUTLETS=/etc/newscrawl/outlets.toml newscrawl list",
    ),
    Option(
        "NEWSCRAWL_USER_AGENT",
        placeholder,
        options.SOME,
        "Name of the crawler in every request, with an address to reach its operator. Set your own"
        " before you crawl a site that is not yours.",
        "NEWSCRAWL_USER_AGENT='examplebot/1.0 (+https://example.net/bot)' newscrawl crawl hill",
        scrapy="USER_AGENT",
    ),
    Option(
        "NEWSCRAWL_LOG_LEVEL",
        "INFO",  # Scrapy's default, DEBUG, prints every record
        levels,
        "Least important level of the messages that are logged.",
        "NEWSCRAWL_LOG_LEVEL=WARNING newscrawl crawl hill",
        scrapy="LOG_LEVEL",
    ),
    Option(
        "NEWSCRAWL_LEDGER_URL",
        "",
        options.ANY,
        "SQLAlchemy URL of the ledger. Without it the ledger is a SQLite file in the output folder."
        " PostgreSQL needs the extra `postgresql`; for several machines see `NEWSCRAWL_NODE`.",
        "NEWSCRAWL_LEDGER_URL=postgresql://crawler@db.example.net/news newscrawl crawl hill",
        is_secret=True,
    ),
    Option(
        "NEWSCRAWL_REVISIT_HOURS",
        "1,6,24,72",
        options.HOURS,
        "Ages, in hours after publication, at which an article is checked again: by its page,"
        " or, if there is REST and not discover=links, by asking REST whether it still has it.",
        "NEWSCRAWL_REVISIT_HOURS=6,48 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_RETRY_HOURS",
        "1,3,12,24,72",
        options.HOURS,
        "Waiting times, in hours, before an article that failed or was rejected is requested again."
        " After the last one it is abandoned.",
        "NEWSCRAWL_RETRY_HOURS=1,6 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_STRICT",
        "0",
        options.SWITCH,
        "1: a crawl in which articles failed or were rejected does not exit with 0.",
        "newscrawl crawl hill --strict",
    ),
    Option(
        "NEWSCRAWL_PART_RECORDS",
        "10000",
        options.WHOLE,
        "Records after which a part ends and its readers see it.",
        "NEWSCRAWL_PART_RECORDS=500 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_PART_MINUTES",
        "15",
        options.NUMBER,
        "Minutes after which a part ends and its readers see it.",
        "NEWSCRAWL_PART_MINUTES=5 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_REJECTED_MB",
        "50",
        options.AMOUNT,
        "Size, in megabytes, of the responses that a run keeps for `newscrawl reread`: those that"
        " gave no record, or that only the fallback read. 0: none is kept.",
        "NEWSCRAWL_REJECTED_MB=200 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_REFUSALS",
        "3",
        options.WHOLE,
        "Refused pages in a row after which the crawl requests no more pages. It uses REST, if the"
        " outlet has it.",
        "NEWSCRAWL_REFUSALS=5 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_PROBE_HOURS",
        "6,24",
        options.PAIR,
        "Hours until one page is requested again after refusals: at first, and at most.",
        "NEWSCRAWL_PROBE_HOURS=1,24 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_PAUSE_SECONDS",
        "10",
        options.NUMBER,
        'Seconds without requests after "too many requests" without Retry-After; each further'
        " pause is twice as long.",
        "NEWSCRAWL_PAUSE_SECONDS=60 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_LONGEST_PAUSE_SECONDS",
        "900",
        options.NUMBER,
        "Longest pause, in seconds, that a run waits for. A longer Retry-After or Crawl-delay ends"
        " the run, and later runs do not start until it is over; for a Crawl-delay, after a day at"
        " most.",
        "NEWSCRAWL_LONGEST_PAUSE_SECONDS=3600 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_BROWSER",
        "",
        options.PATH,
        "Path or name of the Chromium or Chrome for pages that need JavaScript. Without it an"
        " installed one is found.",
        "NEWSCRAWL_BROWSER=/usr/bin/chromium newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_BROWSER_CONTEXT",
        "{}",
        options.OBJECT,
        "Playwright's options of every browser context.",
        'newscrawl crawl hill -s \'NEWSCRAWL_BROWSER_CONTEXT={"locale": "en-GB"}\'',
    ),
    Option(
        "NEWSCRAWL_RECORD",
        "",
        options.PATH,
        "Folder in which every response is kept as WARC.",
        "NEWSCRAWL_RECORD=warc newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_REPLAY",
        "",
        options.PATH,
        "WARC file that answers every request; the network is not used.",
        "NEWSCRAWL_REPLAY=warc/hill.warc.gz newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_ARCHIVE_RANGE",
        "16777216",
        options.WHOLE,
        "Bytes of a file of an archive that one process reads at a time. A range that was read with"
        " another size is read again.",
        "NEWSCRAWL_ARCHIVE_RANGE=67108864 newscrawl archive hill CC-NEWS-2026*.warc.gz",
    ),
    Option(
        "NEWSCRAWL_ALERTS",
        "",
        options.ANY,
        "URLs of apprise to which new findings of the checks are sent, comma-separated. They need"
        " the extra `alerts`.",
        "NEWSCRAWL_ALERTS=mailto://desk.example?to=ada@desk.example newscrawl crawl hill",
        is_secret=True,
    ),
    Option(
        "NEWSCRAWL_METRICS_DIR",
        "",
        options.PATH,
        "Folder of Prometheus' textfile collector, for the metrics of each run.",
        "NEWSCRAWL_METRICS_DIR=/var/lib/node_exporter newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_LOG_JSON",
        "",
        options.PATH,
        "File to which every log line is appended as a JSON object, too.",
        "NEWSCRAWL_LOG_JSON=crawl.jsonl newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_REPORT",
        "0",
        options.SWITCH,
        "1: each run leaves report.html beside its run.json. Needs the extra `report`.",
        "NEWSCRAWL_REPORT=1 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_REMOTE",
        "",
        options.REMOTE,
        "URL of fsspec to which closed runs are pushed after every run. Needs the extra `remote`.",
        "NEWSCRAWL_REMOTE=s3://bucket/news newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_NODE",
        "",
        options.ANY,
        "Name of this machine among several that share a ledger in PostgreSQL and the storage"
        " `NEWSCRAWL_REMOTE`. Runs are then published there.",
        "NEWSCRAWL_NODE=node-a newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_LEASE_SECONDS",
        "300",
        options.NUMBER,
        "Seconds after which another node takes over from one that died, with a ledger in"
        " PostgreSQL.",
        "NEWSCRAWL_LEASE_SECONDS=120 newscrawl crawl hill",
    ),
    Option(
        "NEWSCRAWL_REMOTE_SECONDS",
        "600",
        options.NUMBER,
        "Seconds that a crawl waits for its push; the next push sends the rest.",
        "NEWSCRAWL_REMOTE_SECONDS=60 newscrawl crawl hill",
    ),
)
# An empty environment variable means the default, except for hours, where it means none.
globals().update(
    {
        it.name: os.environ.get(it.name, it.default)
        if it.kind is options.HOURS
        else os.environ.get(it.name) or it.default
        for it in table
    }
)
globals().update({it.scrapy: globals()[it.name] for it in table if it.scrapy})


def read(settings: BaseSettings, name: str) -> Any:
    """Return the typed value of a newscrawl setting. Raises ArgumentError, one sentence."""
    (option,) = (it for it in table if it.name == name)
    return option.read(settings.get(name, option.default))


def unknown(name: str) -> ArgumentError:
    """Return the error for a name that is not a newscrawl setting."""
    return options.unknown("setting", name, [it.name for it in table], "NEWSCRAWL_")


# Defaults of Scrapy's that are whole numbers, read as any number.
_floats = ("DOWNLOAD_DELAY", "DOWNLOAD_TIMEOUT", "DNS_TIMEOUT")


def check(settings: BaseSettings) -> None:
    """Raise ArgumentError, one sentence, for a setting that is wrong or unknown.

    Ours are checked wherever they were set, in the environment too; Scrapy's where -s set them.
    """
    names = [it.name for it in table]
    for name in (*settings, *os.environ):
        if name.startswith("NEWSCRAWL_") and name not in names:
            raise unknown(name)
    for name in names:
        read(settings, name)
    is_server = str(settings["NEWSCRAWL_LEDGER_URL"]).startswith("postgresql")
    if settings["NEWSCRAWL_NODE"] and not (is_server and settings["NEWSCRAWL_REMOTE"]):
        raise ArgumentError(
            "NEWSCRAWL_NODE needs a ledger and a storage that all nodes share:"
            " NEWSCRAWL_LEDGER_URL=postgresql://… and NEWSCRAWL_REMOTE=s3://…, for example."
        )
    for name in settings:
        if settings.getpriority(name) == SETTINGS_PRIORITIES["cmdline"]:
            _check_scrapys(settings, name)


def _check_scrapys(settings: BaseSettings, name: str) -> None:
    """Raise ArgumentError for a value with which Scrapy would end in a traceback."""
    default = getattr(default_settings, name, None)
    try:
        if isinstance(default, bool) or name == "TELNETCONSOLE_ENABLED":
            allowed = "True or False"
            settings.getbool(name)
        elif isinstance(default, float) or name in _floats:
            allowed = "a number"
            settings.getfloat(name)
        elif isinstance(default, int):
            allowed = "a whole number"
            settings.getint(name)
        elif name == "LOG_LEVEL":
            allowed = levels.allowed
            levels.read(settings[name])
    except (TypeError, ValueError):
        raise options.wrong(name, str(settings[name]), allowed) from None
