"""What `fastmcp doctor` looks at: one idea a file, and `table` has them all in their order."""
