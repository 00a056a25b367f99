"""Scrapy extensions: objects that live as long as a crawl."""
