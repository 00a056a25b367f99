"""``newscrawl list``: list the outlets; Scrapy's own command with an example."""

from scrapy.commands.list import Command as ListCommand

from newscrawl.commands.base import ProjectCommand


class Command(ProjectCommand, ListCommand):
    """Lists the spiders, one a line."""

    summary = "List the outlets"
    example = "list"
