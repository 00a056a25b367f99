"""Base spiders: what the outlets' spiders are made of."""
