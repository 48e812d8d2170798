"""What calls, clients, starts and sessions cost here and elsewhere, against a bare floor.

`make bench` measures everything in one run, see `__main__.py`; method and figures stand in
`docs/benchmarks.md`.
"""
