"""For other programs: the local HTTP API and an MCP server over stdio. A Request in, a Run out, nothing else.

    documents    what a client names as an image -> Source, within the folders that were allowed
    http         POST /v1/rerank, in the layout that Jina's, Cohere's and vLLM's clients speak
    mcp          tools for assistants: rank a folder, explain an image, tell what a run found

Nothing here asks another machine for anything. Needs the extra `[serve]`.
"""
