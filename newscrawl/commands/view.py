"""``newscrawl view``: Scrapy's own command, which opens no run."""

from scrapy.commands.view import Command as ScrapyCommand

from newscrawl.commands.debugging import DebuggingCommand


class Command(DebuggingCommand, ScrapyCommand):
    """Show a page in a browser, as the crawler gets it."""

    summary = "Open a page in a web browser as the crawler gets it"
    example = "view https://thehill.com/news/"
