"""The browser: render pages that JavaScript fills, in Chromium.

``rendering.rendered`` turns a request into one for the browser. robots.txt, delays, retries and
books work as for any other request. Chromium starts with the first such request. Each request has
its own context without cookies, which is always closed.
"""
