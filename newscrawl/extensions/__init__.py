"""Scrapy extensions: what lives from spider_opened to spider_closed."""
