"""From HTTP+SSE to Streamable HTTP, in files: Python, command lines, configurations.

What is sure is rewritten, everything else is listed with its place. A client is rewritten only
where it is known that its server moves too: the server is in the same files, the endpoint is in
the table (`endpoints.json`), or the caller said so. Files are read and never run.

    knowledge     what all files together say of servers, ports and versions
    python*       Python, through libcst
    commands      command lines in Dockerfiles, unit files, scripts
    programs      what the words of one command mean
    structured    JSON, TOML and YAML: commands, environments and clients in them
    configs       one server in a client's configuration
    tree, *_tree  text with places: what is edited is a piece of the file, never the whole of it
    files, plan, report
"""
