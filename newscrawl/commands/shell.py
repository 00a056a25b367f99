"""``newscrawl shell``: Scrapy's own command, which opens no run."""

from scrapy.commands.shell import Command as ScrapyCommand

from newscrawl.commands.debugging import DebuggingCommand


class Command(DebuggingCommand, ScrapyCommand):
    """Look at a response in an interactive shell."""

    arguments = "[options] [<url> or ./<file>]"
    summary = "Try selectors on a page, in an interactive shell"
    example = "shell ./page.html"
