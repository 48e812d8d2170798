FROM python:3.12-slim
ENV FASTMCP_TRANSPORT http
ENTRYPOINT ["uv", "run", "fastmcp"]
CMD ["run", "server.py", \
     "--transport", "http", "--port", "9001"]
