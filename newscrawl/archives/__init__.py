"""Articles from WARC files that others recorded: nothing is requested from the sites.

``reading`` reads a range of a file; it depends on the file only and may run in any process.
``plan`` divides the files into ranges, ``engine`` and ``cluster`` have them read, and
``publisher`` publishes the results in the order of the files. ``archives`` puts them together.
"""
