"""What the workers of one server tell each other, and where they keep what must be common.

`base` is the seam, `feed` what a worker has heard of lately, and there are three ways to reach
other workers: none (`memory`, one process), Unix sockets (`local`, one machine: they find each
other at a `meeting` and have a `line` each to each), and Redis.
"""
