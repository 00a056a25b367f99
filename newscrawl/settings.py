"""Scrapy settings: only what differs from Scrapy's defaults, each with its reason."""

import os

BOT_NAME = "newscrawl"
SPIDER_MODULES = ["newscrawl.spiders"]
NEWSPIDER_MODULE = "newscrawl.spiders"
COMMANDS_MODULE = "newscrawl.commands"

# Honest and polite. A site can tell who we are, how to reach us, and how to stop us.
USER_AGENT = os.environ.get(
    "NEWSCRAWL_USER_AGENT", "newscrawl/0.1 (+https://newscrawl.example/bot; bot@newscrawl.example)"
)
ROBOTSTXT_OBEY = True  # default False
CONCURRENT_REQUESTS_PER_DOMAIN = 1  # default 1 since 2.14's template, 8 without it
CONCURRENT_REQUESTS = 2  # default 16; more would only wait, and hold up Ctrl-C
DOWNLOAD_DELAY = 1  # default 0; seconds
AUTOTHROTTLE_ENABLED = True  # default False; slows down when the site does
METAREFRESH_ENABLED = False  # default True; a page that reloads itself is no redirect
COOKIES_ENABLED = False  # default True; a reader without an account has none

# What a listing shows first is asked for first; the newest, that is.
SCHEDULER_MEMORY_QUEUE = "scrapy.squeues.FifoMemoryQueue"  # default LIFO

# Bounds on what one answer may cost.
REDIRECT_MAX_TIMES = 5  # default 20
DOWNLOAD_MAXSIZE = 64 * 1024 * 1024  # default 1 GiB; the largest real page is under 1 MiB
DOWNLOAD_WARNSIZE = 16 * 1024 * 1024  # default 32 MiB
DOWNLOAD_TIMEOUT = 60  # default 180; seconds

# Servers that run Python inside the crawl have no place in production.
TELNETCONSOLE_ENABLED = False  # default True
REMOTE_CONTROL_ENABLED = False  # default True

LOG_LEVEL = os.environ.get(
    "NEWSCRAWL_LOG_LEVEL", "INFO"
)  # default DEBUG, which prints every record
LOG_FORMATTER = "newscrawl.extensions.logformatter.LogFormatter"  # one line for a dropped record

EXTENSIONS = {
    "newscrawl.extensions.stats.Measures": 50,
    "newscrawl.extensions.run.Run": 100,
    "newscrawl.extensions.progress.Progress": 200,
    "newscrawl.extensions.metrics.Metrics": 250,
    "newscrawl.extensions.report.Report": 260,
    "newscrawl.extensions.alerts.Alerts": 300,
    "newscrawl.extensions.push.Remote": 350,
    "newscrawl.extensions.jsonlog.JsonLog": 400,
}
SPIDER_MIDDLEWARES = {
    # Next to the spider: it sees every request that the spider yields, before the others do.
    "newscrawl.spidermiddlewares.BookkeepingMiddleware": 950,
}
# A browser for requests that ask for one; it is not started before.
DOWNLOAD_HANDLERS = {
    "http": "newscrawl.downloader.handlers.PoliteDownloadHandler",
    "https": "newscrawl.downloader.handlers.PoliteDownloadHandler",
}
PLAYWRIGHT_BROWSER_PROVIDER = "newscrawl.downloader.browser.BrowserProvider"
PLAYWRIGHT_PROCESS_REQUEST_HEADERS = None  # the browser's own, but for our user agent
DOWNLOADER_MIDDLEWARES = {
    # Scrapy's own lets subdomains pass; an outlet's are other sites.
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "newscrawl.downloadermiddlewares.ExactHostMiddleware": 50,
    # Scrapy's own, with better manners.
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "newscrawl.downloader.robots.RobotsMiddleware": 100,
    # Before a refusal is retried, and after its body is decompressed.
    "newscrawl.downloadermiddlewares.RefusalMiddleware": 580,
    # What is here already is no download that Scrapy's stats should count.
    "newscrawl.downloadermiddlewares.CarriedMiddleware": 840,
    # Farther from the network than retries: it sees what they gave up.
    "newscrawl.downloader.browser.PlainAnswerMiddleware": 540,
    # Next to the network: recordings hold what came over the wire.
    "newscrawl.downloader.recordings.RecordMiddleware": 950,
    "newscrawl.downloader.recordings.ReplayMiddleware": 960,
}
ITEM_PIPELINES = {
    "newscrawl.pipelines.ValidatePipeline": 100,
    "newscrawl.pipelines.WindowPipeline": 200,
    "newscrawl.pipelines.RevisePipeline": 300,
    "newscrawl.pipelines.PublishPipeline": 400,
}

# Our own.
# Where alerts are sent when a check finds something new: URLs of apprise, comma-separated.
NEWSCRAWL_ALERTS = os.environ.get("NEWSCRAWL_ALERTS", "")
# After so many refused pages in a row no more are asked for; a probe follows after so many hours,
# at first, and at most.
NEWSCRAWL_REFUSALS = 3
NEWSCRAWL_PROBE_HOURS = (6, 48)
# How long to wait after "too many requests" when the site does not say, doubled every time; and
# what it may say without ending the run. Seconds.
NEWSCRAWL_PAUSE_SECONDS = 10
NEWSCRAWL_LONGEST_PAUSE_SECONDS = 900
NEWSCRAWL_OUTPUT_DIR = os.environ.get("NEWSCRAWL_OUTPUT_DIR", "output")
NEWSCRAWL_RECORD = os.environ.get("NEWSCRAWL_RECORD", "")
# A folder for Prometheus' textfile collector, and a file for the log as JSON lines.
NEWSCRAWL_METRICS_DIR = os.environ.get("NEWSCRAWL_METRICS_DIR", "")
NEWSCRAWL_LOG_JSON = os.environ.get("NEWSCRAWL_LOG_JSON", "")
# "1": each run leaves its report.html.
NEWSCRAWL_REPORT = os.environ.get("NEWSCRAWL_REPORT", "")
# Where closed runs are brought when a run has closed: s3://bucket/prefix, or any URL of fsspec.
# A crawl waits so many seconds for that; what is left goes with the next push.
NEWSCRAWL_REMOTE = os.environ.get("NEWSCRAWL_REMOTE", "")
NEWSCRAWL_REMOTE_SECONDS = 600
NEWSCRAWL_REPLAY = os.environ.get("NEWSCRAWL_REPLAY", "")
# Which Chromium or Chrome; without it an installed one is found.
NEWSCRAWL_BROWSER = os.environ.get("NEWSCRAWL_BROWSER", "")
# Playwright's options of every browser context, such as {"locale": "en-GB"}.
NEWSCRAWL_BROWSER_CONTEXT: dict[str, object] = {}
# Another database than output/ledger.sqlite3, for several machines.
NEWSCRAWL_LEDGER_URL = os.environ.get("NEWSCRAWL_LEDGER_URL", "")
# A part ends, and readers see it, after so many records or minutes.
NEWSCRAWL_PART_RECORDS = 10_000
NEWSCRAWL_PART_MINUTES = 15
# Ages, in hours after publication, at which an article is looked at for changes.
NEWSCRAWL_REVISIT_HOURS = os.environ.get("NEWSCRAWL_REVISIT_HOURS", "1,6,24,72")
# Pauses, in hours, before each new try of an article that failed; then it is given up.
NEWSCRAWL_RETRY_HOURS = os.environ.get("NEWSCRAWL_RETRY_HOURS", "1,3,12,24,72")
