"""``newscrawl fetch``: Scrapy's own command, which opens no run."""

from scrapy.commands.fetch import Command as ScrapyCommand

from newscrawl.commands.debugging import DebuggingCommand


class Command(DebuggingCommand, ScrapyCommand):
    """Request an address as the crawler does, and print the response."""

    summary = "Fetch a page as the crawler does, and print the page"
    example = "fetch https://thehill.com/robots.txt"
