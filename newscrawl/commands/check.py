"""``newscrawl check``: Scrapy's own command, which opens no run."""

from scrapy.commands.check import Command as ScrapyCommand

from newscrawl.commands.debugging import DebuggingCommand


class Command(DebuggingCommand, ScrapyCommand):
    """Check the contracts of spiders."""
