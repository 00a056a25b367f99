"""``newscrawl view``: Scrapy's own command, which opens no run."""

from scrapy.commands.view import Command as ScrapyCommand

from newscrawl.commands.debugging import DebuggingCommand


class Command(DebuggingCommand, ScrapyCommand):
    """Open the page that the crawler receives in a web browser."""

    summary = "Open a page in a web browser as the crawler receives it"
    example = "view https://thehill.com/news/"
