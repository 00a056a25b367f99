"""Downloader: how requests are sent, slowed down, refused and rendered."""
