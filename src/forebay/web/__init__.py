"""Pages: what a run left, as one HTML file that needs nothing but a browser; see `page.page`."""
