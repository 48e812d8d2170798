FROM python:3.12-slim
ENV FASTMCP_TRANSPORT sse
ENTRYPOINT ["uv", "run", "fastmcp"]
CMD ["run", "server.py", \
     "--transport", "sse", "--port", "9001"]
