"""The skillscoop command: run everything in one process, walk the story, hold the operator's tools."""
