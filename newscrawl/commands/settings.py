"""``newscrawl settings``: list newscrawl's settings, or show Scrapy's with its own options."""

import argparse

from scrapy.commands.settings import Command as SettingsCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import OutputCommand
from newscrawl.settings import table, unknown


class Command(OutputCommand, SettingsCommand):
    """Scrapy's own command. Without an option it lists our settings."""

    arguments = "[<setting>] | [--get SETTING]"
    summary = "List newscrawl's settings with their values and meaning"
    example = "settings NEWSCRAWL_RETRY_HOURS"

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print our settings, or the value that one of Scrapy's options names."""
        assert self.settings is not None
        if any((opts.get, opts.getbool, opts.getint, opts.getfloat, opts.getlist)):
            SettingsCommand.run(self, args, opts)
            return
        names = [it.name for it in table]
        for name in args:
            if name not in names:
                raise UsageError(str(unknown(name)), print_help=False)
        for it in table:
            if not args or it.name in args:
                value = self.settings[it.name]
                print(f"{it.name}={'(secret)' if value and it.is_secret else value}")  # noqa: T201
                print(f"    {it.meaning} Value: {it.kind.allowed}.")  # noqa: T201
                print(f"    Default: {it.default or 'none'}. Example: {it.example}")  # noqa: T201
