"""Answer the request for a post that its listing contains."""

import json

from scrapy import Request
from scrapy.http import Response, TextResponse

from newscrawl.discovery.tasks import ArticleTask


class InlinePostMiddleware:
    """Downloader middleware: answers with the inline post of the task; nothing is sent."""

    def process_request(self, request: Request) -> Response | None:
        """Return the response, or None to send the request."""
        task = ArticleTask.of(request)
        if task is None or task.post is None:
            return None
        body = json.dumps(task.post).encode()
        headers = {"Content-Type": "application/json"}
        return TextResponse(request.url, 200, headers, body, flags=["inline"], request=request)
